import { expect, test } from "vitest";
import type { Campaign } from "../../../src/actors/master/messages.ts";
import { FailureMeter, RateMeter } from "../../../src/actors/master/meters.ts";
import {
  defer,
  exhausted,
  listed,
  newSupply,
  nextRevival,
  revive,
  take,
  wantsListing,
} from "../../../src/actors/master/page-supply.ts";
import { type Figures, progressOf, runLedger } from "../../../src/actors/master/progress.ts";
import { TokenBucket } from "../../../src/actors/master/token-bucket.ts";
import { emptyLedger, ledgerGap } from "../../../src/core/ledger.ts";
import { windowFor } from "../../../src/core/price.ts";
import { seededRandom } from "../../../src/core/random.ts";
import { noCounts } from "../../../src/core/send-counts.ts";
import { allowedIn, judge, TASK_STATES } from "../../../src/core/task.ts";
import { SPEC } from "./rig.ts";

test("each command in each state changes it, holds already, or is refused", () => {
  const table = (["start", "resume", "pause", "stop"] as const).map((command) =>
    TASK_STATES.map((state) => {
      const verdict = judge(state, command);
      if (verdict.type !== "change") return verdict.type;
      return verdict.newRun ? `new ${verdict.to}` : verdict.to;
    }),
  );
  const fresh = "new started";
  const not = "refused";
  // ready, started, finished, failed, stopped, pause, reboot
  expect(table).toEqual([
    [fresh, "holds", fresh, fresh, fresh, fresh, "holds"],
    [not, "holds", not, not, not, "started", "holds"],
    [not, "pause", not, not, not, "holds", "pause"],
    [not, "stopped", not, not, "holds", "stopped", "stopped"],
  ]);
  expect(TASK_STATES.map(allowedIn)).toEqual([
    ["start"],
    ["pause", "stop"],
    ["start"],
    ["start"],
    ["start"],
    ["start", "resume", "stop"],
    ["pause", "stop"],
  ]);
});

test("windows hold at most 50 ms worth of messages, and at least one", () => {
  expect(windowFor(0, 200)).toBe(200);
  expect(windowFor(1, 200)).toBe(1);
  expect(windowFor(1_000, 200)).toBe(50);
  expect(windowFor(1_000_000, 200)).toBe(200);
});

test("a bucket never gives more than its rate from the start on, however it is asked", () => {
  const random = seededRandom(3);
  for (const rate of [3, 90, 1_234, 50_000]) {
    let now = 1_000;
    const bucket = new TokenBucket({ rate, windowMax: 200, now });
    let given = 0;
    for (let step = 0; step < 2_000; step += 1) {
      now += random() * 40;
      const count = 1 + Math.floor(random() * windowFor(rate, 200));
      if (bucket.take(count, now) === 0) given += count;
      expect(given).toBeLessThanOrEqual((rate * (now - 1_000)) / 1_000 + 1e-3);
    }
  }
});

test("a bucket says how long to wait, and that is true", () => {
  const bucket = new TokenBucket({ rate: 100, windowMax: 200, now: 0 });
  expect(bucket.take(5, 0)).toBe(50);
  expect(bucket.take(5, 49)).toBeCloseTo(1);
  expect(bucket.take(5, 50)).toBe(0);
});

test("after a stall a bucket catches up on a quarter of a second and forfeits the rest", () => {
  const bucket = new TokenBucket({ rate: 1_000, windowMax: 200, now: 0 });
  expect(bucket.take(250, 10_000)).toBe(0);
  expect(bucket.take(1, 10_000)).toBeGreaterThan(0);
});

test("the rate is measured over the last five seconds", () => {
  const meter = new RateMeter(0);
  for (let now = 0; now < 10_000; now += 100) meter.add(now < 5_000 ? 100 : 10, now);
  expect(meter.perSecond(10_000)).toBeCloseTo(100, -1);
  expect(meter.perSecond(60_000)).toBe(0);
});

test("a provider has failed when more than half of the last 20 windows were rejected", () => {
  const meter = new FailureMeter();
  for (let window = 0; window < 19; window += 1) meter.add(true);
  expect(meter.tripped).toBe(false);
  meter.add(false);
  expect(meter.tripped).toBe(true);
  for (let window = 0; window < 9; window += 1) meter.add(false);
  expect(meter.tripped).toBe(false);
});

test("pages are read ahead in bounded steps and looked for again until none is open", () => {
  const page = (k: number) => ({ partition: 0, k, size: 10, zone: "" });
  expect(wantsListing(newSupply)).toBe(true);
  let supply = listed(newSupply, { items: [page(0), page(1)], next: undefined });
  expect(wantsListing(supply)).toBe(false);
  const [first, rest] = take(supply);
  expect(first).toEqual(page(0));
  supply = defer(take(rest)[1], page(1), 1_000);
  expect(exhausted(supply)).toBe("no");
  expect(nextRevival(supply, 1_100)).toBe(150);
  supply = revive(supply, 1_500);
  supply = take(supply)[1];
  expect(exhausted(supply)).toBe("look-again");
  expect(exhausted(listed(newSupply, { items: [], next: undefined }))).toBe("nothing-left");
});

const CAMPAIGN: Campaign = {
  ...{ ...SPEC, id: "c", state: "started", why: "", epoch: 1 },
  ...{ version: 1, run: { resumedAt: 0, canary: "none" }, createdAt: 0, changedAt: 0 },
};

function figures(change: {
  settled?: number;
  inDoubt?: number;
  counts?: Partial<Figures["totals"]["counts"]>;
  provider?: Partial<Figures["provider"]>;
}): Figures {
  const counts = { ...noCounts, ...change.counts };
  const { settled = 0, inDoubt = 0 } = change;
  return {
    accepted: 1_000,
    totals: { pages: 1, pagesDone: 0, recipients: 1_000, settled, inDoubt, counts, arms: {} },
    provider: { ...emptyLedger, ...change.provider },
  };
}

test("a campaign that was never started has accepted nothing", () => {
  expect(runLedger({ ...CAMPAIGN, epoch: 0 }, figures({}))).toEqual(emptyLedger);
});

test("what the provider settles later is counted from the provider's own ledger", () => {
  const ledger = runLedger(
    CAMPAIGN,
    figures({
      settled: 600,
      inDoubt: 100,
      counts: { handed: 590, shed: 10 },
      provider: { accepted: 590, acked: 400, expired: 50, shed: 5, pending: 135 },
    }),
  );
  expect(ledger).toMatchObject({ acked: 400, expired: 50, shed: 15, pending: 300 + 100 + 135 });
  expect(ledgerGap(ledger)).toBe(0);
});

test("what is in doubt and the provider has after all is known", () => {
  const after = figures({
    settled: 1_000,
    counts: { handed: 800, unknown: 200 },
    provider: { accepted: 950, acked: 950 },
  });
  const ledger = runLedger({ ...CAMPAIGN, state: "finished" }, after);
  expect(ledger).toMatchObject({ acked: 950, unknown: 50, pending: 0 });
  expect(ledgerGap(ledger)).toBe(0);
});

test("a window under way that the provider has counts once", () => {
  const during = figures({
    settled: 400,
    inDoubt: 200,
    counts: { handed: 400 },
    provider: { accepted: 550, pending: 550 },
  });
  expect(ledgerGap(runLedger(CAMPAIGN, during))).toBe(0);
});

test("what a campaign that is over left in doubt is unknown, and not pending", () => {
  const left = figures({ settled: 400, inDoubt: 50, counts: { delivered: 400 } });
  const ledger = runLedger({ ...CAMPAIGN, state: "stopped" }, left);
  expect(ledger).toMatchObject({ delivered: 400, unknown: 50, pending: 550 });
});

test("a count that is lost shows as a gap", () => {
  const wrong = figures({ settled: 400, counts: { delivered: 399 } });
  expect(ledgerGap(runLedger(CAMPAIGN, wrong))).toBe(1);
});

test("progress says how much is left, how long that takes, and what a pause lets go", () => {
  const idle = { workerStates: [], oldestWindowMs: 0, opensAt: 0 };
  const live = { rate: 200.4, workers: 2, at: 7, ...idle };
  const progress = progressOf(
    CAMPAIGN,
    figures({ settled: 600, counts: { delivered: 600 } }),
    live,
  );
  expect(progress).toMatchObject({ sent: 600, rate: 200, pauseBound: 2 * 2 * 10, at: 7 });
  expect(progress.etaMs).toBeCloseTo(1_996, -1);
  expect(progressOf(CAMPAIGN, figures({}), { ...live, rate: 0 }).etaMs).toBe(-1);
});
