/** Keys whose allowance is known; the one that was silent longest goes first. */
const KEYS_MAX = 10_000;

interface Allowance {
  /** Attempts that may come at once. */
  credit: number;
  at: number;
}

/** How often each of many may do something, as addresses may connect: a bucket per key. */
export class KeyedRate {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #allowances = new Map<string, Allowance>();

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /** Pays for one attempt at a monotonic `now`; else says how long one has to wait, in ms. */
  waitMs(key: string, now: number): number {
    const known = this.#allowances.get(key);
    const allowance = known ?? { credit: this.#burst, at: now };
    const earned = ((now - allowance.at) / 1000) * this.#perSecond;
    allowance.credit = Math.min(this.#burst, allowance.credit + earned);
    allowance.at = now;
    if (known !== undefined) this.#allowances.delete(key);
    else if (this.#allowances.size >= KEYS_MAX) {
      const oldest = this.#allowances.keys().next().value;
      if (oldest !== undefined) this.#allowances.delete(oldest);
    }
    this.#allowances.set(key, allowance);
    if (allowance.credit < 1) return Math.ceil(((1 - allowance.credit) / this.#perSecond) * 1000);
    allowance.credit -= 1;
    return 0;
  }

  /** Pays for one attempt at a monotonic `now`; false when one has to wait. */
  pay(key: string, now: number): boolean {
    return this.waitMs(key, now) === 0;
  }
}
