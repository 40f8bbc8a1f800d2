import { z } from "zod";
import { type Problem, RuntimeError } from "../../core/errors.ts";
import { describeValue, problemsOf } from "../../core/problems.ts";
import type { Exchange } from "./exchange.ts";
import { bodySchemaOf, paramsOf, queryOf, type Route, type Schema } from "./route.ts";

/** Problems listed in one answer; more are only counted. */
const PROBLEMS_MAX = 100;
/** Levels of arrays and objects in a JSON body. */
const DEPTH_MAX = 32;

export interface Input {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/**
 * Checks everything that a request says and reports all that is wrong at once.
 *
 * @throws RuntimeError `http.invalid`.
 */
export function checkInput(
  route: Route,
  raw: { readonly params: unknown; readonly query: string; readonly body?: unknown },
): Input {
  const problems: Problem[] = [];
  const query = rawQuery(route, raw.query, problems);
  const input = {
    params: checked(paramsOf(route), raw.params, "path", problems),
    query: checked(queryOf(route), query, "query", problems),
    body: "body" in raw ? checked(bodySchemaOf(route), raw.body, "", problems) : undefined,
  };
  if (problems.length > 0) throw invalid(problems);
  return input;
}

export function invalid(problems: readonly Problem[]): RuntimeError {
  const count = problems.length;
  const listed = problems.slice(0, PROBLEMS_MAX);
  const rest = count > PROBLEMS_MAX ? `; the first ${PROBLEMS_MAX} are listed` : "";
  const message = `${count === 1 ? "1 thing is" : `${count} things are`} wrong${rest}`;
  return new RuntimeError("http.invalid", message, { problems: listed });
}

function checked(schema: Schema, value: unknown, prefix: string, problems: Problem[]): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  // One more than is listed, so that the count says there are more.
  const some = new z.ZodError(issues.slice(0, PROBLEMS_MAX + 1));
  for (const { path, ...problem } of problemsOf(some, value)) {
    problems.push({ path: prefix === "" ? path : `${prefix}.${path}`, ...problem });
  }
  return undefined;
}

/** Texts of the query, with digits as numbers where the schema wants a number. */
function rawQuery(route: Route, text: string, problems: Problem[]): Record<string, unknown> {
  const values: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of new URLSearchParams(text)) {
    if (name in values) {
      const got = `${describeValue(values[name])} and ${describeValue(value)}`;
      problems.push({ path: `query.${name}`, expected: "one value", got });
    }
    const isNumber = numbersOf(route).has(name) && /^-?\d{1,15}$/.test(value);
    values[name] = isNumber ? Number(value) : value;
  }
  return { ...values };
}

const numbers = new WeakMap<Route, ReadonlySet<string>>();

function numbersOf(route: Route): ReadonlySet<string> {
  const known = numbers.get(route);
  if (known !== undefined) return known;
  const { properties = {} } = z.toJSONSchema(queryOf(route), { io: "input" }) as {
    properties?: Record<string, { type?: string }>;
  };
  const names = Object.entries(properties).filter(([, { type }]) => type === "integer");
  const found = new Set(names.map(([name]) => name));
  numbers.set(route, found);
  return found;
}

/**
 * What the Content-Type header names; undefined when there is none.
 *
 * @throws RuntimeError `http.media-type` for a character set that is not UTF-8.
 */
export function mediaTypeOf(exchange: Exchange): string | undefined {
  const header = exchange.headers.get("content-type");
  if (header === undefined || header === "") return undefined;
  const [type = "", ...parameters] = header.split(";").map((part) => part.trim().toLowerCase());
  for (const parameter of parameters) {
    const charset = /^charset="?([^"]*)"?$/.exec(parameter)?.[1];
    if (charset !== undefined && !/^(utf-?8|us-ascii)$/.test(charset)) {
      throw new RuntimeError("http.media-type", `text is taken as UTF-8, not as ${charset}`);
    }
  }
  return type;
}

/** @throws RuntimeError `http.media-type` when there is a body and it is of another type. */
export function requireJson(type: string | undefined, bytes: number, also?: string): void {
  if (type === "application/json" || (type === undefined && bytes === 0)) return;
  const expected = also === undefined ? "application/json" : `application/json or ${also}`;
  const got = type ?? "a body without Content-Type";
  throw new RuntimeError("http.media-type", `expected ${expected}, got ${got}`);
}

/**
 * The value of a JSON body; an empty body is an empty object.
 *
 * @throws RuntimeError `http.invalid` when it is not UTF-8, not JSON, or too deep.
 */
export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) return {};
  if (depthOf(bytes) > DEPTH_MAX) {
    const expected = `at most ${DEPTH_MAX} levels of arrays and objects`;
    throw invalid([{ path: "", expected, got: "more" }]);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalid([{ path: "", expected: "text in UTF-8", got: "other bytes" }]);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw invalid([{ path: "", expected: "JSON", got: got.slice(0, 200) }]);
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** How deep brackets nest, from the bytes, so that a hostile text is never built into values. */
function depthOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let isText = false;
  for (let index = 0; index < bytes.byteLength; index += 1) {
    const byte = bytes[index]!;
    if (isText) {
      if (byte === BACKSLASH) index += 1;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) isText = true;
    // Square and curly brackets differ in one bit.
    else if ((byte | 0x20) === 0x7b) deepest = Math.max(deepest, ++depth);
    else if ((byte | 0x20) === 0x7d) depth -= 1;
  }
  return deepest;
}
