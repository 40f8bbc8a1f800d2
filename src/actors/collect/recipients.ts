import type { Problem } from "../../core/errors.ts";
import { RuntimeError } from "../../core/errors.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { isTimeZone } from "../../core/schedule.ts";
import type { Variables } from "../../core/template.ts";
import type { LineError, Recipient } from "./messages.ts";

const MEMBER_LENGTH_MAX = 128;
const COLUMNS_MAX = 100;
const COLUMN_LENGTH_MAX = 64;
const VALUE_LENGTH_MAX = 4_096;

/** What a header says about the fields of every line after it. */
export interface Columns {
  /** Fields per line. */
  readonly count: number;
  readonly member: number;
  /** The other columns by name, so that the same variables are always in the same order. */
  readonly vars: readonly { readonly name: string; readonly index: number }[];
}

/**
 * Reads a header: `member` (or `id`) names the recipient, every other column is a variable.
 *
 * Fails with `audience.invalid`, which names each column that is wrong.
 */
export function readHeader(fields: readonly string[]): Result<Columns> {
  const names = fields.map((field) => field.trim());
  const lower = names.map((name) => name.toLowerCase());
  const member = lower.includes("member") ? lower.indexOf("member") : lower.indexOf("id");
  const problems: Problem[] = [];
  if (member < 0) {
    problems.push({ path: "member", expected: "a column member", got: names.join(", ") });
  }
  if (names.length > COLUMNS_MAX) {
    const got = `${names.length} columns`;
    problems.push({ path: "", expected: `at most ${COLUMNS_MAX} columns`, got });
  }
  for (const [index, name] of names.entries()) {
    const expected = nameFault(names, index);
    if (expected !== undefined) problems.push({ path: `column ${index + 1}`, expected, got: name });
  }
  if (problems.length > 0) {
    const list = problems.map(
      ({ path, expected, got }) => `${path}: expected ${expected}, got ${got}`,
    );
    return fail(new RuntimeError("audience.invalid", `header: ${list.join("; ")}`, { problems }));
  }
  const vars = names
    .map((name, index) => ({ name, index }))
    .filter(({ index }) => index !== member)
    .sort((a, b) => compare(a.name, b.name));
  return ok({ count: names.length, member, vars });
}

/** Turns the fields of one line into a recipient, or says why they are none. */
export function readLine(
  columns: Columns,
  line: number,
  fields: readonly string[],
): Recipient | LineError {
  if (fields.length !== columns.count) {
    const expected = `${columns.count} fields`;
    return { line, field: "", expected, got: `${fields.length} fields` };
  }
  const member = fields[columns.member]!.trim();
  const expected = memberFault(member);
  if (expected !== undefined) return { line, field: "member", expected, got: shown(member) };

  let vars: Record<string, string> | undefined;
  for (const { name, index } of columns.vars) {
    // An empty field is no value, so that a template's fallback takes its place.
    const value = fields[index]!;
    if (value !== "") {
      vars ??= {};
      vars[name] = value;
    }
  }
  if (vars === undefined) return { member };
  return zoneFault(line, vars) ?? { member, vars };
}

/** Pages are cut by this variable: one that is no zone would silently go at another's time. */
function zoneFault(line: number, vars: Variables): LineError | undefined {
  const zone = vars["timeZone"];
  if (zone === undefined || isTimeZone(zone)) return undefined;
  const expected = "an IANA time zone as Europe/Vienna";
  return { line, field: "timeZone", expected, got: shown(zone) };
}

/** The same rules for a recipient that did not come from a file; `line` is its place, from 1. */
export function readListed(line: number, listed: Recipient): Recipient | LineError {
  const member = listed.member.trim();
  const expected = memberFault(member);
  if (expected !== undefined) return { line, field: "member", expected, got: shown(member) };
  const entries = Object.entries(listed.vars ?? {}).filter(([, value]) => value !== "");
  const long = entries.find(([name]) => name.length > COLUMN_LENGTH_MAX || !isPlain(name));
  if (long !== undefined || entries.length > COLUMNS_MAX) {
    const rule = `at most ${COLUMNS_MAX} variables with names as in a header`;
    return { line, field: "vars", expected: rule, got: shown(long?.[0] ?? `${entries.length}`) };
  }
  if (entries.length === 0) return { member };
  entries.sort(([a], [b]) => compare(a, b));
  const vars: Variables = Object.fromEntries(entries);
  return zoneFault(line, vars) ?? { member, vars };
}

/** The same rules for a value of a line: an id, as text or whole number, or `{member, vars}`. */
export function readValue(line: number, value: unknown): Recipient | LineError {
  const id = idOf(value);
  if (id !== undefined) return readListed(line, { member: id });
  const expected = "an id, or {member, vars} with texts";
  const { member, vars, ...others } = Object(value) as Readonly<Record<string, unknown>>;
  const listed = idOf(member);
  const isPlainObject = typeof value === "object" && !Array.isArray(value);
  if (!isPlainObject || listed === undefined || Object.keys(others).length > 0) {
    return { line, field: "", expected, got: shown(JSON.stringify(value) ?? "nothing") };
  }
  if (vars === undefined) return readListed(line, { member: listed });
  const isTexts =
    typeof vars === "object" &&
    vars !== null &&
    Object.values(vars).every((it) => typeof it === "string" && it.length <= VALUE_LENGTH_MAX);
  if (!isTexts) return { line, field: "vars", expected, got: shown(JSON.stringify(vars)) };
  return readListed(line, { member: listed, vars: vars as Readonly<Record<string, string>> });
}

function idOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return Number.isSafeInteger(value) ? String(value) : undefined;
}

export function isRecipient(value: Recipient | LineError): value is Recipient {
  return "member" in value;
}

/** By UTF-16 code units: the same everywhere, whatever the locale. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function nameFault(names: readonly string[], index: number): string | undefined {
  const name = names[index]!;
  if (name === "") return "a name";
  if (name.length > COLUMN_LENGTH_MAX) return `a name of at most ${COLUMN_LENGTH_MAX} characters`;
  if (!isPlain(name)) return "a name without braces, bars and control characters";
  if (names.indexOf(name) !== index) return "a name that no other column has";
  return undefined;
}

/** A name that a template can hold between braces, and that is safe as a key. */
function isPlain(name: string): boolean {
  return !/[{}|\p{Cc}]/u.test(name) && name !== "__proto__";
}

function memberFault(member: string): string | undefined {
  if (member === "") return "a member id";
  if (member.length > MEMBER_LENGTH_MAX) return `at most ${MEMBER_LENGTH_MAX} characters`;
  if (/[\p{Cc}\p{Cs}]/u.test(member)) return "no control characters";
  return undefined;
}

/** A value as an error may show it: short, and on one line. */
function shown(value: string): string {
  const short = value.length > 60 ? `${value.slice(0, 60)}...` : value;
  return short.replaceAll(/[\p{Cc}\p{Cs}]/gu, "\u{fffd}");
}
