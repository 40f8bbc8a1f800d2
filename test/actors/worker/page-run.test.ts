import { expect, test } from "vitest";
import { afterAttempt, RETRIES_MAX, retryPause } from "../../../src/actors/worker/after-attempt.ts";
import {
  inFlight,
  journalled,
  journalStep,
  nextFrom,
  type PageRun,
  planWindow,
  replaceWindow,
  type SendWindow,
  sendable,
  takeUp,
  withoutUnsent,
} from "../../../src/actors/worker/page-run.ts";
import { nothingSettled, type Settled, Tally } from "../../../src/actors/worker/results.ts";
import type { Attempt } from "../../../src/actors/worker/send-window.ts";
import { seededRandom } from "../../../src/core/random.ts";
import { noCounts, type SendCounts } from "../../../src/core/send-counts.ts";
import type { Guarantee, PageState } from "../../../src/persistence/ports/campaign.ts";

function claimed(change: Partial<PageState> = {}): PageState {
  const cursors = { size: 100, done: 0, intent: 0, fence: 1 };
  const held = { owner: "o", leaseUntil: 1, counts: noCounts, versions: [] };
  return { partition: 0, k: 0, ...cursors, ...held, ...change };
}

function open(change: Partial<PageState> = {}, guarantee: Guarantee = "key"): PageRun {
  const lost = (from: number, to: number) => settled({ unknown: to - from });
  const options = { zone: "", recipients: [], guarantee, deadline: 10, resendAt: 100, lost };
  return takeUp(claimed(change), options);
}

function settled(counts: Partial<SendCounts>): Settled {
  return { ...nothingSettled, counts: { ...noCounts, ...counts } };
}

const noArms = () => undefined;

const ATTEMPT: Attempt = {
  ...{ settled: nothingSettled, retry: [], throttled: [], doubtful: [], lost: [], awaits: [] },
  ...{ rejected: "", refusal: "", retryReason: "", retryAfterMs: 0, asked: true, late: false },
  ...{ invalid: [], named: [] },
};

function after(window: SendWindow, attempt: Partial<Attempt>, guarantee: Guarantee): SendWindow {
  return afterAttempt(window, { ...ATTEMPT, ...attempt }, guarantee, noArms);
}

const doubts = (...indices: number[]) => indices.map((index) => ({ index, reason: "reset" }));

test("a window may be sent only once its intent is durable", () => {
  let run = planWindow(planWindow(open(), 30), 30);
  expect(sendable(run)).toEqual([]);
  const step = journalStep(run);
  expect(step).toEqual({ done: 0, intent: 60, settled: nothingSettled });
  run = journalled(run, step, 20);
  expect(sendable(run).map(({ from, to }) => [from, to])).toEqual([
    [0, 30],
    [30, 60],
  ]);
});

test("done moves only over a contiguous prefix, with the counts of just that", () => {
  let run = planWindow(planWindow(open(), 30), 30);
  run = journalled(run, journalStep(run), 20);
  const [first, second] = run.windows;
  const done = settled({ delivered: 30 });
  run = replaceWindow(run, { ...second!, phase: "settled", settled: done });
  expect(journalStep(run)).toEqual({ done: 0, intent: 60, settled: nothingSettled });
  run = replaceWindow(run, { ...first!, phase: "settled", settled: done });
  const step = journalStep(planWindow(run, 30));
  expect(step).toEqual({ done: 60, intent: 90, settled: settled({ delivered: 60 }) });
  run = journalled(planWindow(run, 30), step, 20);
  expect(run.windows.map(({ from }) => from)).toEqual([60]);
});

test("a page that was left in doubt is flagged, or sent again from its last settled window", () => {
  const flagged = open({ done: 20, intent: 60 }, "at-most-once");
  expect(journalStep(flagged)).toEqual({
    done: 60,
    intent: 60,
    settled: settled({ unknown: 40 }),
  });
  expect(nextFrom(flagged)).toBe(60);
  const again = planWindow(open({ done: 20, intent: 60 }), 30);
  expect(sendable(again).map(({ from, to }) => [from, to])).toEqual([[20, 50]]);
  expect(sendable(planWindow(again, 30)).length).toBe(1);
});

test("in whatever order answers come, cursors never go back and counts add up to done", () => {
  const random = seededRandom(11);
  for (let round = 0; round < 200; round += 1) {
    let run = open({ size: 97 });
    let counted = 0;
    for (let guard = 0; run.done < 97; guard += 1) {
      expect(guard).toBeLessThan(500);
      const before = run;
      if (random() < 0.5 && inFlight(run) < 3 && nextFrom(run) < 97) run = planWindow(run, 10);
      const ready = sendable(run).filter(() => random() < 0.5);
      for (const window of ready) {
        const handed = settled({ handed: window.to - window.from });
        run = replaceWindow(run, { ...window, phase: "settled", settled: handed });
      }
      if (random() < 0.5) {
        const step = journalStep(run);
        counted += step.settled.counts.handed;
        run = journalled(run, step, 0);
        expect(counted).toBe(run.done);
      }
      expect(run.done).toBeGreaterThanOrEqual(before.done);
      expect(run.intent).toBeGreaterThanOrEqual(before.intent);
      expect(run.done).toBeLessThanOrEqual(run.intent);
      expect(run.intent - run.done).toBeLessThanOrEqual(60);
    }
  }
});

test("a rejected window is unknown when it may not go twice, and goes again otherwise", () => {
  const window = planWindow(open(), 3).windows[0]!;
  const rejected = { doubtful: doubts(0, 1, 2), rejected: "reset" };
  expect(after(window, rejected, "at-most-once")).toMatchObject({
    phase: "settled",
    settled: { counts: { unknown: 3 } },
  });
  for (const guarantee of ["at-least-once", "key", "receipt"] as const) {
    expect(after(window, rejected, guarantee)).toMatchObject({
      phase: "waiting",
      left: [0, 1, 2],
      awaits: guarantee === "receipt" ? [0, 1, 2] : [],
      settled: nothingSettled,
    });
  }
});

test("of whom the provider knows nothing goes again a few times, and is unknown then", () => {
  let window = planWindow(open(), 2).windows[0]!;
  for (let attempt = 1; attempt <= RETRIES_MAX; attempt += 1) {
    window = after(window, { lost: doubts(1) }, "at-least-once");
    expect(window).toMatchObject({ phase: "waiting", left: [1] });
  }
  window = after(window, { lost: doubts(1) }, "at-least-once");
  expect(window).toMatchObject({ phase: "settled", settled: { counts: { unknown: 1 } } });
});

test("what certainly did not go is sent again so many times, and then given up", () => {
  let window = planWindow(open(), 3).windows[0]!;
  const partly = { settled: settled({ delivered: 2 }), retry: [1] };
  window = after(window, partly, "at-most-once");
  expect(window).toMatchObject({ phase: "waiting", left: [1], attempts: 1 });
  for (let attempt = 2; attempt <= RETRIES_MAX; attempt += 1) {
    window = after(window, { retry: [1] }, "at-most-once");
    expect(window.phase).toBe("waiting");
  }
  window = after(window, { retry: [1], retryReason: "busy" }, "at-most-once");
  expect(window).toMatchObject({
    phase: "settled",
    settled: {
      counts: { delivered: 2, shed: 1 },
      exceptions: [{ from: 1, to: 2, status: "refused", rule: "retries", reason: "busy" }],
    },
  });
});

test("what a provider does not take now, or comes too late for it, is no attempt", () => {
  const window = planWindow(open(), 2).windows[0]!;
  expect(after(window, { throttled: [0, 1], late: true }, "at-most-once")).toMatchObject({
    ...{ phase: "planned", attempts: 0, left: [0, 1] },
  });
  expect(after(window, { throttled: [0, 1] }, "at-most-once")).toMatchObject({
    ...{ phase: "waiting", attempts: 0, rounds: 1, left: [0, 1] },
  });
});

test("a page that is given back takes back what certainly was not sent, and nothing else", () => {
  let run = planWindow(planWindow(planWindow(open(), 10), 10), 10);
  run = journalled(run, journalStep(run), 20);
  const [first, second, third] = run.windows;
  run = replaceWindow(run, { ...first!, phase: "sending" });
  run = replaceWindow(run, after(second!, { throttled: [...Array(10).keys()] }, "key"));
  run = replaceWindow(run, after(third!, { throttled: [...Array(10).keys()] }, "key"));
  const kept = withoutUnsent(run, run.intent);
  expect(kept.windows.map(({ from }) => from)).toEqual([0]);
  expect(journalStep(kept)).toMatchObject({ done: 0, intent: 10 });
  const tried = replaceWindow(run, after(third!, { retry: [20] }, "key"));
  expect(withoutUnsent(tried, run.intent).windows.length).toBe(3);
  // An earlier worker may have sent these.
  const doubtful = planWindow(open({ intent: 30 }), 10);
  expect(withoutUnsent(doubtful, 30).windows.length).toBe(1);
});

test("counts and exceptions are kept by arm, and neighbors with one cause are one", () => {
  const tally = new Tally((index) => (index < 2 ? "a" : "b"));
  const cause = { status: "refused", rule: "provider", reason: "no" } as const;
  tally.add("shed", 0, cause);
  tally.add("shed", 1, cause);
  tally.add("delivered", 2);
  tally.add("shed", 3, cause);
  tally.add("shed", 4, { ...cause, providerId: "x" });
  const { counts, arms, exceptions } = tally.settled;
  expect(counts).toEqual({ ...noCounts, shed: 4, delivered: 1 });
  expect(arms).toEqual({
    a: { ...noCounts, shed: 2 },
    b: { ...noCounts, shed: 2, delivered: 1 },
  });
  expect(exceptions.map(({ from, to }) => [from, to])).toEqual([
    [0, 2],
    [3, 4],
    [4, 5],
  ]);
});

test("pauses between attempts double up to five seconds, and heed the provider", () => {
  expect([1, 2, 3, 7, 50].map((attempt) => retryPause(attempt, 0))).toEqual([
    100, 200, 400, 5_000, 5_000,
  ]);
  expect(retryPause(1, 30_000)).toBe(30_000);
  expect(retryPause(1, 1e9)).toBe(60_000);
});
