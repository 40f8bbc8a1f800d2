import { expect, test } from "vitest";
import { literalPrefix, matchesGlob, parseGlob } from "../../src/core/glob.ts";
import { seededRandom } from "../../src/core/random.ts";
import { compareText, endOfPrefix } from "../../src/core/text-order.ts";

test("a pattern fits what the same regular expression fits", () => {
  const random = seededRandom(7);
  const text = (length: number, alphabet: readonly string[]) =>
    Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join("");
  for (let round = 0; round < 5_000; round += 1) {
    const pattern = text(Math.floor(random() * 8), ["a", "b", "🎉", "*", "?", "."]);
    const value = text(Math.floor(random() * 10), ["a", "b", "🎉", "."]);
    const source = [...pattern].map((it) => (it === "*" ? ".*" : it === "?" ? "." : `[${it}]`));
    const expected = new RegExp(`^${source.join("")}$`, "su").test(value);
    expect(matchesGlob(parseGlob(pattern), value), `${pattern} and ${value}`).toBe(expected);
  }
});

test("the worst pattern for backtracking takes steps, not forever", () => {
  const pattern = parseGlob(`${"*a".repeat(127)}*b`);
  const text = "a".repeat(1_024);
  for (let round = 0; round < 100; round += 1) expect(matchesGlob(pattern, text)).toBe(false);
});

test("the literal beginning of a pattern ends at its first wildcard", () => {
  expect(["ab*c", "a?b", "abc", "*"].map(literalPrefix)).toEqual(["ab", "a", "abc", ""]);
});

test("texts are in the order of their UTF-8 bytes", () => {
  const texts = ["", "a", "ab", "b", "é", "\ud7ff", "\ue000", "\uffff", "🎉", "🎉a", "\u{10ffff}"];
  const byBytes = [...texts].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  expect([...texts].reverse().sort(compareText)).toEqual(byBytes);
});

test("whatever begins with a prefix is before its end, and nothing else is between", () => {
  expect(endOfPrefix("ab")).toBe("ac");
  expect(endOfPrefix("a\u{10ffff}")).toBe("b");
  expect(endOfPrefix("\ud7ff")).toBe("\ue000");
  expect(endOfPrefix("\u{10ffff}")).toBeUndefined();
});
