import type { Clock } from "../../core/clock.ts";

/** At most `max` in any window of `perMs`; windows follow each other without overlap. */
export class Quota {
  readonly #max: number;
  readonly #perMs: number;
  readonly #clock: Clock;
  #windowAt = Number.NEGATIVE_INFINITY;
  #taken = 0;

  constructor({ max, perMs, clock }: { max: number; perMs: number; clock: Clock }) {
    this.#max = max;
    this.#perMs = perMs;
    this.#clock = clock;
  }

  /** Takes one if there is one left. */
  take(): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#windowAt >= this.#perMs) {
      this.#windowAt = now;
      this.#taken = 0;
    }
    if (this.#taken >= this.#max) return false;
    this.#taken += 1;
    return true;
  }
}
