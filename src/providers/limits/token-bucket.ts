import type { BatchReport, Gate } from "./gate.ts";

/** The longest time for which a provider may ask to be left alone, in milliseconds. */
const HOLD_MAX_MS = 60_000;

export interface TokenBucketOptions {
  /** Items per second on average; 0 means no limit. */
  readonly perSecond: number;
  /** Items that may go at once after a rest. A larger batch goes when the bucket is full. */
  readonly burst: number;
}

/**
 * Keeps the average of items per second, and the peace that a provider asks for.
 *
 * In any time t at most `burst + perSecond * t` items go, and once the excess of a batch that is
 * larger than the burst; that excess is paid back by the batches behind it.
 */
export class TokenBucket implements Gate {
  readonly name = "rate";
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt = 0;
  #heldUntil = 0;

  constructor({ perSecond, burst }: TokenBucketOptions) {
    this.#perMs = perSecond === 0 ? Number.POSITIVE_INFINITY : perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
  }

  waitMs(items: number, now: number): number {
    this.#fill(now);
    const held = Math.max(0, this.#heldUntil - now);
    if (this.#perMs === Number.POSITIVE_INFINITY) return held;
    const missing = Math.min(items, this.#burst) - this.#tokens;
    return Math.max(held, missing > 0 ? Math.ceil(missing / this.#perMs) : 0);
  }

  enter(items: number, now: number): void {
    this.#fill(now);
    if (this.#perMs !== Number.POSITIVE_INFINITY) this.#tokens -= items;
  }

  leave({ holdMs, endedAt }: BatchReport): void {
    this.#heldUntil = Math.max(this.#heldUntil, endedAt + Math.min(holdMs, HOLD_MAX_MS));
  }

  figures(now: number): Readonly<Record<string, number>> {
    this.#fill(now);
    const perSecond = this.#perMs === Number.POSITIVE_INFINITY ? 0 : this.#perMs * 1000;
    return { perSecond, tokens: this.#tokens, heldMs: Math.max(0, this.#heldUntil - now) };
  }

  #fill(now: number): void {
    const passed = Math.max(0, now - this.#filledAt);
    this.#filledAt = Math.max(this.#filledAt, now);
    if (this.#perMs === Number.POSITIVE_INFINITY) return;
    this.#tokens = Math.min(this.#burst, this.#tokens + passed * this.#perMs);
  }
}
