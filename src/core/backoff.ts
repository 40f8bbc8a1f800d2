/** The pauses before something that failed is tried again, in milliseconds. */
interface RetryLimits {
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

/**
 * Doubled after each failure in a row, of which there were so many before this one. Up to half of
 * it is left out by `chance`, in [0, 1), so that those who failed together come back apart.
 */
export function backoffMs(
  { retryMinMs, retryMaxMs }: RetryLimits,
  failures: number,
  chance: number,
): number {
  const longest = Math.min(retryMinMs * 2 ** Math.min(failures, 30), retryMaxMs);
  return longest * (0.5 + chance / 2);
}

/** The pause after so many failures in a row for one that nobody competes with, in milliseconds. */
export function pauseAfter(failures: number): number {
  return Math.min(5_000, 100 * 2 ** Math.min(failures - 1, 10));
}
