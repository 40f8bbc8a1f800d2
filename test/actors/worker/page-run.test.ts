import { expect, test } from "vitest";
import {
  inFlight,
  journalled,
  journalStep,
  nextFrom,
  type PageRun,
  planWindow,
  replaceWindow,
  sendable,
  takeUp,
} from "../../../src/actors/worker/page-run.ts";
import {
  type Attempt,
  afterAttempt,
  RETRIES_MAX,
  retryPause,
} from "../../../src/actors/worker/send-window.ts";
import { seededRandom } from "../../../src/core/random.ts";
import { noCounts } from "../../../src/core/send-counts.ts";
import type { PageState } from "../../../src/persistence/ports/campaign.ts";

function claimed(change: Partial<PageState> = {}): PageState {
  const cursors = { size: 100, done: 0, intent: 0, fence: 1 };
  const held = { owner: "o", leaseUntil: 1, counts: noCounts, versions: [] };
  return { partition: 0, k: 0, ...cursors, ...held, ...change };
}

function open(change: Partial<PageState> = {}, guarantee: "at-most-once" | "key" = "key"): PageRun {
  return takeUp(claimed(change), [], { guarantee, deadline: 10 });
}

const ATTEMPT: Attempt = {
  counts: noCounts,
  retry: [],
  doubtful: [],
  rejected: "",
  refusal: "",
  retryAfterMs: 0,
  late: false,
};

test("a window may be sent only once its intent is durable", () => {
  let run = planWindow(planWindow(open(), 30), 30);
  expect(sendable(run)).toEqual([]);
  const step = journalStep(run);
  expect(step).toEqual({ done: 0, intent: 60, counts: noCounts });
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
  const done = { ...noCounts, delivered: 30 };
  run = replaceWindow(run, { ...second!, phase: "settled", counts: done });
  expect(journalStep(run)).toEqual({ done: 0, intent: 60, counts: noCounts });
  run = replaceWindow(run, { ...first!, phase: "settled", counts: done });
  const step = journalStep(planWindow(run, 30));
  expect(step).toEqual({ done: 60, intent: 90, counts: { ...noCounts, delivered: 60 } });
  run = journalled(planWindow(run, 30), step, 20);
  expect(run.windows.map(({ from }) => from)).toEqual([60]);
});

test("a page that was left in doubt is flagged, or sent again from its last settled window", () => {
  const flagged = open({ done: 20, intent: 60 }, "at-most-once");
  expect(journalStep(flagged)).toEqual({
    done: 60,
    intent: 60,
    counts: { ...noCounts, unknown: 40 },
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
        const counts = { ...noCounts, handed: window.to - window.from };
        run = replaceWindow(run, { ...window, phase: "settled", counts });
      }
      if (random() < 0.5) {
        const step = journalStep(run);
        counted += step.counts.handed;
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
  const [window] = planWindow(open(), 3).windows;
  const rejected = { ...ATTEMPT, doubtful: [0, 1, 2], rejected: "reset" };
  expect(afterAttempt(window!, rejected, "at-most-once")).toMatchObject({
    phase: "settled",
    counts: { unknown: 3 },
  });
  for (const guarantee of ["at-least-once", "key"] as const) {
    expect(afterAttempt(window!, rejected, guarantee)).toMatchObject({
      phase: "waiting",
      left: [0, 1, 2],
      counts: noCounts,
    });
  }
});

test("what certainly did not go is sent again so many times, and then given up", () => {
  let [window] = planWindow(open(), 3).windows;
  const partly = { ...ATTEMPT, counts: { ...noCounts, delivered: 2 }, retry: [1] };
  window = afterAttempt(window!, partly, "at-most-once");
  expect(window).toMatchObject({ phase: "waiting", left: [1], attempts: 1 });
  for (let attempt = 2; attempt <= RETRIES_MAX; attempt += 1) {
    window = afterAttempt(window!, { ...ATTEMPT, retry: [1] }, "at-most-once");
    expect(window.phase).toBe("waiting");
  }
  window = afterAttempt(window!, { ...ATTEMPT, retry: [1] }, "at-most-once");
  expect(window).toMatchObject({ phase: "settled", counts: { delivered: 2, shed: 1 } });
});

test("a hand-off that came too late is no attempt", () => {
  const [window] = planWindow(open(), 2).windows;
  const late = { ...ATTEMPT, retry: [0, 1], late: true };
  expect(afterAttempt(window!, late, "at-most-once")).toMatchObject({
    phase: "planned",
    attempts: 0,
    left: [0, 1],
  });
});

test("pauses between attempts double up to five seconds, and heed the provider", () => {
  expect([1, 2, 3, 7, 50].map((attempt) => retryPause(attempt, 0))).toEqual([
    100, 200, 400, 5_000, 5_000,
  ]);
  expect(retryPause(1, 30_000)).toBe(30_000);
  expect(retryPause(1, 1e9)).toBe(60_000);
});
