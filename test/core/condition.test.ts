import { expect, test } from "vitest";
import { audiencesOf, type Condition, readCondition } from "../../src/core/condition.ts";
import { type Judged, matches, samplePosition } from "../../src/core/condition-matches.ts";
import { explain } from "../../src/core/condition-words.ts";
import { RuntimeError } from "../../src/core/errors.ts";

const DAY_MS = 86_400_000;
const NOW = Date.parse("2026-05-10T12:00:00Z");

const ada: Judged = {
  id: "m-1",
  attributes: { city: "Wien", age: 36, vip: true, plan: "pro-yearly", name: "Ada ☕🎉" },
  tags: ["beta", "2026"],
  locale: "de-AT",
  lastSeenAt: NOW - 3 * DAY_MS,
};

function holds(condition: unknown, member: Judged = ada): boolean {
  const isInAudience = (audience: string, id: string) => audience === "aud_1" && id === "m-1";
  return matches(readCondition(condition), member, { now: NOW, isInAudience });
}

function problemsOf(condition: unknown): string[] {
  try {
    readCondition(condition);
    return [];
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(RuntimeError);
    expect((thrown as RuntimeError).code).toBe("condition.invalid");
    return (thrown as RuntimeError).problems.map(({ path, expected }) => `${path}: ${expected}`);
  }
}

test.each<[unknown, boolean]>([
  [{ attr: "city", eq: "Wien" }, true],
  [{ attr: "city", eq: "wien" }, false],
  [{ attr: "age", eq: "36" }, false],
  [{ attr: "vip", eq: 1 }, false],
  [{ attr: "vip", eq: true }, true],
  [{ attr: "city", ne: "Graz" }, true],
  [{ attr: "street", ne: "Graz" }, false],
  [{ not: { attr: "street", eq: "Graz" } }, true],
  [{ attr: "age", gte: 36, lt: 37 }, true],
  [{ attr: "age", gt: 36 }, false],
  [{ attr: "age", lte: "a" }, false],
  [{ attr: "city", gt: 5 }, false],
  [{ attr: "city", lt: "Wiener" }, true],
  [{ attr: "age", between: [36, 40] }, true],
  [{ attr: "age", in: ["36", 36] }, true],
  [{ attr: "age", in: ["36", true] }, false],
  [{ attr: "plan", prefix: "pro-" }, true],
  [{ attr: "age", prefix: "3" }, false],
  [{ attr: "plan", pattern: "pro-*ly" }, true],
  [{ attr: "plan", pattern: "pro" }, false],
  [{ attr: "name", pattern: "Ada ??" }, true],
  [{ attr: "age", exists: true }, true],
  [{ attr: "street", exists: false }, true],
  [{ attr: "street", exists: true }, false],
  [{ attr: "locale", prefix: "de" }, true],
  [{ attr: "timeZone", exists: false }, true],
  [{ attr: "id", eq: "m-1" }, true],
  [{ attr: "constructor", exists: true }, false],
  [{ tag: "beta" }, true],
  [{ tag: "bet" }, false],
  [{ anyTag: ["x", "2026"] }, true],
  [{ lastSeen: { within: "3d" } }, true],
  [{ lastSeen: { within: "71h" } }, false],
  [{ lastSeen: { before: "2026-05-08" } }, true],
  [{ lastSeen: { after: "2026-05-07T12:00:00Z" } }, false],
  [{ audience: "aud_1" }, true],
  [{ not: { audience: "aud_1" } }, false],
  [{ sample: 100 }, true],
  [{ sample: 0 }, false],
  [{ all: [] }, true],
  [{ any: [] }, false],
  [{ all: [{ tag: "beta" }, { any: [{ tag: "x" }, { attr: "age", gt: 30 }] }] }, true],
])("%j is %s for Ada", (condition, expected) => {
  expect(holds(condition)).toBe(expected);
  expect(holds({ not: condition })).toBe(!expected);
});

test("a member never seen fails every test of when it was seen", () => {
  const unseen = { id: "m-2", attributes: {}, tags: [] };
  for (const lastSeen of [{ within: "999999w" }, { before: "2999-01-01" }, { after: "1970-01-02" }])
    expect(holds({ lastSeen }, unseen)).toBe(false);
});

test("a sample takes about its share, always the same, and another one for another salt", () => {
  const ids = Array.from({ length: 20_000 }, (_, n) => `m-${n}`);
  const drawn = (salt: string) => ids.filter((id) => samplePosition(salt, id) < 10);
  expect(drawn("a").length).toBeGreaterThan(1_850);
  expect(drawn("a").length).toBeLessThan(2_150);
  expect(drawn("a")).toEqual(drawn("a"));
  const both = drawn("a").filter((id) => samplePosition("b", id) < 10);
  expect(both.length).toBeLessThan(300);
});

test.each<[string, unknown, string[]]>([
  ["a text", "x", [": an object with one of all, any, not, attr"]],
  ["two kinds", { tag: "a", attr: "b", eq: 1 }, [": an object with one of"]],
  ["an unknown field", { tag: "a", tags: 1 }, ["tags: no such field"]],
  [
    "many wrong fields",
    { all: [{ attr: "a b", eq: {} }, { not: { tag: 'x"' } }, { lastSeen: { within: "week" } }] },
    [
      "all.0.attr: a name of letters",
      "all.0.eq: a text",
      "all.1.not.tag: a tag of letters",
      "all.2.lastSeen.within: a duration",
    ],
  ],
  ["no test", { attr: "a" }, [": beside attr at least one of eq"]],
  ["a range upside down", { attr: "a", between: [64, 18] }, ["between: two texts or two numbers"]],
  ["a mixed range", { attr: "a", between: [1, "b"] }, ["between: two texts or two numbers"]],
  ["no such day", { lastSeen: { before: "2026-02-30" } }, ["lastSeen.before: a date"]],
  ["a local time", { lastSeen: { after: "2026-02-03T04:05" } }, ["lastSeen.after: a date"]],
  ["an empty list", { attr: "a", in: [] }, ["in: a list of 1 to 1000 items"]],
  ["half a character", { attr: "a", eq: "\ud800" }, ["eq: a text"]],
  ["too large a share", { sample: 101, salt: 1 }, ["sample: a number", "salt: a text"]],
])("%s is refused, with the path of each field", (_, condition, expected) => {
  const found = problemsOf(condition);
  expect(found).toHaveLength(expected.length);
  for (const [index, start] of expected.entries()) expect(found[index]).toContain(start);
});

test("tests that no value fulfills together are refused, with the field", () => {
  const refused = (tests: object): string[] => problemsOf({ attr: "age", ...tests });
  expect(refused({ gte: 18, lt: "65" })).toEqual(["lt: a number as gte has"]);
  expect(refused({ gt: "a", lte: 3 })).toEqual(["lte: a text as gt has"]);
  expect(refused({ gte: 65, lt: 18 })).toEqual(["lt: more than gte has"]);
  expect(refused({ gt: 5, lte: 5 })).toEqual(["lte: more than gt has"]);
  expect(refused({ gte: 18, prefix: "1" })).toEqual([
    "prefix: no such test beside gte with a number",
  ]);
  for (const fine of [
    { gte: 5, lte: 5 },
    { gt: "A", lt: "a" },
    { lt: 3, eq: 1 },
    { gt: 1, gte: 2 },
  ])
    expect(refused(fine)).toEqual([]);
});

test("a condition is bounded in depth, parts, values, audiences and patterns", () => {
  let deep: unknown = { tag: "x" };
  for (let level = 0; level < 2_000; level += 1) deep = { not: deep };
  expect(problemsOf(deep)).toEqual([`${"not.".repeat(10).slice(0, -1)}: at most 10 levels`]);
  const wide = { any: Array.from({ length: 1_000 }, () => ({ tag: "x" })) };
  expect(problemsOf(wide)).toEqual(["any.199: at most 200 parts altogether"]);
  const list = Array.from({ length: 1_001 }, (_, n) => n);
  expect(problemsOf({ attr: "a", in: list })).toEqual(["in: a list of 1 to 1000 items"]);
  const audiences = { all: Array.from({ length: 9 }, (_, n) => ({ audience: `aud_${n}` })) };
  expect(problemsOf(audiences)).toEqual(["all.8.audience: at most 8 audiences altogether"]);
  expect(problemsOf({ attr: "a", pattern: "*".repeat(257) })).toHaveLength(1);
});

test("a condition is told in plain words", () => {
  const condition: Condition = {
    all: [
      { attr: "plan", in: ["pro", "team"] },
      { any: [{ attr: "age", gte: 18, lt: 65 }, { tag: "vip" }] },
      { not: { audience: "aud_1" } },
      { lastSeen: { within: "7d" } },
      { sample: 10, salt: "may" },
    ],
  };
  expect(explain(condition)).toBe(
    'plan is one of "pro", "team" and ((age is at least 18 and age is less than 65)' +
      " or tagged vip) and not (in audience aud_1) and last seen within the last 7d and" +
      ' in a steady sample of 10 %, drawn as "may"',
  );
  expect(explain({ all: [] })).toBe("everybody");
  expect(explain({ any: [] })).toBe("nobody");
});

test("the audiences that a condition names are known, each once", () => {
  const condition = { any: [{ audience: "a" }, { not: { audience: "b" } }, { audience: "a" }] };
  expect(audiencesOf(condition)).toEqual(["a", "b"]);
});
