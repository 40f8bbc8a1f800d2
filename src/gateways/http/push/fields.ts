import type { Problem } from "../../../core/errors.ts";
import { describeValue } from "../../../core/problems.ts";
import { refused } from "./reply.ts";
import { int64Text } from "./wide-json.ts";

const INT_MAX = 1_000_000_000;
const MIDS_MAX = 100_000;

/** Reads the fields of an old caller's body, and says everything that is wrong at once. */
export class Fields {
  readonly #body: Readonly<Record<string, unknown>>;
  readonly #problems: Problem[] = [];

  constructor(body: unknown) {
    const isObject = typeof body === "object" && body !== null && !Array.isArray(body);
    this.#body = isObject ? (body as Record<string, unknown>) : {};
    if (!isObject) this.#wrong("", "an object", body);
  }

  /** Throws when something that was read is wrong. */
  check(): void {
    const [first] = this.#problems;
    if (first !== undefined) throw refused(`${first.path} is wrong`, this.#problems);
  }

  int(name: string, min: number, fallback?: number): number {
    const value = this.#body[name] ?? fallback;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= INT_MAX) {
      return value;
    }
    this.#wrong(name, `a whole number, ${min} to ${INT_MAX}`, value);
    return min;
  }

  flag(name: string): boolean {
    const value = this.#body[name] ?? false;
    if (typeof value === "boolean") return value;
    this.#wrong(name, "true or false", value);
    return false;
  }

  text(name: string): string {
    const value = this.#body[name];
    if (typeof value === "string" && value !== "") return value;
    this.#wrong(name, "text", value);
    return "";
  }

  /** Any JSON but nothing: null, an empty text, an empty object. */
  json(name: string): unknown {
    const value = this.#body[name];
    const isEmpty = value === undefined || value === null || value === "";
    if (isEmpty) this.#wrong(name, "JSON that is not empty", value);
    return value;
  }

  mid(name: string): string {
    const text = int64Text(this.#body[name]);
    if (text === undefined) this.#wrong(name, "a member's number (int64)", this.#body[name]);
    return text ?? "0";
  }

  /** `condition` of the one kind there is: `{mids: [...]}`. */
  mids(): string[] {
    const condition = this.#body["condition"];
    const mids =
      typeof condition === "object" && condition !== null && "mids" in condition
        ? condition.mids
        : undefined;
    if (!Array.isArray(mids)) {
      this.#wrong("condition", "{mids: [...]}", condition);
      return [];
    }
    if (mids.length > MIDS_MAX) this.#wrong("condition.mids", TOO_MANY, mids.length);
    const bad = mids.findIndex((mid) => int64Text(mid) === undefined);
    if (bad >= 0) this.#wrong(`condition.mids.${bad}`, "a member's number (int64)", mids[bad]);
    return mids.map((mid) => int64Text(mid) ?? "");
  }

  wrong(path: string, expected: string, got: unknown): void {
    this.#wrong(path, expected, got);
  }

  #wrong(path: string, expected: string, got: unknown): void {
    const shown = typeof got === "bigint" ? got.toString() : describeValue(got);
    this.#problems.push({ path, expected, got: shown });
  }
}

const TOO_MANY = `at most ${MIDS_MAX}; more are imported as CSV, by POST /v1/audiences`;
