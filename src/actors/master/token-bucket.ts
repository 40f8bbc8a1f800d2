import { windowFor } from "../../core/price.ts";

/** How much may be caught up after a stall, in milliseconds' worth of messages. */
const CATCH_UP_MS = 250;
/**
 * Permits at a steady rate.
 *
 * It starts empty, so that from its start on never more has been given than the rate allows.
 * What a stall of at most `CATCH_UP_MS` left over is given afterwards; more is forfeited.
 */
export class TokenBucket {
  readonly #perMs: number;
  readonly #capacity: number;
  #tokens = 0;
  #at: number;

  /** @param options `rate` in messages per second, above 0; `now` in monotonic milliseconds. */
  constructor(options: { rate: number; windowMax: number; now: number }) {
    this.#perMs = options.rate / 1_000;
    const window = windowFor(options.rate, options.windowMax);
    this.#capacity = Math.max(2 * window, this.#perMs * CATCH_UP_MS);
    this.#at = options.now;
  }

  /** Takes `count` permits and returns 0, or returns how many milliseconds are missing. */
  take(count: number, now: number): number {
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
    // A rounding error must not cost another timer.
    const missing = count - this.#tokens;
    if (missing > 1e-6) return missing / this.#perMs;
    this.#tokens -= count;
    return 0;
  }
}
