import type { z } from "zod";
import type { Problem } from "./errors.ts";

/** Every issue that a schema found in `input`, as field, expectation and what came. */
export function problemsOf(error: z.ZodError, input: unknown): Problem[] {
  return error.issues.flatMap((issue) => problemsOfIssue(issue, input));
}

/** One line per problem, for messages that people read. */
export function describeProblems(problems: readonly Problem[]): string {
  return problems
    .map(
      ({ path, expected, got }) => `${path || "(whole input)"}: expected ${expected}, got ${got}`,
    )
    .join("; ");
}

/** What came, in at most 80 characters; never the whole of a large value. */
export function describeValue(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = typeof value === "string" ? JSON.stringify(value) : jsonOf(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function problemsOfIssue(issue: z.core.$ZodIssue, input: unknown): Problem[] {
  const at = (path: readonly PropertyKey[]) => path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: at([...issue.path, key]),
      expected: "no such field",
      got: describeValue(valueAt(input, [...issue.path, key])),
    }));
  }
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    return problemsOfUnion(issue, input);
  }
  const value = valueAt(input, issue.path);
  const isLong = issue.code === "too_big" && Array.isArray(value);
  const got = isLong ? `${value.length} items` : describeValue(value);
  return [{ path: at(issue.path), expected: expectation(issue), got }];
}

/**
 * Of the alternatives, what came tried to be the one that fails furthest inside, and least. A
 * field that an alternative does not know says more against it than one that is missing.
 */
function problemsOfUnion(issue: z.core.$ZodIssueInvalidUnion, input: unknown): Problem[] {
  const depth = (issues: readonly z.core.$ZodIssue[]) =>
    Math.min(
      ...issues.map(({ code, path }) => path.length + (code === "unrecognized_keys" ? 1 : 0)),
    );
  const faults = (issues: readonly z.core.$ZodIssue[]) =>
    issues.reduce((sum, it) => sum + (it.code === "unrecognized_keys" ? 2 * it.keys.length : 1), 0);
  const nearest = issue.errors.reduce((a, b) => {
    if (depth(a) !== depth(b)) return depth(b) > depth(a) ? b : a;
    return faults(b) < faults(a) ? b : a;
  });
  if (depth(nearest) > 0) {
    return nearest.flatMap((inner) =>
      problemsOfIssue({ ...inner, path: [...issue.path, ...inner.path] }, input),
    );
  }
  const expected = [...new Set(issue.errors.flatMap((all) => all.map(expectation)))].join(", or ");
  const got = describeValue(valueAt(input, issue.path));
  return [{ path: issue.path.map(String).join("."), expected, got }];
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      if (issue.expected === "nonoptional") return "a value";
      return issue.expected === "int" ? "a whole number" : article(issue.expected);
    case "too_small":
      return amount(
        issue.inclusive === false ? "more than" : "at least",
        issue.minimum,
        issue.origin,
      );
    case "too_big":
      return amount(
        issue.inclusive === false ? "less than" : "at most",
        issue.maximum,
        issue.origin,
      );
    case "invalid_value":
      return oneOf(issue.values);
    case "invalid_union":
      return oneOf("options" in issue && Array.isArray(issue.options) ? issue.options : []);
    case "invalid_key":
      return issue.issues[0] === undefined ? issue.message : expectation(issue.issues[0]);
    case "invalid_format":
      // A schema may say in words what its pattern means.
      if (issue.message !== "" && !issue.message.startsWith("Invalid")) return issue.message;
      return issue.pattern ? `text matching ${issue.pattern}` : `text in the form ${issue.format}`;
    default:
      return issue.message;
  }
}

function oneOf(values: readonly unknown[]): string {
  return `one of ${values.map((value) => JSON.stringify(value)).join(", ")}`;
}

function amount(bound: string, value: number | bigint, origin: string): string {
  if (origin === "string") return `a length of ${bound} ${value}`;
  if (origin !== "array") return `${bound} ${value}`;
  return `${bound} ${value} ${Number(value) === 1 ? "item" : "items"}`;
}

function article(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    input,
  );
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
