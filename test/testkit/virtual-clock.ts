import type { Cancel, Clock } from "../../src/core/clock.ts";

/** A clock that moves only when told to. Timers fire in due order, equals in the order set. */
export class VirtualClock implements Clock {
  #monotonic = 0;
  #wallOffset: number;
  #order = 0;
  readonly #timers = new Set<Timer>();

  /** `wallMs` is what `now` says at the start. Default 2026-01-01T00:00:00Z. */
  constructor(wallMs: number = Date.UTC(2026, 0, 1)) {
    this.#wallOffset = wallMs;
  }

  /** How many timers are set and have neither fired nor been cancelled. */
  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#wallOffset + this.#monotonic;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(delayMs: number, fire: () => void): Cancel {
    const dueAt = this.#monotonic + Math.max(0, delayMs);
    const timer: Timer = { dueAt, order: this.#order++, fire };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Moves time forward and fires what is due. What fires may set timers that fire in turn. */
  advance(ms: number): void {
    const target = this.#monotonic + ms;
    for (let next = this.#nextDue(target); next; next = this.#nextDue(target)) this.#fire(next);
    this.#monotonic = target;
  }

  /** Moves time to the earliest timer due by `targetMs` and fires it; false when there is none. */
  fireNext(targetMs: number): boolean {
    const next = this.#nextDue(targetMs);
    if (next !== undefined) this.#fire(next);
    return next !== undefined;
  }

  /** Sets the wall clock forward or, with a negative number, back. Nothing fires. */
  jump(ms: number): void {
    this.#wallOffset += ms;
  }

  /** Lets time pass in which nothing fires, as while a process is stopped. */
  halt(ms: number): void {
    this.#monotonic += ms;
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer);
    this.#monotonic = Math.max(this.#monotonic, timer.dueAt);
    timer.fire();
  }

  #nextDue(target: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueAt > target) continue;
      if (next === undefined || before(timer, next)) next = timer;
    }
    return next;
  }
}

interface Timer {
  readonly dueAt: number;
  readonly order: number;
  readonly fire: () => void;
}

function before(a: Timer, b: Timer): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order);
}
