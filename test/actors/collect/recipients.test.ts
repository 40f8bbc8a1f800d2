import { expect, test } from "vitest";
import { cutPages } from "../../../src/actors/collect/pages.ts";
import { partitionsFor, partitionsForRows } from "../../../src/actors/collect/partitions.ts";
import type { Columns } from "../../../src/actors/collect/recipients.ts";
import { readHeader, readLine, readListed } from "../../../src/actors/collect/recipients.ts";
import { partitionOf } from "../../../src/core/hash.ts";

function header(...fields: string[]): Columns {
  const result = readHeader(fields);
  if (!result.ok) throw result.error;
  return result.value;
}

function headerProblems(...fields: string[]): string[] {
  const result = readHeader(fields);
  return result.ok ? [] : result.error.problems.map(({ path, expected }) => `${path}: ${expected}`);
}

test("a header needs a column member or id, and every other column is a variable", () => {
  expect(header("name", "Member").member).toBe(1);
  expect(header("id", "city").vars).toEqual([{ name: "city", index: 1 }]);
  expect(header("id", "member").vars).toEqual([{ name: "id", index: 0 }]);
});

test("a bad header is refused with the names of what is wrong", () => {
  expect(headerProblems("name", "city")).toEqual(["member: a column member"]);
  expect(headerProblems("member", "a", "a")).toEqual(["column 3: a name that no other column has"]);
  expect(headerProblems("member", "")).toEqual(["column 2: a name"]);
  expect(headerProblems("member", "x{y")).toEqual([
    "column 2: a name without braces, bars and control characters",
  ]);
  expect(headerProblems("member", "__proto__").length).toBe(1);
  const wide = Array.from({ length: 101 }, (_, index) => `c${index}`);
  expect(headerProblems("member", ...wide)).toEqual([": at most 100 columns"]);
});

test("variables are kept by name, in one order, without the empty ones", () => {
  const columns = header("zip", "member", "city");
  const recipient = readLine(columns, 2, ["1000", " u1 ", "Bern"]);
  expect(JSON.stringify(recipient)).toBe('{"member":"u1","vars":{"city":"Bern","zip":"1000"}}');
  expect(readLine(columns, 3, ["", "u2", ""])).toEqual({ member: "u2" });
});

test("a line without a usable member id is an error with its number and field", () => {
  const columns = header("member");
  expect(readLine(columns, 7, [" "])).toMatchObject({ line: 7, field: "member" });
  expect(readLine(columns, 8, ["x".repeat(129)])).toMatchObject({
    expected: "at most 128 characters",
  });
  expect(readLine(columns, 9, ["a\u0007b"])).toMatchObject({
    expected: "no control characters",
    got: "a\u{fffd}b",
  });
  expect(readLine(columns, 10, ["a", "b"])).toEqual({
    line: 10,
    field: "",
    expected: "1 fields",
    got: "2 fields",
  });
  expect(readLine(columns, 11, ["x".repeat(128)])).toEqual({ member: "x".repeat(128) });
});

test("a listed recipient follows the same rules as a line", () => {
  expect(readListed(1, { member: " a ", vars: { b: "2", a: "1", c: "" } })).toEqual({
    member: "a",
    vars: { a: "1", b: "2" },
  });
  expect(readListed(2, { member: "\ud800" })).toMatchObject({ line: 2, field: "member" });
  expect(readListed(3, { member: "a", vars: { "x|y": "1" } })).toMatchObject({ field: "vars" });
});

test("a variable timeZone that is no time zone is an error of its line", () => {
  const columns = header("member", "timeZone");
  const fault = { field: "timeZone", expected: "an IANA time zone as Europe/Vienna", got: "Mars" };
  expect(readLine(columns, 7, ["a", "Mars"])).toEqual({ line: 7, ...fault });
  expect(readListed(8, { member: "a", vars: { timeZone: "Mars" } })).toEqual({ line: 8, ...fault });
  const vars = { timeZone: "Asia/Tokyo" };
  expect(readLine(columns, 9, ["a", "Asia/Tokyo"])).toEqual({ member: "a", vars });
  expect(readLine(columns, 10, ["a", ""])).toEqual({ member: "a" });
});

test("the number of partitions follows the expected size and is a power of two", () => {
  expect(partitionsFor(0)).toBe(256);
  expect(partitionsFor(1)).toBe(1);
  expect(partitionsForRows(20_000)).toBe(1);
  expect(partitionsForRows(20_001)).toBe(2);
  expect(partitionsForRows(1_000_000)).toBe(64);
  expect(partitionsForRows(1e12)).toBe(4_096);
});

test("a member is in one partition only", () => {
  expect(partitionOf("user-1", 64)).toBe(partitionOf("user-1", 64));
  expect(partitionOf("user-1", 1)).toBe(0);
});

test("pages are sorted, without duplicates, the first of equals winning", () => {
  const arrived = [
    { member: "c" },
    { member: "a", vars: { n: "first" } },
    { member: "B" },
    { member: "a", vars: { n: "second" } },
  ];
  const { pages, size, duplicates } = cutPages(5, arrived, 2);
  expect(size).toBe(3);
  expect(duplicates).toBe(1);
  expect(pages).toEqual([
    { partition: 5, k: 0, recipients: [{ member: "B" }, { member: "a", vars: { n: "first" } }] },
    { partition: 5, k: 1, recipients: [{ member: "c" }] },
  ]);
});

test("an empty partition has no pages", () => {
  expect(cutPages(0, [], 1_000)).toEqual({ pages: [], size: 0, duplicates: 0 });
});
