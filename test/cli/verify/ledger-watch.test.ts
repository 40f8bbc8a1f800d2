import { expect, test } from "vitest";
import type { Shown } from "../../../src/cli/verify/arena.ts";
import { LedgerWatch } from "../../../src/cli/verify/ledger-watch.ts";
import { emptyLedger, type Ledger } from "../../../src/core/ledger.ts";

function seen(ledger: Partial<Ledger>, ledgerGap = 0): Pick<Shown, "progress"> {
  const progress = { state: "started", ledger: { ...emptyLedger, ...ledger }, ledgerGap };
  return { progress: progress as Shown["progress"] };
}

test("a ledger that adds up at every reading is fine, and the readings are counted", () => {
  const watch = new LedgerWatch(10);
  watch.see(seen({ accepted: 10, pending: 10 }));
  watch.see(seen({ accepted: 10, delivered: 7, unknown: 1, pending: 2 }));
  expect([watch.observations, watch.faulty]).toEqual([2, []]);
});

test("a ledger that was wrong once is told although it is right again", () => {
  const watch = new LedgerWatch(10);
  watch.see(seen({ accepted: 10, delivered: 7 }, 3));
  watch.see(seen({ accepted: 10, delivered: 10 }));
  expect(watch.faulty).toEqual(["the ledger was off by 3 (started)"]);
});

test("a node that says another gap than there is, or counts below zero, is found out", () => {
  const watch = new LedgerWatch(10);
  watch.see(seen({ accepted: 10, delivered: 11, pending: -1 }, 2));
  expect(watch.faulty).toEqual([
    "the ledger was off by 0 and said 2",
    "the ledger counted -1 pending",
  ]);
});

test("members that were never accepted are missed", () => {
  const watch = new LedgerWatch(10);
  watch.see(seen({ accepted: 9, pending: 9 }));
  expect(watch.faulty).toEqual(["9 were accepted of 10 (started)"]);
});
