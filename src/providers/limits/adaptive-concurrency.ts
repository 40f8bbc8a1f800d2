import type { BatchReport, Gate } from "./gate.ts";

export interface ConcurrencyOptions {
  /** Batches at the same time, at most. */
  readonly max: number;
  /** Default 4, or the maximum if that is less. */
  readonly initial?: number;
  /** A batch is slow when it takes so many times as long as the quick ones. Default 2. */
  readonly slowFactor?: number;
  /** And so much longer, in milliseconds, so that a quick provider may waver. Default 20. */
  readonly slowMinMs?: number;
}

/** What is left of the limit after a bad batch. */
const DECREASE = 0.7;

/**
 * Finds how many batches at the same time a provider likes: additive increase, multiplicative
 * decrease.
 *
 * A batch that is answered quickly while the limit is used raises it, by one per round; one that
 * fails, is throttled or is slow lowers it by 30 %, once per round: batches that had begun
 * before it was lowered last are not counted against it again. What is slow even alone is not
 * slow because of us: that is how quick the provider is by now.
 */
export class AdaptiveConcurrency implements Gate {
  readonly name = "concurrency";
  readonly #max: number;
  readonly #slowFactor: number;
  readonly #slowMinMs: number;
  #limit: number;
  #inFlight = 0;
  /** How long a batch takes when the provider is not busy; 0 before the first. */
  #quickMs = 0;
  /** How many items such a batch has: a small one is quick for its own reason. */
  #quickItems = 0;
  #loweredAt = Number.NEGATIVE_INFINITY;

  constructor({ max, initial = 4, slowFactor = 2, slowMinMs = 20 }: ConcurrencyOptions) {
    this.#max = max;
    this.#limit = Math.min(initial, max);
    this.#slowFactor = slowFactor;
    this.#slowMinMs = slowMinMs;
  }

  waitMs(): number {
    return this.#inFlight < Math.floor(this.#limit) ? 0 : Number.POSITIVE_INFINITY;
  }

  enter(): void {
    this.#inFlight += 1;
  }

  leave({ items, outcome, startedAt, endedAt }: BatchReport): void {
    const isUsed = this.#inFlight >= Math.floor(this.#limit);
    this.#inFlight -= 1;
    if (outcome === "untried") return;
    const ms = endedAt - startedAt;
    const isSlow = outcome === "answered" && this.#isSlow(ms, items);
    if (outcome === "answered" && !isSlow) {
      if (isUsed) this.#limit = Math.min(this.#max, this.#limit + 1 / this.#limit);
    } else if (startedAt >= this.#loweredAt) {
      this.#limit = Math.max(1, this.#limit * DECREASE);
      this.#loweredAt = endedAt;
    }
  }

  figures(): Readonly<Record<string, number>> {
    return { limit: this.#limit, max: this.#max, quickMs: this.#quickMs };
  }

  #isSlow(ms: number, items: number): boolean {
    const isAlone = this.#limit === 1 && this.#inFlight === 0;
    const isLarger = items > this.#quickItems * 2;
    const isQuicker = ms < this.#quickMs && items * 2 >= this.#quickItems;
    if (isLarger || isQuicker || isAlone) {
      this.#quickMs = ms;
      this.#quickItems = items;
      return false;
    }
    return ms > Math.max(this.#quickMs * this.#slowFactor, this.#quickMs + this.#slowMinMs);
  }
}
