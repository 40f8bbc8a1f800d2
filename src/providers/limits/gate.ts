import type { ItemResult } from "../provider.ts";

/** What a batch that came back says about its provider. All times are monotonic milliseconds. */
export interface BatchReport {
  readonly items: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /**
   * `failed`: most of its items got no answer. `throttled`: the provider wants less. `untried`:
   * it did not get to the provider, and says nothing of it.
   */
  readonly outcome: "answered" | "throttled" | "failed" | "untried";
  /** How long the provider asks everybody to wait, in milliseconds; 0 when it does not. */
  readonly holdMs: number;
}

/**
 * One reason to let a batch wait: a rate, a number of calls, a provider that is down.
 *
 * Pure but for its own figures, and driven by the times it is given.
 */
export interface Gate {
  readonly name: string;
  /** Milliseconds until a batch may go: 0 now, Infinity not before another one has come back. */
  waitMs(items: number, now: number): number;
  /** A batch goes. */
  enter(items: number, now: number): void;
  /** A batch that has gone came back. */
  leave(report: BatchReport): void;
  /** For the live view; always the same names. */
  figures(now: number): Readonly<Record<string, number | string>>;
}

/** What the results of a batch say of the provider; undefined stands for a rejection. */
export function reportOf(
  results: readonly ItemResult[] | undefined,
  batch: Pick<BatchReport, "items" | "startedAt" | "endedAt">,
): BatchReport {
  if (results === undefined) return { ...batch, outcome: "failed", holdMs: 0 };
  const tally = { busy: 0, late: 0, failed: 0 };
  let holdMs = 0;
  for (const { status, cause = "busy", retryAfterMs = 0 } of results) {
    if (status === "retry" || status === "unknown") tally.failed += 1;
    if (status !== "throttled") continue;
    tally[cause === "unreachable" ? "failed" : cause] += 1;
    if (cause === "busy") holdMs = Math.max(holdMs, retryAfterMs);
  }
  const outcome = outcomeOf(tally, batch.items);
  // One item that has to wait is no reason to let everybody wait.
  return { ...batch, outcome, holdMs: tally.busy === batch.items ? holdMs : 0 };
}

function outcomeOf(
  { busy, late, failed }: { readonly busy: number; readonly late: number; readonly failed: number },
  items: number,
): BatchReport["outcome"] {
  if (late === items) return "untried";
  if (failed * 2 > items) return "failed";
  return busy > 0 ? "throttled" : "answered";
}
