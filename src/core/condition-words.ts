import type { AttributeTest, Condition, SeenTest } from "./condition.ts";
import type { Scalar } from "./member-rules.ts";

/** Values of a list that are written out; of more, how many there are. */
const LISTED_MAX = 5;

/** A condition in plain words, as `plan is "pro" and (age is at least 18 or tagged vip)`. */
export function explain(condition: Condition): string {
  return words(condition, false);
}

function words(condition: Condition, isInner: boolean): string {
  if ("all" in condition) return joined(condition.all, "and", isInner, "everybody");
  if ("any" in condition) return joined(condition.any, "or", isInner, "nobody");
  if ("not" in condition) return negated(condition.not);
  if ("attr" in condition) {
    const tests = attributeWords(condition);
    const text = tests.join(" and ");
    return isInner && tests.length > 1 ? `(${text})` : text;
  }
  if ("tag" in condition) return `tagged ${condition.tag}`;
  if ("anyTag" in condition) return `tagged any of ${listed(condition.anyTag)}`;
  if ("lastSeen" in condition) return seenWords(condition.lastSeen);
  if ("audience" in condition) return `in audience ${condition.audience}`;
  const salt = condition.salt === undefined ? "" : `, drawn as ${quoted(condition.salt)}`;
  return `in a steady sample of ${condition.sample} %${salt}`;
}

function negated(condition: Condition): string {
  const inner = words(condition, true);
  return inner.startsWith("(") ? `not ${inner}` : `not (${inner})`;
}

function joined(
  parts: readonly Condition[],
  by: "and" | "or",
  isInner: boolean,
  none: string,
): string {
  if (parts.length === 0) return none;
  if (parts.length === 1) return words(parts[0]!, isInner);
  const text = parts.map((part) => words(part, true)).join(` ${by} `);
  return isInner ? `(${text})` : text;
}

function attributeWords(test: AttributeTest): string[] {
  const { attr, eq, ne, lt, lte, gt, gte, in: list, between, prefix, pattern, exists } = test;
  const said = (what: string | undefined): string[] =>
    what === undefined ? [] : [`${attr} ${what}`];
  const one = (name: string, value: Scalar | undefined): string[] =>
    said(value === undefined ? undefined : `${name} ${quoted(value)}`);
  return [
    ...said(exists === undefined ? undefined : exists ? "is known" : "is not known"),
    ...one("is", eq),
    ...one("is known and not", ne),
    ...one("is at least", gte),
    ...one("is more than", gt),
    ...one("is at most", lte),
    ...one("is less than", lt),
    ...said(list && `is one of ${listed(list)}`),
    ...said(between && `is from ${quoted(between[0])} to ${quoted(between[1])}`),
    ...one("begins with", prefix),
    ...one("looks like", pattern),
  ];
}

function seenWords({ within, before, after }: SeenTest): string {
  const parts = [
    ...(within === undefined ? [] : [`within the last ${within}`]),
    ...(after === undefined ? [] : [`after ${after}`]),
    ...(before === undefined ? [] : [`before ${before}`]),
  ];
  return `last seen ${parts.join(" and ")}`;
}

function listed(values: readonly Scalar[]): string {
  const shown = values.slice(0, LISTED_MAX).map(quoted).join(", ");
  return values.length > LISTED_MAX ? `${shown} and ${values.length - LISTED_MAX} more` : shown;
}

function quoted(value: Scalar): string {
  return JSON.stringify(value);
}
