import type { LineError, Recipient } from "./messages.ts";
import { readListed, readValue } from "./recipients.ts";

/**
 * Reads a member as a member API tells it: an id; an object with the id in the field `member`,
 * and with variables in `vars`, or in its other fields that are no lists and objects.
 *
 * `line` is its place among all members of the pull, from 1.
 */
export function readPulled(line: number, item: unknown, member: string): Recipient | LineError {
  if (typeof item !== "object" || item === null || Array.isArray(item)) {
    return readValue(line, item);
  }
  const { [member]: id, ...others } = item as Readonly<Record<string, unknown>>;
  const vars = others["vars"];
  if (typeof vars === "object") return readValue(line, { member: id, vars });
  if (typeof id !== "string" && !Number.isSafeInteger(id)) {
    const got = id === undefined ? "nothing" : (JSON.stringify(id) ?? "nothing").slice(0, 60);
    return { line, field: member, expected: "an id", got };
  }
  const told = Object.entries(others).flatMap(([name, value]) => {
    const text = textOf(value);
    return text === undefined ? [] : [[name, text] as const];
  });
  const long = told.find(([, text]) => text.length > VALUE_LENGTH_MAX);
  if (long !== undefined) {
    const [field, text] = long;
    return {
      line,
      field,
      expected: `at most ${VALUE_LENGTH_MAX} characters`,
      got: `${text.length}`,
    };
  }
  return readListed(line, { member: String(id), vars: Object.fromEntries(told) });
}

const VALUE_LENGTH_MAX = 4_096;

function textOf(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
    case "boolean":
      return String(value);
    default:
      return undefined;
  }
}
