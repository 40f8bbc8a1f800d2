/** What the kernel says when a signal was taken back before its turn came. */
export const withdrawn: unique symbol = Symbol("withdrawn");

/**
 * A message that the kernel makes for an actor when its turn comes: a timer, an outcome, an end.
 *
 * The actor asked for it, so it passes the mailbox limit; and the actor can take it back until it
 * is handled, which is why the message is made so late.
 */
export abstract class Signal {
  /** The message, or `withdrawn`. A throw counts as a crash of the actor. */
  abstract take(): unknown;
  /** What to show as the message when `take` throws. */
  abstract readonly about: unknown;
}

const CAPACITY_FIRST = 4;
/** A ring this small is kept while empty; a bigger one is given back. */
const CAPACITY_KEPT = 16;

/**
 * Messages and signals that wait for an actor, oldest first, in a ring that grows by doubling.
 *
 * A base class instead of a field of `Cell`, because an object per actor less is what makes an
 * idle session cheap. An actor that was never sent anything has no ring at all.
 */
export class Mailbox {
  /** How many wait, signals included. */
  size = 0;
  /** How many of them are signals. */
  signals = 0;
  #ring: unknown[] | undefined = undefined;
  #head = 0;
  /** Tick since which the oldest waits, at most; `#markLeft` messages later it is `#mark`. */
  #since = 0;
  #mark = 0;
  #markLeft = 0;

  /** Appends one; the limit is the caller's business. `tick` is coarse time, as in `age`. */
  protected put(item: unknown, tick: number): void {
    const size = this.size;
    if (size === 0) {
      this.#since = tick;
      this.#mark = tick;
      this.#markLeft = 0;
    }
    let ring = this.#ring;
    if (ring === undefined || size === ring.length) ring = this.#grow();
    ring[(this.#head + size) & (ring.length - 1)] = item;
    this.size = size + 1;
  }

  /** Puts a signal before all others. */
  protected putFirst(signal: Signal, tick: number): void {
    if (this.size === 0) return void this.#putOnly(signal, tick);
    let ring = this.#ring;
    if (ring === undefined || this.size === ring.length) ring = this.#grow();
    this.#head = (this.#head - 1) & (ring.length - 1);
    ring[this.#head] = signal;
    this.size++;
    this.signals++;
  }

  #putOnly(signal: Signal, tick: number): void {
    this.put(signal, tick);
    this.signals++;
  }

  /** Removes the oldest; only call it when `size > 0`. */
  protected takeOldest(): unknown {
    const ring = this.#ring!;
    const head = this.#head;
    const item = ring[head];
    ring[head] = undefined;
    this.#head = (head + 1) & (ring.length - 1);
    this.size--;
    return item;
  }

  /** Removes the oldest that is not a signal; only call it when `size > signals`. */
  protected takeOldestMessage(): unknown {
    if (this.signals === 0) return this.takeOldest();
    const ring = this.#ring!;
    const last = ring.length - 1;
    let at = 0;
    while (ring[(this.#head + at) & last] instanceof Signal) at++;
    const message = ring[(this.#head + at) & last];
    for (; at > 0; at--) ring[(this.#head + at) & last] = ring[(this.#head + at - 1) & last];
    this.takeOldest();
    return message;
  }

  /** Gives back a big ring that is empty. */
  protected release(): void {
    if (this.#ring !== undefined && this.#ring.length > CAPACITY_KEPT) {
      this.#ring = undefined;
      this.#head = 0;
    }
  }

  /** Told after a batch that did not empty it, to keep `age` honest for a busy actor. */
  protected aged(taken: number, tick: number): void {
    this.#markLeft -= taken;
    if (this.#markLeft > 0) return;
    this.#since = this.#mark;
    this.#mark = tick;
    this.#markLeft = this.size;
  }

  /**
   * How long the oldest has waited at most, in milliseconds; 0 when none waits.
   *
   * Ticks are milliseconds that wrap at 2^32, so that they fit a small integer.
   */
  age(tick: number): number {
    return this.size === 0 ? 0 : Math.max(0, (tick - this.#since) | 0);
  }

  #grow(): unknown[] {
    const old = this.#ring;
    if (old === undefined) {
      this.#ring = new Array(CAPACITY_FIRST).fill(undefined);
      this.#head = 0;
      return this.#ring;
    }
    const ring: unknown[] = new Array(old.length * 2).fill(undefined);
    for (let i = 0; i < this.size; i++) ring[i] = old[(this.#head + i) & (old.length - 1)];
    this.#ring = ring;
    this.#head = 0;
    return ring;
  }
}
