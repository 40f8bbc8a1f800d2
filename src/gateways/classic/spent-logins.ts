/** Log-ins remembered; the oldest go first. */
const SPENT_MAX = 100_000;

/**
 * Log-in texts that have been used, so that whoever overhears one cannot use it again.
 *
 * A text is good only while the clocks agree: it is remembered for twice that.
 */
export class SpentLogins {
  readonly #forMs: number;
  readonly #until = new Map<string, number>();

  constructor(skewSeconds: number) {
    this.#forMs = skewSeconds * 2000;
  }

  /** False when it was spent already. `now` is in monotonic milliseconds. */
  spend(text: string, now: number): boolean {
    for (const [oldest, until] of this.#until) {
      if (until > now && this.#until.size < SPENT_MAX) break;
      this.#until.delete(oldest);
    }
    if (this.#until.has(text)) return false;
    this.#until.set(text, now + this.#forMs);
    return true;
  }
}
