import { isAttributeName, isTag, isValueText, type Scalar } from "./member-rules.ts";
import { instantOf, millisecondsOf } from "./moments.ts";
import { compareText } from "./text-order.ts";

/** How large a condition may be. */
export const CONDITION_LIMITS = {
  depthMax: 10,
  /** Parts altogether, at all levels. */
  partsMax: 200,
  /** Values of one `in`, and tags of one `anyTag`. */
  valuesMax: 1_000,
  patternMax: 256,
  /** Places that name an audience. */
  audiencesMax: 8,
} as const;

/** A field that is wrong, and what it should be. */
export interface Fault {
  readonly path: readonly (string | number)[];
  readonly expected: string;
}

type Fields = Readonly<Record<string, unknown>>;
type Path = readonly (string | number)[];

/** What each kind of condition is told by, and the fields that it may have beside that. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  all: [],
  any: [],
  not: [],
  attr: [...["eq", "ne", "lt", "lte", "gt", "gte", "in", "between", "prefix", "pattern", "exists"]],
  tag: [],
  anyTag: [],
  lastSeen: [],
  audience: [],
  sample: ["salt"],
};

const SCALAR = "a text of at most 1024 characters, a number, true or false";
const WORDS: Readonly<Record<string, string>> = { string: "text", number: "number" };
const ORDERED = "a text of at most 1024 characters or a number";

/** Everything that keeps a value from being a condition, in the order of its fields. */
export function checkCondition(value: unknown): Fault[] {
  const check = new Check();
  check.condition(value, [], 1);
  return check.faults;
}

class Check {
  readonly faults: Fault[] = [];
  #parts = 0;
  #audiences = 0;

  condition(value: unknown, path: Path, depth: number): void {
    this.#parts += 1;
    const { depthMax, partsMax } = CONDITION_LIMITS;
    // Said once: what is beyond the limit is not looked at.
    if (this.#parts > partsMax) {
      if (this.#parts === partsMax + 1) this.#fault(path, `at most ${partsMax} parts altogether`);
      return;
    }
    if (depth > depthMax) return this.#fault(path, `at most ${depthMax} levels`);
    const kinds = Object.keys(KINDS);
    if (!isFields(value)) return this.#fault(path, `an object with one of ${kinds.join(", ")}`);
    const [kind, ...others] = kinds.filter((name) => Object.hasOwn(value, name));
    if (kind === undefined || others.length > 0) {
      return this.#fault(path, `an object with one of ${kinds.join(", ")}`);
    }
    for (const name of Object.keys(value)) {
      if (name === kind || KINDS[kind]!.includes(name)) continue;
      this.#fault([...path, name], "no such field");
    }
    this.#kind(kind, value, path, depth);
  }

  #kind(kind: string, value: Fields, path: Path, depth: number): void {
    const at = [...path, kind];
    const given = value[kind];
    switch (kind) {
      case "all":
      case "any":
        return this.#list(given, at, (inner, place) => this.condition(inner, place, depth + 1));
      case "not":
        return this.condition(given, at, depth + 1);
      case "attr":
        return this.#attribute(value, path);
      case "tag":
        return this.#tag(given, at);
      case "anyTag":
        return this.#list(given, at, (tag, place) => this.#tag(tag, place), 1);
      case "lastSeen":
        return this.#seen(given, at);
      case "audience":
        return this.#audience(given, at);
      default:
        return this.#sample(value, path);
    }
  }

  #attribute(value: Fields, path: Path): void {
    const { attr } = value;
    if (typeof attr !== "string" || !isAttributeName(attr)) {
      this.#fault([...path, "attr"], "a name of letters, digits, _ . - (at most 64)");
    }
    const tests = KINDS["attr"]!.filter((name) => Object.hasOwn(value, name));
    if (tests.length === 0) {
      this.#fault(path, `beside attr at least one of ${KINDS["attr"]!.join(", ")}`);
    }
    for (const test of tests) this.#test(test, value[test], [...path, test]);
    this.#range(value, path);
  }

  /** Tests that no value fulfills together are a mistake, which would take nobody unsaid. */
  #range(value: Fields, path: Path): void {
    const given = (name: string): boolean => isOrdered(value[name]);
    const lows = ["gt", "gte"].filter(given);
    const highs = ["lt", "lte"].filter(given);
    const [first] = [...lows, ...highs];
    if (first === undefined) return;
    const type = typeof value[first];
    const other = [...lows, ...highs].find((name) => typeof value[name] !== type);
    if (other !== undefined) {
      return this.#fault([...path, other], `a ${WORDS[type] ?? type} as ${first} has`);
    }
    const texts = ["prefix", "pattern"].filter((name) => Object.hasOwn(value, name));
    if (type === "number" && texts.length > 0) {
      return this.#fault([...path, texts[0]!], `no such test beside ${first} with a number`);
    }
    for (const low of lows) {
      const empty = highs.find((high) => !isBelow(value, low, high));
      if (empty !== undefined) return this.#fault([...path, empty], `more than ${low} has`);
    }
  }

  #test(test: string, value: unknown, at: Path): void {
    switch (test) {
      case "eq":
      case "ne":
        return this.#must(isScalar(value), at, SCALAR);
      case "in": {
        const one = (it: unknown, place: Path) => this.#must(isScalar(it), place, SCALAR);
        return this.#list(value, at, one, 1);
      }
      case "between": {
        const isPair = Array.isArray(value) && value.length === 2 && value.every(isOrdered);
        const isRange = isPair && isInOrder(value[0]!, value[1]!);
        return this.#must(isRange, at, "two texts or two numbers, the lower one first");
      }
      case "prefix":
        return this.#must(isText(value) && value !== "", at, "a text of 1 to 1024 characters");
      case "pattern": {
        const max = CONDITION_LIMITS.patternMax;
        const isPattern = isText(value) && value !== "" && value.length <= max;
        return this.#must(isPattern, at, `a text of 1 to ${max} characters, with * and ?`);
      }
      case "exists":
        return this.#must(typeof value === "boolean", at, "true or false");
      default:
        return this.#must(isOrdered(value), at, ORDERED);
    }
  }

  #tag(value: unknown, at: Path): void {
    const isFine = typeof value === "string" && isTag(value);
    this.#must(isFine, at, "a tag of letters, digits, _ . : / - (at most 64)");
  }

  #seen(value: unknown, at: Path): void {
    const known = ["within", "before", "after"];
    if (!isFields(value) || !known.some((name) => Object.hasOwn(value, name))) {
      return this.#fault(at, "an object with within, before or after");
    }
    for (const [name, given] of Object.entries(value)) {
      const text = typeof given === "string" ? given : "";
      const place = [...at, name];
      if (!known.includes(name)) this.#fault(place, "no such field");
      else if (name === "within") {
        this.#must(millisecondsOf(text) !== undefined, place, "a duration as 30m, 12h, 7d or 4w");
      } else {
        const expected = "a date or an instant as 2026-05-01 or 2026-05-01T08:00:00Z";
        this.#must(instantOf(text) !== undefined, place, expected);
      }
    }
  }

  #audience(value: unknown, at: Path): void {
    this.#audiences += 1;
    const max = CONDITION_LIMITS.audiencesMax;
    if (this.#audiences > max) return this.#fault(at, `at most ${max} audiences altogether`);
    this.#must(isText(value) && value !== "" && value.length <= 128, at, "an audience's id");
  }

  #sample(value: Fields, path: Path): void {
    const { sample, salt } = value;
    const isShare = typeof sample === "number" && sample >= 0 && sample <= 100;
    this.#must(isShare, [...path, "sample"], "a number of per cent, 0 to 100");
    const isSalt = salt === undefined || (isText(salt) && salt.length <= 128);
    this.#must(isSalt, [...path, "salt"], "a text of at most 128 characters");
  }

  #list(
    value: unknown,
    at: Path,
    one: (item: unknown, place: Path) => void,
    min: number = 0,
  ): void {
    const max = CONDITION_LIMITS.valuesMax;
    const isList = Array.isArray(value) && value.length >= min && value.length <= max;
    if (!isList) return this.#fault(at, `a list of ${min} to ${max} items`);
    for (const [index, item] of value.entries()) one(item, [...at, index]);
  }

  #must(holds: boolean, path: Path, expected: string): void {
    if (!holds) this.#fault(path, expected);
  }

  #fault(path: Path, expected: string): void {
    this.faults.push({ path, expected });
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && isValueText(value);
}

function isOrdered(value: unknown): value is string | number {
  return isText(value) || (typeof value === "number" && Number.isFinite(value));
}

/** Two of one type, of which the first is not the greater one. */
function isInOrder(low: string | number, high: string | number): boolean {
  if (typeof low === "string") return typeof high === "string" && compareText(low, high) <= 0;
  return typeof high === "number" && low <= high;
}

/** Whether something is between these ends, which are of one type; an end may be in it. */
function isBelow(value: Fields, low: string, high: string): boolean {
  const ends = [value[low], value[high]] as [string | number, string | number];
  const isOneValue = low === "gte" && high === "lte" && ends[0] === ends[1];
  return isOneValue || (ends[0] !== ends[1] && isInOrder(...ends));
}

function isScalar(value: unknown): value is Scalar {
  return isOrdered(value) || typeof value === "boolean";
}
