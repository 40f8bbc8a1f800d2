/** Addresses whose handshakes are counted; the one that was silent longest goes first. */
const ADDRESSES_MAX = 10_000;

interface Allowance {
  /** Handshakes that may come at once. */
  credit: number;
  at: number;
}

/** How many packets of a handshake one address may send: a bucket per address. */
export class HandshakeRate {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #addresses = new Map<string, Allowance>();

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /** Pays for one packet; false when the address has to wait. */
  pay(address: string, now: number): boolean {
    const known = this.#addresses.get(address);
    const allowance = known ?? { credit: this.#burst, at: now };
    const earned = ((now - allowance.at) / 1000) * this.#perSecond;
    allowance.credit = Math.min(this.#burst, allowance.credit + earned);
    allowance.at = now;
    if (known !== undefined) this.#addresses.delete(address);
    else if (this.#addresses.size >= ADDRESSES_MAX) {
      const oldest = this.#addresses.keys().next().value;
      if (oldest !== undefined) this.#addresses.delete(oldest);
    }
    this.#addresses.set(address, allowance);
    if (allowance.credit < 1) return false;
    allowance.credit -= 1;
    return true;
  }
}
