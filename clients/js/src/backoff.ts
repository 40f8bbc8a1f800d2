/** How long to wait between attempts to connect. */
export interface Backoff {
  /** The first wait is random between 0 and this. Default 500 ms. */
  readonly minMs: number;
  /** No wait is longer. Default 30 000 ms. */
  readonly maxMs: number;
  /** Each wait may be this many times as long as the one before. Default 2. */
  readonly factor: number;
}

export const DEFAULT_BACKOFF: Backoff = { minMs: 500, maxMs: 30_000, factor: 2 };

/**
 * The wait before attempt number `attempt` (0 is the first after a drop), with full jitter.
 *
 * Full jitter spreads a crowd of devices that all lost the same node evenly over the whole wait.
 */
export function backoffMs(backoff: Backoff, attempt: number, random: () => number): number {
  const ceiling = Math.min(backoff.maxMs, backoff.minMs * backoff.factor ** attempt);
  return Math.round(random() * ceiling);
}
