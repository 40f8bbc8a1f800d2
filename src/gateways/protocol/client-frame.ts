import { RuntimeError } from "../../core/errors.ts";
import { isName } from "../../core/names.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { ClientFrame } from "./frames.ts";
import { WIRE_LIMITS } from "./limits.ts";

/** A decoded map, whose values have not been looked at. */
type Fields = Readonly<Record<string, unknown>>;

/** Checks one decoded value and makes a frame of what it knows in it. */
export function readClientFrame(value: unknown): Result<ClientFrame> {
  if (!isFields(value)) return invalid("", "an object with a type", value);
  switch (value["type"]) {
    case "ping":
      return readPing(value);
    case "ack":
      return readAck(value);
    case "hello":
      return readHello(value);
    default:
      return invalid("type", '"hello", "ack" or "ping"', value["type"]);
  }
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
export function describe(value: unknown): string {
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

function readPing(fields: Fields): Result<ClientFrame> {
  const { id, data } = fields;
  if (!isCount(id)) return invalid("id", COUNT, id);
  return ok(data === undefined ? { type: "ping", id } : { type: "ping", id, data });
}

function readAck(fields: Fields): Result<ClientFrame> {
  const { offsets, upTo } = fields;
  if (upTo !== undefined && !isCount(upTo)) return invalid("upTo", COUNT, upTo);
  if (offsets === undefined) {
    if (upTo === undefined) return invalid("offsets", "there, or upTo", undefined);
    return ok({ type: "ack", upTo });
  }
  if (!Array.isArray(offsets) || offsets.length > WIRE_LIMITS.ackOffsetsMax) {
    return invalid("offsets", `an array of at most ${WIRE_LIMITS.ackOffsetsMax}`, offsets);
  }
  for (let index = 0; index < offsets.length; index += 1) {
    const offset: unknown = offsets[index];
    if (!isCount(offset)) return invalid(`offsets.${index}`, COUNT, offset);
  }
  const checked: readonly number[] = offsets;
  return ok(
    upTo === undefined
      ? { type: "ack", offsets: checked }
      : { type: "ack", offsets: checked, upTo },
  );
}

function readHello(fields: Fields): Result<ClientFrame> {
  const { credential, device, resume, offset } = fields;
  const { credentialMax, nameMax, resumeMax } = WIRE_LIMITS;
  if (!isText(credential, credentialMax)) {
    return invalid("credential", `a string of 1 to ${credentialMax} characters`, credential);
  }
  if (typeof device !== "string" || !isName(device)) {
    return invalid(
      "device",
      `a string of 1 to ${nameMax} characters, none of them control`,
      device,
    );
  }
  if (resume !== undefined && !isText(resume, resumeMax)) {
    return invalid("resume", `a string of 1 to ${resumeMax} characters`, resume);
  }
  if (offset !== undefined && !isCount(offset)) return invalid("offset", COUNT, offset);
  return ok({
    type: "hello",
    credential,
    device,
    ...(resume === undefined ? {} : { resume }),
    ...(offset === undefined ? {} : { offset }),
  });
}

const COUNT = "an integer from 0 to 2^53 - 1";

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isText(value: unknown, max: number): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= max;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
