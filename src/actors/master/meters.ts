const BUCKET_MS = 500;
const BUCKETS = 10;

/** Messages per second over the last five seconds. */
export class RateMeter {
  readonly #counts = new Array<number>(BUCKETS).fill(0);
  readonly #startedAt: number;
  #slot: number;

  /** `now` in monotonic milliseconds, here and below. */
  constructor(now: number) {
    this.#startedAt = now;
    this.#slot = Math.floor(now / BUCKET_MS);
  }

  add(count: number, now: number): void {
    this.#move(now);
    this.#counts[this.#slot % BUCKETS]! += count;
  }

  perSecond(now: number): number {
    this.#move(now);
    const sum = this.#counts.reduce((total, count) => total + count, 0);
    const inSlot = now - this.#slot * BUCKET_MS;
    const covered = Math.min((BUCKETS - 1) * BUCKET_MS + inSlot, now - this.#startedAt);
    return covered <= 0 ? 0 : (sum * 1_000) / covered;
  }

  #move(now: number): void {
    const slot = Math.floor(now / BUCKET_MS);
    const steps = Math.min(BUCKETS, slot - this.#slot);
    for (let step = 1; step <= steps; step += 1) this.#counts[(slot - step + 1) % BUCKETS] = 0;
    this.#slot = Math.max(slot, this.#slot);
  }
}

const WINDOWS = 20;

/** Whether a provider fails persistently: more than half of the last 20 windows failed. */
export class FailureMeter {
  readonly #last: boolean[] = [];
  /** Recipients for whom an attempt failed, each as often as it did. */
  failed = 0;

  add(rejected: boolean): void {
    this.#last.push(rejected);
    if (this.#last.length > WINDOWS) this.#last.shift();
  }

  get tripped(): boolean {
    return this.#last.length === WINDOWS && this.rejected > WINDOWS / 2;
  }

  get rejected(): number {
    return this.#last.filter(Boolean).length;
  }

  get seen(): number {
    return this.#last.length;
  }
}
