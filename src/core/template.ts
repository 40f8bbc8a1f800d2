import { type Problem, RuntimeError } from "./errors.ts";
import { fail, ok, type Result } from "./result.ts";

/** The values that a template may name, `member` apart. */
export type Variables = Readonly<Record<string, string>>;

/** What came of one recipient: JSON text, or the variable that is missing. */
export type Rendered =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly missing: string };

/** Turns a recipient into the JSON text of its message. */
export type Template = (member: string, variables: Variables | undefined) => Rendered;

interface Slot {
  readonly name: string;
  readonly fallback: string | undefined;
}

type Part = string | Slot;

const DEPTH_MAX = 64;
const PLACEHOLDER = /\{\{\s*([^{}|]*?)\s*(?:\|([^{}]*))?\}\}/g;

/**
 * Compiles a JSON value whose string values may hold `{{variable}}` or `{{variable|fallback}}`.
 *
 * `{{member}}` is always there. Values are escaped, so that the result is JSON whatever they
 * hold. A payload without variables is encoded once for everybody. Fails with
 * `campaign.invalid`, which names each field with a malformed placeholder, below `path`.
 */
export function compileTemplate(payload: unknown, path = "payload"): Result<Template> {
  const parts: Part[] = [];
  const problems: Problem[] = [];
  write(payload, { path, depth: 0 }, { parts, problems });
  if (problems.length > 0) {
    const list = problems.map(
      ({ path, expected, got }) => `${path}: expected ${expected}, got ${got}`,
    );
    return fail(new RuntimeError("campaign.invalid", list.join("; "), { problems }));
  }
  const merged = merge(parts);
  const [first] = merged;
  if (merged.length === 1 && typeof first === "string") {
    const rendered: Rendered = { ok: true, text: first };
    return ok(() => rendered);
  }
  return ok((member, variables) => render(merged, member, variables));
}

function render(
  parts: readonly Part[],
  member: string,
  variables: Variables | undefined,
): Rendered {
  let text = "";
  for (const part of parts) {
    if (typeof part === "string") {
      text += part;
      continue;
    }
    const value = valueFor(part, member, variables);
    if (value === undefined) return { ok: false, missing: part.name };
    text += escapeInString(value);
  }
  return { ok: true, text };
}

function valueFor(
  slot: Slot,
  member: string,
  variables: Variables | undefined,
): string | undefined {
  if (slot.name === "member") return member;
  if (variables !== undefined && Object.hasOwn(variables, slot.name)) return variables[slot.name];
  return slot.fallback;
}

interface Place {
  readonly path: string;
  readonly depth: number;
}

interface Output {
  readonly parts: Part[];
  readonly problems: Problem[];
}

/** Writes the value as JSON text with slots in it. */
function write(value: unknown, place: Place, out: Output): void {
  if (typeof value === "string") return writeString(value, place, out);
  if (typeof value !== "object" || value === null) {
    out.parts.push(JSON.stringify(value) ?? "null");
    return;
  }
  if (place.depth >= DEPTH_MAX) {
    const expected = `at most ${DEPTH_MAX} levels`;
    out.problems.push({ path: place.path, expected, got: "more" });
    return;
  }
  const isArray = Array.isArray(value);
  const entries = Object.entries(value).filter(([, it]) => isArray || it !== undefined);
  out.parts.push(isArray ? "[" : "{");
  for (const [index, [key, it]] of entries.entries()) {
    if (index > 0) out.parts.push(",");
    if (!isArray) out.parts.push(`${JSON.stringify(key)}:`);
    write(it, { path: `${place.path}.${key}`, depth: place.depth + 1 }, out);
  }
  out.parts.push(isArray ? "]" : "}");
}

function writeString(value: string, place: Place, out: Output): void {
  let end = 0;
  out.parts.push('"');
  for (const match of value.matchAll(PLACEHOLDER)) {
    const [whole, name, fallback] = match;
    out.parts.push(literal(value.slice(end, match.index), place, out));
    if (name === "") {
      out.problems.push({ path: place.path, expected: "{{variable}}", got: whole });
    }
    out.parts.push({ name: name!, fallback });
    end = match.index + whole.length;
  }
  out.parts.push(literal(value.slice(end), place, out), '"');
}

function literal(text: string, place: Place, out: Output): string {
  const at = text.indexOf("{{");
  if (at >= 0) {
    const got = text.slice(at, at + 40);
    out.problems.push({ path: place.path, expected: "{{variable}} or {{variable|fallback}}", got });
  }
  return escapeInString(text);
}

/** Text as it stands between the quotes of a JSON string. */
function escapeInString(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function merge(parts: readonly Part[]): Part[] {
  const merged: Part[] = [];
  for (const part of parts) {
    const last = merged.at(-1);
    if (typeof part === "string" && typeof last === "string")
      merged[merged.length - 1] = last + part;
    else merged.push(part);
  }
  return merged;
}
