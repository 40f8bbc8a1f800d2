import type { SQLInputValue } from "node:sqlite";
import type { AttributeTest, Condition, SeenTest } from "../../core/condition.ts";
import { seenRange } from "../../core/condition-matches.ts";
import { RuntimeError } from "../../core/errors.ts";
import { literalPrefix } from "../../core/glob.ts";
import {
  type FieldAttribute,
  isAttributeName,
  isFieldAttribute,
  type Scalar,
} from "../../core/member-rules.ts";
import { endOfPrefix } from "../../core/text-order.ts";

/** A condition as an SQL expression over `members`; its values are parameters, in order. */
export interface CompiledCondition {
  readonly sql: string;
  readonly params: readonly SQLInputValue[];
}

/** Columns of the attributes that are fields of the member. */
const COLUMNS: Readonly<Record<FieldAttribute, string>> = {
  id: "id",
  locale: "locale",
  timeZone: "time_zone",
};
const NUMBERS = "IN ('integer', 'real')";

/**
 * Compiles a condition. The expression is true for exactly the members that `matches` takes; for
 * others it is false or null.
 *
 * Only names of attributes, which are checked, become part of the text: the expression must be
 * the index's own for SQLite to use it. Every value is bound.
 */
export function compileCondition(condition: Condition, now: number): CompiledCondition {
  const params: SQLInputValue[] = [];
  const sql = new Compiler(params, now).expression(condition);
  return { sql, params };
}

/** The value of an attribute: what an index on it is made of. */
export function attributeSql(name: string): string {
  if (!isAttributeName(name)) throw new RuntimeError("internal", "not the name of an attribute");
  return `json_extract(attributes, '$."${name}"')`;
}

class Compiler {
  readonly #params: SQLInputValue[];
  readonly #now: number;

  constructor(params: SQLInputValue[], now: number) {
    this.#params = params;
    this.#now = now;
  }

  expression(condition: Condition): string {
    if ("all" in condition) return this.#joined(condition.all, " AND ", "1");
    if ("any" in condition) return this.#joined(condition.any, " OR ", "0");
    // Null is as good as false everywhere, so this is all that turning around takes.
    if ("not" in condition) return `(${this.expression(condition.not)}) IS NOT TRUE`;
    if ("attr" in condition) return this.#attribute(condition);
    if ("tag" in condition) return this.#tag(condition.tag);
    if ("anyTag" in condition) {
      return `(${condition.anyTag.map((tag) => this.#tag(tag)).join(" OR ")})`;
    }
    if ("lastSeen" in condition) return this.#seen(condition.lastSeen);
    if ("audience" in condition) return `in_audience(${this.#bind(condition.audience)}, id)`;
    const { salt = "", sample } = condition;
    return `sample_position(${this.#bind(salt)}, id) < ${this.#bind(sample)}`;
  }

  #joined(parts: readonly Condition[], by: string, none: string): string {
    if (parts.length === 0) return none;
    return `(${parts.map((part) => this.expression(part)).join(by)})`;
  }

  #tag(tag: string): string {
    return `json_type(tags, ${this.#bind(`$."${tag}"`)}) IS NOT NULL`;
  }

  #seen(test: SeenTest): string {
    const { from, after, before } = seenRange(test, this.#now);
    const tests = [
      ...(from === undefined ? [] : [`last_seen_at >= ${this.#bind(from)}`]),
      ...(after === undefined ? [] : [`last_seen_at > ${this.#bind(after)}`]),
      ...(before === undefined ? [] : [`last_seen_at < ${this.#bind(before)}`]),
    ];
    return `(${tests.join(" AND ")})`;
  }

  #attribute(test: AttributeTest): string {
    const tests = isFieldAttribute(test.attr)
      ? new FieldTests(COLUMNS[test.attr], this.#params).of(test)
      : new JsonTests(test.attr, this.#params).of(test);
    return `(${tests.join(" AND ")})`;
  }

  #bind(value: SQLInputValue): string {
    this.#params.push(value);
    return "?";
  }
}

/** Each test of one attribute as SQL, in the order of `of`. */
abstract class Tests {
  protected readonly params: SQLInputValue[];

  constructor(params: SQLInputValue[]) {
    this.params = params;
  }

  of(test: AttributeTest): string[] {
    const { eq, ne, lt, lte, gt, gte, in: list, between, prefix, pattern, exists } = test;
    const compare = (by: string, limit: string | number | undefined): string[] =>
      limit === undefined ? [] : [this.order(by, limit)];
    return [
      ...(exists === undefined ? [] : [`${this.presence()} IS ${exists ? "NOT " : ""}NULL`]),
      ...(eq === undefined ? [] : [this.equal(eq)]),
      ...(ne === undefined ? [] : [`(${this.presence()} IS NOT NULL AND ${this.not(ne)})`]),
      ...compare("<", lt),
      ...compare("<=", lte),
      ...compare(">", gt),
      ...compare(">=", gte),
      ...(list === undefined ? [] : [this.oneOf(list)]),
      ...(between === undefined
        ? []
        : [this.order(">=", between[0]), this.order("<=", between[1])]),
      ...(prefix === undefined ? [] : [this.#prefixed(prefix)]),
      ...(pattern === undefined ? [] : [this.#patterned(pattern)]),
    ];
  }

  /** Something that is null where there is no value. */
  protected abstract presence(): string;
  protected abstract equal(value: Scalar): string;
  protected abstract order(by: string, limit: string | number): string;
  protected abstract oneOf(values: readonly Scalar[]): string;
  /** What is a text when the value is one. */
  protected abstract value(): string;

  protected bind(value: SQLInputValue): string {
    this.params.push(value);
    return "?";
  }

  protected not(value: Scalar): string {
    return `(${this.equal(value)}) IS NOT TRUE`;
  }

  #prefixed(prefix: string): string {
    const end = endOfPrefix(prefix);
    const from = `${this.value()} >= ${this.bind(prefix)}`;
    return end === undefined ? `(${from})` : `(${from} AND ${this.value()} < ${this.bind(end)})`;
  }

  #patterned(pattern: string): string {
    const prefix = literalPrefix(pattern);
    const range = prefix === "" ? "" : `${this.#prefixed(prefix)} AND `;
    return `(${range}matches_glob(${this.bind(pattern)}, ${this.value()}))`;
  }
}

/**
 * Tests of a value in the JSON of attributes.
 *
 * SQLite takes true for the number 1, and all numbers to be before all texts, so what an index
 * finds is then asked for its type. Numbers are bound as JSON text, because SQLite reads them
 * from text with other last digits than JavaScript does: both sides of a comparison alike.
 */
class JsonTests extends Tests {
  readonly #value: string;
  readonly #type: string;

  constructor(name: string, params: SQLInputValue[]) {
    super(params);
    this.#value = attributeSql(name);
    this.#type = `json_type(attributes, '$."${name}"')`;
  }

  protected value(): string {
    return this.#value;
  }

  protected presence(): string {
    return this.#type;
  }

  protected equal(value: Scalar): string {
    if (typeof value === "string") return `${this.#value} = ${this.bind(value)}`;
    if (typeof value === "boolean") {
      return `(${this.#value} = ${value ? 1 : 0} AND ${this.#type} = '${value}')`;
    }
    return `(${this.#value} = ${this.#number(value)} AND ${this.#type} ${NUMBERS})`;
  }

  protected order(by: string, limit: string | number): string {
    return typeof limit === "string"
      ? `(${this.#value} ${by} ${this.bind(limit)} AND ${this.#type} = 'text')`
      : `(${this.#value} ${by} ${this.#number(limit)} AND ${this.#type} ${NUMBERS})`;
  }

  protected oneOf(values: readonly Scalar[]): string {
    const others = values.filter((value) => typeof value !== "boolean");
    const tests: string[] = [];
    if (others.length > 0) {
      const list = `(SELECT value FROM json_each(${this.bind(JSON.stringify(others))}))`;
      tests.push(`(${this.#value} IN ${list} AND ${this.#type} NOT IN ('true', 'false'))`);
    }
    for (const value of [true, false]) if (values.includes(value)) tests.push(this.equal(value));
    return tests.length === 1 ? tests[0]! : `(${tests.join(" OR ")})`;
  }

  #number(value: number): string {
    return `json_extract(${this.bind(JSON.stringify(value))}, '$')`;
  }
}

/** Tests of a column, which holds text or nothing. */
class FieldTests extends Tests {
  readonly #column: string;

  constructor(column: string, params: SQLInputValue[]) {
    super(params);
    this.#column = column;
  }

  protected value(): string {
    return this.#column;
  }

  protected presence(): string {
    return this.#column;
  }

  protected equal(value: Scalar): string {
    return typeof value === "string" ? `${this.#column} = ${this.bind(value)}` : "0";
  }

  protected order(by: string, limit: string | number): string {
    return typeof limit === "string" ? `${this.#column} ${by} ${this.bind(limit)}` : "0";
  }

  protected oneOf(values: readonly Scalar[]): string {
    const texts = values.filter((value) => typeof value === "string");
    const list = this.bind(JSON.stringify(texts));
    return `${this.#column} IN (SELECT value FROM json_each(${list}))`;
  }
}
