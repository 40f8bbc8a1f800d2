import { expect, test } from "vitest";
import { z } from "zod";
import { describeProblems, describeValue, problemsOf } from "../../src/core/problems.ts";

const schema = z.strictObject({
  name: z.string().min(1).max(5),
  rate: z.int().min(0),
  kind: z.enum(["a", "b"]),
  tags: z.array(z.string()).max(2),
});

test("each problem names the field, what was expected and what came", () => {
  const input = { name: "", rate: -1, kind: "c", tags: [1, "x"], more: true };
  const result = schema.safeParse(input);
  expect(result.success).toBe(false);
  const problems = problemsOf(result.error!, input);
  expect(problems).toContainEqual({ path: "rate", expected: "at least 0", got: "-1" });
  expect(problems).toContainEqual({ path: "kind", expected: 'one of "a", "b"', got: '"c"' });
  expect(problems).toContainEqual({ path: "more", expected: "no such field", got: "true" });
  expect(problems).toContainEqual({ path: "tags.0", expected: "a string", got: "1" });
  expect(problems).toContainEqual({
    path: "name",
    expected: "a length of at least 1",
    got: '""',
  });
});

test("a bound that is not in the range is told so", () => {
  const share = z.object({ percent: z.number().gt(0).lt(100) });
  const told = (percent: number) =>
    problemsOf(share.safeParse({ percent }).error!, { percent }).map(({ expected }) => expected);
  expect(told(0)).toEqual(["more than 0"]);
  expect(told(100)).toEqual(["less than 100"]);
});

test("what is missing is said to be nothing", () => {
  const result = schema.safeParse({});
  const problems = problemsOf(result.error!, {});
  expect(problems.find(({ path }) => path === "name")?.got).toBe("nothing");
});

test("a large value is cut, and one that is not JSON is still described", () => {
  expect(describeValue("x".repeat(1000))).toHaveLength(80);
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  expect(describeValue(circular)).toBe("[object Object]");
});

test("a problem of the whole input is described as such", () => {
  expect(describeProblems([{ path: "", expected: "an object", got: "7" }])).toBe(
    "(whole input): expected an object, got 7",
  );
});

test("a pattern that a schema explains is told in its words, also for keys", () => {
  const time = z.string().regex(/^\d\d:\d\d$/, "a time of day, as 22:00");
  const explained = z.object({
    from: time,
    by: z.record(time, z.string()),
    two: z.array(time).min(2),
  });
  const input = { from: "25", by: { noon: "x" }, two: [] };
  const problems = problemsOf(explained.safeParse(input).error!, input);
  expect(problems).toEqual([
    { path: "from", expected: "a time of day, as 22:00", got: '"25"' },
    { path: "by.noon", expected: "a time of day, as 22:00", got: '"x"' },
    { path: "two", expected: "at least 2 items", got: "[]" },
  ]);
});

test("of two alternatives the one is explained whose fields were used", () => {
  const at = z.strictObject({ at: z.number() });
  const local = z.strictObject({ local: z.string(), zone: z.string(), late: z.number() });
  const input = { when: { local: "2030-01-01T09:00" } };
  const problems = problemsOf(
    z.object({ when: z.union([at, local]) }).safeParse(input).error!,
    input,
  );
  expect(problems.map(({ path }) => path)).toEqual(["when.zone", "when.late"]);
});
