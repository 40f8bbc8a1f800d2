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
  const got = describeValue(valueAt(input, issue.path));
  return [{ path: at(issue.path), expected: expectation(issue), got }];
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.expected === "int" ? "a whole number" : article(issue.expected);
    case "too_small":
      return `${lengthOf(issue.origin)}at least ${issue.minimum}`;
    case "too_big":
      return `${lengthOf(issue.origin)}at most ${issue.maximum}`;
    case "invalid_value":
      return `one of ${issue.values.map((value) => JSON.stringify(value)).join(", ")}`;
    case "invalid_format":
      return issue.pattern ? `text matching ${issue.pattern}` : `text in the form ${issue.format}`;
    default:
      return issue.message;
  }
}

function lengthOf(origin: string): string {
  if (origin === "string") return "a length of ";
  return origin === "array" ? "a number of items of " : "";
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
