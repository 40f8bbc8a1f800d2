import type { Cell, NamedTimer } from "./cell.ts";
import { Signal, withdrawn } from "./mailbox.ts";
import { type TimerWheel, WheelEntry } from "./timer-wheel.ts";

/** Sets the timer of that name; the one it replaces does not deliver any more. */
export function setTimer(
  cell: Cell,
  wheel: TimerWheel,
  timer: { readonly name: string; readonly delayMs: number; readonly monotonicMs: number },
  message: unknown,
): void {
  let entry = timerOf(cell, timer.name);
  if (entry === undefined) {
    entry = new ActorTimer(cell, timer.name);
    keep(cell, entry);
  }
  entry.generation++;
  entry.message = message;
  wheel.set(entry, timer.delayMs, timer.monotonicMs);
}

export function clearTimer(cell: Cell, wheel: TimerWheel, name: string): void {
  const entry = timerOf(cell, name);
  if (entry === undefined) return;
  forget(cell, entry);
  withdraw(entry, wheel);
}

/** For a life that ends. */
export function clearTimers(cell: Cell, wheel: TimerWheel): void {
  const { timers } = cell;
  cell.timers = undefined;
  if (timers === undefined) return;
  if (timers instanceof ActorTimer) return withdraw(timers, wheel);
  for (const entry of (timers as Map<string, ActorTimer>).values()) withdraw(entry, wheel);
}

class ActorTimer extends WheelEntry implements NamedTimer {
  readonly #cell: Cell;
  readonly name: string;
  message: unknown = undefined;
  /** Grows when it is set anew or cleared, so that a firing in the mailbox knows. */
  generation = 0;

  constructor(cell: Cell, name: string) {
    super();
    this.#cell = cell;
    this.name = name;
  }

  fire(): void {
    this.#cell.signal(new Firing(this, this.generation));
  }

  take(generation: number): unknown {
    if (this.generation !== generation) return withdrawn;
    forget(this.#cell, this);
    return this.message;
  }
}

class Firing extends Signal {
  readonly #timer: ActorTimer;
  readonly #generation: number;

  constructor(timer: ActorTimer, generation: number) {
    super();
    this.#timer = timer;
    this.#generation = generation;
  }

  get about(): unknown {
    return this.#timer.message;
  }

  take(): unknown {
    return this.#timer.take(this.#generation);
  }
}

function withdraw(entry: ActorTimer, wheel: TimerWheel): void {
  entry.generation++;
  entry.message = undefined;
  wheel.clear(entry);
}

/** One timer is kept as itself: most actors that have any have one. */
function timerOf(cell: Cell, name: string): ActorTimer | undefined {
  const { timers } = cell;
  if (timers === undefined) return undefined;
  if (timers instanceof ActorTimer) return timers.name === name ? timers : undefined;
  return (timers as Map<string, ActorTimer>).get(name);
}

function keep(cell: Cell, entry: ActorTimer): void {
  const { timers } = cell;
  if (timers === undefined) cell.timers = entry;
  else if (timers instanceof Map) timers.set(entry.name, entry);
  else {
    cell.timers = new Map<string, NamedTimer>([
      [timers.name, timers],
      [entry.name, entry],
    ]);
  }
}

function forget(cell: Cell, entry: ActorTimer): void {
  const { timers } = cell;
  if (timers === entry) cell.timers = undefined;
  else if (timers instanceof Map) {
    timers.delete(entry.name);
    if (timers.size === 0) cell.timers = undefined;
  }
}
