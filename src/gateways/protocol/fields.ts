import { RuntimeError } from "../../core/errors.ts";
import { fail, type Result } from "../../core/result.ts";

/** A decoded map, whose values have not been looked at. */
export type Fields = Readonly<Record<string, unknown>>;

export const COUNT = "an integer from 0 to 2^53 - 1";

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function isText(value: unknown, max: number): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= max;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The result of a frame that is not what the protocol says. */
export function invalid(path: string, expected: string, found: unknown): Result<never> {
  return refuse(path, expected, describe(found));
}

/** The same, where what was found is told in words. */
export function refuse(path: string, expected: string, got: string): Result<never> {
  const where = path === "" ? "the frame" : path;
  const message = `${where} must be ${expected}; got ${got}`;
  return fail(
    new RuntimeError("protocol.invalid", message, { problems: [{ path, expected, got }] }),
  );
}

/** What a bad value was, in a few words that hold nothing of a secret. */
function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  switch (typeof value) {
    case "string":
      return `a string of ${value.length} characters`;
    case "number":
    case "boolean":
      return String(value);
    default:
      return `a value of type ${typeof value}`;
  }
}
