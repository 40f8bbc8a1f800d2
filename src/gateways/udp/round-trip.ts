/** Before the first answer, in milliseconds. */
const FIRST_MS = 500;
const SHORTEST_MS = 60;
const LONGEST_MS = 8000;

/**
 * How long answers take, and so how long to wait for one.
 *
 * @see RFC 6298 (smoothed round-trip time and its variation)
 */
export class RoundTrip {
  #smoothedMs = -1;
  #variationMs = 0;

  /** `delayMs` is what the other side says it waited before it answered. */
  observe(sampleMs: number, delayMs: number): void {
    const ms = Math.max(0, sampleMs - delayMs);
    if (this.#smoothedMs < 0) {
      this.#smoothedMs = ms;
      this.#variationMs = ms / 2;
      return;
    }
    this.#variationMs += (Math.abs(ms - this.#smoothedMs) - this.#variationMs) / 4;
    this.#smoothedMs += (ms - this.#smoothedMs) / 8;
  }

  /** When to send again what has had no answer, the `failures`-th time in a row. */
  timeoutMs(failures: number, delayMaxMs: number): number {
    const usual =
      this.#smoothedMs < 0 ? FIRST_MS : this.#smoothedMs + 4 * this.#variationMs + delayMaxMs;
    return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, usual) * 2 ** Math.min(failures, 10));
  }
}
