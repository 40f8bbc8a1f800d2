/** Packets below the newest by so much are refused, received or not. */
export const REPLAY_WINDOW = 1024;
const WORDS = REPLAY_WINDOW / 32;
/** Ranges told in one acknowledgement; what is older is sent again and known by its sequence. */
export const RANGES_MAX = 32;

/** From `low` to `high`, both received, and all between them. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/**
 * Which packet numbers have come: the guard against replays, and what is acknowledged.
 *
 * A ring of bits for the newest 1024 numbers.
 *
 * @see RFC 6479 (the idea of the ring)
 */
export class Received {
  /** The highest number so far. Number 0 is the handshake's own, and has come. */
  newest = 0;
  readonly #bits = new Uint32Array(WORDS);

  constructor() {
    this.#bits[0] = 1;
  }

  /** Whether a packet of this number may be taken: it has not come, and is not too old to tell. */
  isFresh(number: number): boolean {
    if (number > this.newest) return true;
    if (number <= this.newest - REPLAY_WINDOW) return false;
    return !this.#has(number);
  }

  /** Notes a packet that authenticated. Fresh it must be. */
  add(number: number): void {
    if (number > this.newest) {
      const from = Math.max(this.newest + 1, number - REPLAY_WINDOW + 1);
      for (let passed = from; passed < number; passed += 1) this.#clear(passed);
      this.newest = number;
    }
    const at = number % REPLAY_WINDOW;
    this.#bits[at >>> 5]! |= 1 << (at & 31);
  }

  /** What has come, newest first, at most `RANGES_MAX` ranges. */
  ranges(): Range[] {
    const ranges: Range[] = [];
    const bottom = Math.max(0, this.newest - REPLAY_WINDOW + 1);
    let high = this.newest;
    while (high >= bottom && ranges.length < RANGES_MAX) {
      let low = high;
      while (low > bottom && this.#has(low - 1)) low -= this.#step(low - 1, bottom);
      ranges.push({ low, high });
      high = low - 1;
      while (high >= bottom && !this.#has(high)) high -= 1;
    }
    return ranges;
  }

  /** How far down from a received number one may go at once: over a full word, or by one. */
  #step(number: number, bottom: number): number {
    const isWordEnd = (number & 31) === 31 && number - 31 >= bottom;
    return isWordEnd && this.#bits[(number % REPLAY_WINDOW) >>> 5] === 0xffff_ffff ? 32 : 1;
  }

  #has(number: number): boolean {
    const at = number % REPLAY_WINDOW;
    return ((this.#bits[at >>> 5]! >>> (at & 31)) & 1) === 1;
  }

  #clear(number: number): void {
    const at = number % REPLAY_WINDOW;
    this.#bits[at >>> 5]! &= ~(1 << (at & 31));
  }
}
