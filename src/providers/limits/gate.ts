import type { ItemResult } from "../provider.ts";

/** What a batch that came back says about its provider. All times are monotonic milliseconds. */
export interface BatchReport {
  readonly items: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** `failed`: most of its items got no answer. `throttled`: the provider wants less. */
  readonly outcome: "answered" | "throttled" | "failed";
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
  const of = (...statuses: readonly ItemResult["status"][]): readonly ItemResult[] =>
    (results ?? []).filter(({ status }) => statuses.includes(status));
  const throttled = of("throttled");
  const holdMs =
    throttled.length === batch.items
      ? Math.max(0, ...throttled.map(({ retryAfterMs = 0 }) => retryAfterMs))
      : 0;
  const isFailed = results === undefined || of("retry", "unknown").length * 2 > batch.items;
  const outcome = isFailed ? "failed" : throttled.length > 0 ? "throttled" : "answered";
  return { ...batch, outcome, holdMs };
}
