import { expect, test } from "vitest";
import { hash32, sha256 } from "../../src/core/hash.ts";

/** The definition, written naively over the UTF-8 bytes. */
function reference(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

test("a hash is the same in every version, because stored partitions depend on it", () => {
  expect(hash32("")).toBe(reference(""));
  expect(hash32("user-1")).toBe(2_005_895_916);
  expect(hash32("user-2")).toBe(853_201_105);
});

test("a hash is over the UTF-8 bytes, so that any language can compute it", () => {
  for (const text of ["a", "é", "日本", "👍🏽", "mixed é日👍 text", "\u07ff\u0800\uffff"]) {
    expect(hash32(text), text).toBe(reference(text));
  }
});

test("members spread evenly over partitions, whatever their numbering", () => {
  const counts = new Array<number>(64).fill(0);
  for (let member = 0; member < 64_000; member += 1) counts[hash32(`user-${member}`) & 63]! += 1;
  expect(Math.min(...counts)).toBeGreaterThan(850);
  expect(Math.max(...counts)).toBeLessThan(1_150);
});

test("a digest does not depend on how it was fed", () => {
  const whole = sha256();
  whole.add("herald");
  const pieces = sha256();
  pieces.add("her");
  pieces.add("ald");
  expect(whole.end()).toBe(pieces.end());
});
