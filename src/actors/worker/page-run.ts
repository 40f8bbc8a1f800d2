import { addCounts, noCounts, type SendCounts } from "../../core/send-counts.ts";
import type { Recipient } from "../../persistence/ports/audience.ts";
import type { Guarantee, PageState } from "../../persistence/ports/campaign.ts";
import type { PageToSend } from "./messages.ts";

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
  /** Indices still to be sent; undefined means all of them. */
  readonly left: readonly number[] | undefined;
  readonly counts: SendCounts;
}

/** A page under lease: `[0, done)` settled, `[done, intent)` in doubt, the rest untouched. */
export interface PageRun {
  readonly page: PageToSend;
  readonly recipients: readonly Recipient[];
  readonly fence: number;
  /** Durable, as is `intent`. */
  readonly done: number;
  readonly intent: number;
  /** Without a gap from `done` on, in order. */
  readonly windows: readonly SendWindow[];
  /** Monotonic milliseconds; nothing may be handed to the provider from then on. */
  readonly deadline: number;
}

/**
 * Begins or takes up a page that was claimed.
 *
 * What an earlier worker left in doubt becomes `unknown` (at-most-once), or is sent again from
 * `done` on (at-least-once, and key: the items have the same ids again).
 */
export function takeUp(
  state: PageState,
  recipients: readonly Recipient[],
  options: { readonly guarantee: Guarantee; readonly deadline: number },
): PageRun {
  const { partition, k, size, done, intent, fence } = state;
  const doubtful = intent - done;
  const lost = options.guarantee === "at-most-once" && doubtful > 0;
  const counts = { ...noCounts, unknown: doubtful };
  const windows: SendWindow[] = lost
    ? [{ from: done, to: intent, phase: "settled", attempts: 0, left: undefined, counts }]
    : [];
  const page = { partition, k, size };
  return { page, recipients, fence, done, intent, windows, deadline: options.deadline };
}

/** Where the next window begins. */
export function nextFrom(run: PageRun): number {
  return run.windows.at(-1)?.to ?? run.done;
}

/** Windows that the provider has, or will have once the journal allows it. */
export function inFlight(run: PageRun): number {
  return run.windows.filter(({ phase }) => phase !== "settled").length;
}

/** Appends a window of at most `count` recipients. */
export function planWindow(run: PageRun, count: number): PageRun {
  const from = nextFrom(run);
  const to = Math.min(from + count, run.page.size);
  const window: SendWindow = {
    from,
    to,
    phase: "planned",
    attempts: 0,
    left: undefined,
    counts: noCounts,
  };
  return { ...run, windows: [...run.windows, window] };
}

export function replaceWindow(run: PageRun, window: SendWindow): PageRun {
  const windows = run.windows.map((it) => (it.from === window.from ? window : it));
  return { ...run, windows };
}

/** Planned windows whose intent is durable. */
export function sendable(run: PageRun): SendWindow[] {
  return run.windows.filter(({ phase, to }) => phase === "planned" && to <= run.intent);
}

/** One journal step: the cursors after it, and the counts of what it settles. */
export interface JournalStep {
  readonly done: number;
  readonly intent: number;
  readonly counts: SendCounts;
}

/** What the journal should say: `done` moves over settled windows without a gap only. */
export function journalStep(run: PageRun): JournalStep {
  let { done, intent } = run;
  let counts = noCounts;
  for (const window of run.windows) {
    if (window.phase === "settled" && window.from === done) {
      done = window.to;
      counts = addCounts(counts, window.counts);
    }
    intent = Math.max(intent, window.to);
  }
  return { done, intent, counts };
}

/** The page after a step became durable. */
export function journalled(run: PageRun, step: JournalStep, deadline: number): PageRun {
  const windows = run.windows.filter(({ to }) => to > step.done);
  return { ...run, windows, done: step.done, intent: step.intent, deadline };
}
