import { describe, expect, test } from "vitest";
import { judge, latestToTell } from "../../../src/cli/verify/judge.ts";

const line = (ledger: string, ...items: [string, string][]) => JSON.stringify([ledger, items]);
const question = { ledger: "c:1", members: ["a", "b", "c"], knowsKeys: false };

describe("the judge of a verification", () => {
  test("counts whoever got a message twice, and names those who got none", () => {
    const log = [line("c:1", ["1", "a"], ["2", "b"]), line("c:1", ["1", "a"])].join("\n");
    const verdict = { arrived: 3, duplicates: 1, strangers: 0, missing: ["c"] };
    expect(judge(log, question)).toEqual(verdict);
  });

  test("does not count a repeated key where keys are known, but another key", () => {
    const log = [line("c:1", ["1", "a"]), line("c:1", ["1", "a"]), line("c:1", ["2", "a"])];
    expect(judge(log.join("\n"), { ...question, knowsKeys: true }).duplicates).toBe(1);
  });

  test("looks at one run only, and tells strangers", () => {
    const log = [line("c:2", ["1", "a"]), line("c:1", ["9", "z"])].join("\n");
    const verdict = { arrived: 1, duplicates: 0, strangers: 1, missing: ["a", "b", "c"] };
    expect(judge(log, question)).toEqual(verdict);
  });

  test("takes a line that was cut short for none", () => {
    const whole = line("c:1", ["1", "a"], ["2", "b"]);
    const log = `${whole}\n${whole.slice(0, 14)}\n\n${line("c:1", ["3", "c"])}`;
    expect(judge(log, question)).toMatchObject({ arrived: 3, duplicates: 0, missing: [] });
  });

  test("remembers from its log whom it has still to tell of, the latest ones", () => {
    const told = (id: string) => JSON.stringify(["c:1", [[id, "a"]], true]);
    const log = [told("1"), told("2"), line("c:1", ["3", "a"]), told("4"), '["c:1",[['].join("\n");
    expect(latestToTell(log, 2)).toEqual(["2", "4"]);
  });
});
