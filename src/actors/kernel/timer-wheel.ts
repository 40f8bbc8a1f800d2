import type { Cancel, Clock } from "../../core/clock.ts";

/** Slots per level. Level n holds what is due in at most 256^(n+1) ms: the fifth, 34 years. */
const SLOTS = 256;
const LEVELS = 5;
const WORDS_PER_LEVEL = SLOTS / 32;
/** Node's timers overflow at 2^31 ms; the wheel wakes up in between instead. */
const NAP_MAX_MS = 2 ** 30;
const NEVER = Number.POSITIVE_INFINITY;
const SPAN: readonly number[] = Array.from({ length: LEVELS + 1 }, (_, level) => SLOTS ** level);

/** One deadline on the wheel. A timer is the same object for as long as it is set anew. */
export abstract class WheelEntry {
  /** Tick at which it fires: milliseconds since the wheel was made. */
  due = 0;
  /** Grows with every setting: entries of one tick fire in the order they were set. */
  order = 0;
  /** Which list it is in, or -1. */
  slot = -1;
  previous: WheelEntry | undefined = undefined;
  next: WheelEntry | undefined = undefined;

  /** Called once when due, after it was taken off the wheel. Must not throw. */
  abstract fire(): void;
}

/**
 * All deadlines of an actor system, in a hierarchical wheel of 1 ms ticks.
 *
 * Setting and clearing is O(1) whatever the number of deadlines; at most one timer of the clock is
 * outstanding, and none while the wheel is empty. An entry fires at or after its time, never
 * before; entries of one tick fire in the order they were set.
 *
 * @see Varghese and Lauck, "Hashed and hierarchical timing wheels", 1987, scheme 7
 */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #origin: number;
  readonly #heads: (WheelEntry | undefined)[] = new Array(SLOTS * LEVELS).fill(undefined);
  readonly #occupied = new Int32Array(WORDS_PER_LEVEL * LEVELS);
  /** The last tick that was handled. */
  #cursor = 0;
  #size = 0;
  #order = 0;
  #wakeAt = NEVER;
  #cancelWake: Cancel | undefined = undefined;
  #running = false;
  #stopped = false;
  readonly #wake = (): void => this.#run();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#origin = clock.monotonic();
  }

  /** How many deadlines are set. */
  get size(): number {
    return this.#size;
  }

  /** Fires `entry` in `delayMs`, instead of when it was due before. Less than zero is zero. */
  set(entry: WheelEntry, delayMs: number, monotonicMs: number = this.#clock.monotonic()): void {
    if (this.#stopped) return;
    if (entry.slot >= 0) this.#unlink(entry);
    // The comparison also turns NaN into zero.
    const delay = delayMs > 0 ? delayMs : 0;
    const due = Math.ceil(monotonicMs + delay - this.#origin);
    // What is set while others fire waits for the next tick, or it could hold the event loop.
    const earliest = this.#running ? this.#cursor + 1 : this.#cursor;
    entry.due = Math.min(Math.max(due, earliest), Number.MAX_SAFE_INTEGER);
    entry.order = this.#order++;
    const eventAt = this.#link(entry);
    if (!this.#running && eventAt < this.#wakeAt) this.#arm(eventAt, monotonicMs);
  }

  /** Takes `entry` off the wheel; harmless when it is not on it. */
  clear(entry: WheelEntry): void {
    if (entry.slot < 0 || this.#stopped) return;
    this.#unlink(entry);
    // A wake-up that finds nothing due costs less than looking for the next one here.
    if (this.#size === 0 && !this.#running) this.#disarm();
  }

  /** Ends the wheel: nothing fires any more, and no timer of the clock is left. */
  stop(): void {
    this.#heads.fill(undefined);
    this.#occupied.fill(0);
    this.#size = 0;
    this.#stopped = true;
    this.#disarm();
  }

  #link(entry: WheelEntry): number {
    const ahead = entry.due - this.#cursor;
    let level = 0;
    while (level < LEVELS - 1 && ahead >= (SPAN[level + 1] ?? NEVER)) level++;
    const span = SPAN[level] ?? 1;
    // What is due beyond the last level goes into its farthest slot and is placed anew there.
    const turns = Math.min(
      Math.floor(entry.due / span),
      Math.floor(this.#cursor / span) + SLOTS - 1,
    );
    const index = turns % SLOTS;
    const slot = level * SLOTS + index;
    const head = this.#heads[slot];
    entry.slot = slot;
    entry.previous = undefined;
    entry.next = head;
    if (head !== undefined) head.previous = entry;
    this.#heads[slot] = entry;
    const word = level * WORDS_PER_LEVEL + (index >>> 5);
    this.#occupied[word] = (this.#occupied[word] ?? 0) | (1 << (index & 31));
    this.#size++;
    return turns * span;
  }

  #unlink(entry: WheelEntry): void {
    const { slot, previous, next } = entry;
    if (next !== undefined) next.previous = previous;
    if (previous !== undefined) previous.next = next;
    else {
      this.#heads[slot] = next;
      if (next === undefined) this.#vacate(slot);
    }
    entry.slot = -1;
    entry.previous = undefined;
    entry.next = undefined;
    this.#size--;
  }

  #vacate(slot: number): void {
    const word = slot >>> 5;
    this.#occupied[word] = (this.#occupied[word] ?? 0) & ~(1 << (slot & 31));
  }

  #run(): void {
    this.#cancelWake = undefined;
    this.#wakeAt = NEVER;
    this.#running = true;
    const now = Math.floor(this.#clock.monotonic() - this.#origin);
    for (let event = this.#nextEvent(); event <= now; event = this.#nextEvent()) {
      this.#cursor = event;
      for (let level = LEVELS - 1; level > 0; level--) {
        if (event % (SPAN[level] ?? 1) === 0) this.#cascade(level, event);
      }
      this.#fireSlot(event % SLOTS);
    }
    this.#cursor = Math.max(this.#cursor, now);
    this.#running = false;
    if (this.#size > 0 && !this.#stopped) this.#arm(this.#nextEvent(), this.#clock.monotonic());
  }

  /** Moves what waits in the slot that begins at `event` to the levels below. */
  #cascade(level: number, event: number): void {
    const slot = level * SLOTS + (Math.floor(event / (SPAN[level] ?? 1)) % SLOTS);
    for (let entry = this.#detach(slot); entry !== undefined; ) {
      const next: WheelEntry | undefined = entry.next;
      this.#size--;
      this.#link(entry);
      entry = next;
    }
  }

  #fireSlot(slot: number): void {
    const due: WheelEntry[] = [];
    for (let entry = this.#heads[slot]; entry !== undefined; entry = entry.next) due.push(entry);
    if (due.length > 1) due.sort((a, b) => a.order - b.order);
    for (const entry of due) {
      // It may have been cleared or set anew by one that fired before it.
      if (entry.slot !== slot) continue;
      this.#unlink(entry);
      entry.fire();
    }
  }

  #detach(slot: number): WheelEntry | undefined {
    const head = this.#heads[slot];
    this.#heads[slot] = undefined;
    this.#vacate(slot);
    return head;
  }

  /** The tick at which something fires or has to move down a level. */
  #nextEvent(): number {
    if (this.#size === 0) return NEVER;
    let next = NEVER;
    for (let level = 0; level < LEVELS; level++) {
      const span = SPAN[level] ?? 1;
      const current = Math.floor(this.#cursor / span);
      const ahead = this.#slotsAhead(level, current % SLOTS, level === 0 ? 0 : 1);
      if (ahead >= 0) next = Math.min(next, (current + ahead) * span);
    }
    return next;
  }

  /** How many slots after `from` the next occupied one of the level is; -1 when there is none. */
  #slotsAhead(level: number, from: number, first: number): number {
    for (let ahead = first; ahead < first + SLOTS; ) {
      const index = (from + ahead) % SLOTS;
      const word = this.#occupied[level * WORDS_PER_LEVEL + (index >>> 5)] ?? 0;
      const bits = word >>> (index & 31);
      if (bits !== 0) return ahead + (31 - Math.clz32(bits & -bits));
      ahead += 32 - (index & 31);
    }
    return -1;
  }

  #arm(event: number, monotonicMs: number): void {
    this.#cancelWake?.();
    this.#wakeAt = event;
    const delay = Math.max(0, this.#origin + event - monotonicMs);
    this.#cancelWake = this.#clock.after(Math.min(delay, NAP_MAX_MS), this.#wake);
  }

  #disarm(): void {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    this.#wakeAt = NEVER;
  }
}
