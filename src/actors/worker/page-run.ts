import { totalOf } from "../../core/send-counts.ts";
import type { Recipient } from "../../persistence/ports/audience.ts";
import type { Guarantee, PageState } from "../../persistence/ports/campaign.ts";
import type { PageToSend } from "./messages.ts";
import { addSettled, nothingSettled, type Settled } from "./results.ts";

/** A window of a page on its way: `[from, to)`. */
export interface SendWindow {
  readonly from: number;
  readonly to: number;
  /**
   * `planned`: may not be sent before its intent is durable. `waiting`: will be sent again after
   * a pause. `settled`: waits for the windows before it, and for the journal.
   */
  readonly phase: "planned" | "sending" | "waiting" | "settled";
  /** How often the provider was asked and answered or rejected. */
  readonly attempts: number;
  /** The same, with those when it took nothing at all. */
  readonly rounds: number;
  /** Indices still to be sent; undefined means all of them. */
  readonly left: readonly number[] | undefined;
  /** Those of them that may have gone: receipts are asked for before they are sent again. */
  readonly awaits: readonly number[];
  /** Until then, in monotonic milliseconds, nobody of them is sent to without a receipt. */
  readonly resendAt: number;
  /** Those of whom an attempt brought no answer, and who are tried again. */
  readonly doubted: readonly number[];
  readonly settled: Settled;
  /** When it was handed off last, in monotonic milliseconds. */
  readonly sentAt: number;
}

/** A page under lease: `[0, done)` settled, `[done, intent)` in doubt, the rest untouched. */
export interface PageRun {
  readonly page: PageToSend;
  readonly recipients: readonly Recipient[];
  readonly fence: number;
  /** Durable, as is `intent`. */
  readonly done: number;
  readonly intent: number;
  /** Before this index an earlier worker may have sent what it did not journal. */
  readonly doubtUntil: number;
  /** The next step takes the intent back to the last window's end. */
  readonly takesBack: boolean;
  /** Without a gap from `done` on, in order. */
  readonly windows: readonly SendWindow[];
  /** Monotonic milliseconds; nothing may be handed to the provider from then on. */
  readonly deadline: number;
}

/**
 * Begins or takes up a page that was claimed.
 *
 * What an earlier worker left in doubt is settled as `lost` says (at-most-once), waits for
 * receipts (receipt), or is sent again from `done` on (at-least-once, and key: the items have
 * the same ids again).
 */
export function takeUp(
  state: PageState,
  options: {
    readonly zone: string;
    readonly recipients: readonly Recipient[];
    readonly guarantee: Guarantee;
    readonly deadline: number;
    /** When receipts of what is in doubt have been waited for long enough, monotonic. */
    readonly resendAt: number;
    readonly lost: (from: number, to: number) => Settled;
  },
): PageRun {
  const { partition, k, size, done, intent, fence } = state;
  const { zone, recipients, guarantee, deadline, resendAt } = options;
  const windows: SendWindow[] = [];
  if (intent > done && guarantee === "at-most-once") {
    const settled = options.lost(done, intent);
    windows.push({ ...newWindow(done, intent), phase: "settled", settled });
  }
  if (intent > done && guarantee === "receipt") {
    const awaits = Array.from({ length: intent - done }, (_, index) => done + index);
    const waiting = { phase: "waiting", left: awaits, awaits, resendAt } as const;
    windows.push({ ...newWindow(done, intent), ...waiting });
  }
  const cursors = { done, intent, doubtUntil: intent, takesBack: false };
  return { page: { partition, k, size, zone }, recipients, fence, ...cursors, windows, deadline };
}

function newWindow(from: number, to: number): SendWindow {
  return {
    ...{ from, to, phase: "planned", attempts: 0, rounds: 0, left: undefined },
    ...{ awaits: [], resendAt: 0, doubted: [], settled: nothingSettled, sentAt: 0 },
  };
}

/** Where the next window begins. */
export function nextFrom(run: PageRun): number {
  return run.windows.at(-1)?.to ?? run.done;
}

/** Windows that the provider has, or will have once the journal allows it. */
export function inFlight(run: PageRun): number {
  return run.windows.filter(({ phase }) => phase !== "settled").length;
}

/** Whether nothing can be done for the page but to look for receipts. */
export function waitsForReceipts(run: PageRun, inFlightMax: number): boolean {
  const open = run.windows.filter(({ phase }) => phase !== "settled");
  const isFull = open.length >= inFlightMax || nextFrom(run) >= run.page.size;
  if (open.length === 0 || !isFull) return false;
  return open.every(({ phase, awaits, left }) => {
    return phase === "waiting" && awaits.length > 0 && awaits.length === left?.length;
  });
}

/** When the oldest window under way was handed off; undefined when none is. */
export function oldestAt(run: PageRun): number | undefined {
  const sent = run.windows.filter(({ phase }) => phase === "sending").map(({ sentAt }) => sentAt);
  return sent.length === 0 ? undefined : Math.min(...sent);
}

/** Appends a window of at most `count` recipients. */
export function planWindow(run: PageRun, count: number): PageRun {
  const from = nextFrom(run);
  const to = Math.min(from + count, run.page.size);
  return { ...run, windows: [...run.windows, newWindow(from, to)] };
}

export function replaceWindow(run: PageRun, window: SendWindow): PageRun {
  const windows = run.windows.map((it) => (it.from === window.from ? window : it));
  return { ...run, windows };
}

/** Planned windows whose intent is durable. */
export function sendable(run: PageRun): SendWindow[] {
  return run.windows.filter(({ phase, to }) => phase === "planned" && to <= run.intent);
}

/**
 * Drops the windows at the end of which certainly nothing was sent: another worker sends them.
 *
 * `written` is the intent that is durable or on its way; a window within it is taken back by the
 * next step of the journal.
 */
export function withoutUnsent(run: PageRun, written: number): PageRun {
  let { windows, takesBack } = run;
  for (let last = windows.at(-1); last !== undefined; last = windows.at(-1)) {
    if (!isUnsent(last, run)) break;
    windows = windows.slice(0, -1);
    takesBack ||= last.to <= written;
  }
  return windows === run.windows ? run : { ...run, windows, takesBack };
}

function isUnsent(window: SendWindow, run: PageRun): boolean {
  const { phase, from, to, attempts, awaits, left, settled } = window;
  if (phase !== "planned" && phase !== "waiting") return false;
  if (from < run.doubtUntil || attempts > 0 || awaits.length > 0) return false;
  return (left === undefined || left.length === to - from) && totalOf(settled.counts) === 0;
}

/** One journal step: the cursors after it, and what it settles. */
export interface JournalStep {
  readonly done: number;
  readonly intent: number;
  readonly settled: Settled;
}

/** What the journal should say: `done` moves over settled windows without a gap only. */
export function journalStep(run: PageRun): JournalStep {
  let { done, intent } = run;
  let settled = nothingSettled;
  for (const window of run.windows) {
    if (window.phase === "settled" && window.from === done) {
      done = window.to;
      settled = addSettled(settled, window.settled);
    }
    intent = Math.max(intent, window.to);
  }
  if (run.takesBack) intent = Math.max(done, nextFrom(run), Math.min(run.doubtUntil, intent));
  return { done, intent, settled };
}

/** The page after a step became durable. */
export function journalled(run: PageRun, step: JournalStep, deadline: number): PageRun {
  const windows = run.windows.filter(({ to }) => to > step.done);
  const { done, intent } = step;
  const takesBack = run.takesBack && nextFrom({ ...run, windows }) < intent;
  return { ...run, windows, done, intent, takesBack, deadline };
}
