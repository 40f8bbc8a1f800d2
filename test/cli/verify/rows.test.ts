import { describe, expect, test } from "vitest";
import { rowOf } from "../../../src/cli/verify/rows.ts";
import { NOTHING, type Trial } from "../../../src/cli/verify/trial.ts";

const FINE: Trial = { ...NOTHING, faults: 1, campaigns: 1, messages: 100, recoveryMs: [5_000] };

function broken(guarantee: string, trial: Partial<Trial>, fault = "kill -9 of the node") {
  return rowOf({ fault, guarantee }, { ...FINE, ...trial }).broken;
}

describe("a row of the crash matrix", () => {
  test("holds at every guarantee when nobody is missing and nobody got it twice", () => {
    for (const guarantee of ["at-most-once", "at-least-once", "key", "receipt"]) {
      expect(broken(guarantee, {})).toEqual([]);
    }
  });

  test("allows at-most-once to miss those whom it flags, and nobody else", () => {
    expect(broken("at-most-once", { missing: 3, unknown: 5 })).toEqual([]);
    expect(broken("at-most-once", { missing: 3, silentlyLost: 1 })).toEqual(["1 silently lost"]);
    expect(broken("at-most-once", { duplicates: 1 })).toEqual(["1 duplicates"]);
  });

  test("allows at-least-once to repeat, and not to lose", () => {
    expect(broken("at-least-once", { duplicates: 9 })).toEqual([]);
    expect(broken("at-least-once", { missing: 2 })).toEqual(["2 missing"]);
  });

  test("allows key and receipt neither", () => {
    for (const guarantee of ["key", "receipt"]) {
      const both = broken(guarantee, { duplicates: 1, missing: 2 });
      expect(both).toEqual(["1 duplicates", "2 missing"]);
    }
  });

  test("does not hold when it recovers too late, sends too much after a pause, or nothing", () => {
    expect(broken("key", { recoveryMs: [40, 5_010] })).toEqual(["5.01 s to recover"]);
    const late = { sentAfterPause: 801, pauseBound: 800 };
    const found = broken("key", late, "pause and resume");
    expect(found).toEqual(["801 sent after a pause that promised 800"]);
    expect(broken("key", { messages: 0 })).toEqual(["nothing was sent"]);
  });
});
