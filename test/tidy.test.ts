/**
 * The rules of this repository that a compiler cannot check, checked.
 *
 * `test/tidy/rules.ts` has the rules and their limits, `test/tidy/samples.ts` what each of them
 * must catch. The idea is TigerBeetle's `src/tidy.zig`.
 */
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { RULES, type Rule } from "./tidy/rules.ts";
import { SAMPLES } from "./tidy/samples.ts";
import { type Problem, readSources, toSource } from "./tidy/source.ts";

const repository = readSources(fileURLToPath(new URL("..", import.meta.url)));

describe("in this repository", () => {
  for (const { name, check } of RULES) {
    test(name, () => {
      const problems = check(repository).map(
        ({ path, line, found, instead }) => `${path}:${line}: found ${found}; use ${instead}`,
      );
      expect([...new Set(problems)].sort()).toEqual([]);
    });
  }

  test("there is something to check", () => {
    expect(repository.some(({ path }) => path === "test/tidy.test.ts")).toBe(true);
    expect(repository.some(({ path }) => path.startsWith("src/core/"))).toBe(true);
  });
});

describe("of the rules themselves", () => {
  const judge = (check: Rule["check"], sample: Readonly<Record<string, string>>): Problem[] =>
    check(Object.entries(sample).map(([path, text]) => toSource(path, text)));

  test("each has samples", () => {
    expect(Object.keys(SAMPLES).sort()).toEqual(RULES.map(({ name }) => name).sort());
  });

  for (const { name, check } of RULES) {
    test(`what breaks it is caught: ${name}`, () => {
      for (const sample of SAMPLES[name]!.wrong) {
        const [problem] = judge(check, sample);
        expect(problem, JSON.stringify(sample).slice(0, 200)).toBeDefined();
        expect(Object.keys(sample)).toContain(problem!.path);
        expect(problem!.line).toBeGreaterThan(0);
        expect(problem!.found).not.toBe("");
        expect(problem!.instead).not.toBe("");
      }
    });

    test(`what keeps to it passes: ${name}`, () => {
      for (const sample of SAMPLES[name]!.right) {
        expect(judge(check, sample), JSON.stringify(sample).slice(0, 200)).toEqual([]);
      }
    });
  }
});
