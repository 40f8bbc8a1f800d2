import type { BatchReport, Gate } from "./gate.ts";

export interface BreakerOptions {
  /** Failed batches in a row that open it. Default 5. */
  readonly failuresMax?: number;
  /** Of the last `window` batches this share failed: that opens it, too. Default 0.5 of 20. */
  readonly failureShare?: number;
  readonly window?: number;
  /** How long it stays open, doubled each time in a row up to the maximum. Default 1 s to 60 s. */
  readonly openMs?: number;
  readonly openMaxMs?: number;
  /** Batches at the same time while it tries whether the provider is back. Default 1. */
  readonly probesMax?: number;
  /** Answered probes in a row that close it. Default 3. */
  readonly closeAfter?: number;
}

const DEFAULTS: Required<BreakerOptions> = {
  failuresMax: 5,
  failureShare: 0.5,
  window: 20,
  openMs: 1_000,
  openMaxMs: 60_000,
  probesMax: 1,
  closeAfter: 3,
};

type State = "closed" | "open" | "half-open";

/**
 * Leaves a provider alone that fails, and then tries carefully whether it is back.
 *
 * A throttled batch is an answer: the provider lives.
 */
export class CircuitBreaker implements Gate {
  readonly name = "breaker";
  readonly #options: Required<BreakerOptions>;
  #state: State = "closed";
  /** Of the last batches, in order: whether each failed. Empty unless closed. */
  #recent: boolean[] = [];
  #failuresInRow = 0;
  #openUntil = 0;
  /** Times that it opened without closing in between. */
  #opened = 0;
  #halfOpenAt = 0;
  #probes = 0;
  #probesAnswered = 0;

  constructor(options: BreakerOptions = {}) {
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Whether it leaves the provider alone: not while it tries whether it is back. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  waitMs(_items: number, now: number): number {
    switch (this.#state) {
      case "closed":
        return 0;
      case "open":
        return Math.max(0, this.#openUntil - now);
      case "half-open":
        return this.#probes < this.#options.probesMax ? 0 : Number.POSITIVE_INFINITY;
    }
  }

  enter(_items: number, now: number): void {
    if (this.#state === "open") {
      this.#state = "half-open";
      this.#halfOpenAt = now;
      this.#probes = 0;
      this.#probesAnswered = 0;
    }
    if (this.#state === "half-open") this.#probes += 1;
  }

  leave({ outcome, startedAt, endedAt }: BatchReport): void {
    switch (this.#state) {
      case "closed":
        if (outcome !== "untried") this.#count(outcome === "failed", endedAt);
        return;
      case "open":
        return;
      case "half-open":
        // What began before it opened says nothing about how the provider is by now.
        if (startedAt >= this.#halfOpenAt) this.#probed(outcome, endedAt);
    }
  }

  figures(now: number): Readonly<Record<string, number | string>> {
    const isOpen = { closed: 0, "half-open": 0.5, open: 1 }[this.#state];
    const openMs = this.#state === "open" ? Math.max(0, this.#openUntil - now) : 0;
    const failures = this.#recent.filter(Boolean).length;
    return { state: this.#state, isOpen, openMs, failures };
  }

  #count(isFailed: boolean, now: number): void {
    const { failuresMax, failureShare, window } = this.#options;
    this.#failuresInRow = isFailed ? this.#failuresInRow + 1 : 0;
    this.#recent.push(isFailed);
    if (this.#recent.length > window) this.#recent.shift();
    const failures = this.#recent.filter(Boolean).length;
    const isShareReached = this.#recent.length === window && failures >= failureShare * window;
    if (this.#failuresInRow >= failuresMax || isShareReached) this.#open(now);
  }

  #probed(outcome: BatchReport["outcome"], now: number): void {
    this.#probes -= 1;
    if (outcome === "untried") return;
    if (outcome === "failed") return this.#open(now);
    this.#probesAnswered += 1;
    if (this.#probesAnswered < this.#options.closeAfter) return;
    this.#state = "closed";
    this.#opened = 0;
  }

  #open(now: number): void {
    const { openMs, openMaxMs } = this.#options;
    this.#state = "open";
    this.#openUntil = now + Math.min(openMaxMs, openMs * 2 ** Math.min(this.#opened, 30));
    this.#opened += 1;
    this.#failuresInRow = 0;
    this.#recent = [];
  }
}
