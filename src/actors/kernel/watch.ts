import type { EndReason } from "./actor.ts";
import { type Cell, type Watchable, Watcher } from "./cell.ts";
import { Signal, withdrawn } from "./mailbox.ts";

/** The same for actors here and refs of gateways: whether its end can be watched. */
export function isWatchable(ref: object): ref is Watchable {
  return "watchers" in ref && "endReason" in ref;
}

/** Has `watcher` told of the end of `target`, at once if it has ended. */
export function link(watcher: Watcher, target: Watchable): void {
  if (target.endReason !== undefined) return void watcher.ended(target.endReason);
  watcher.target = target;
  watcher.next = target.watchers;
  if (target.watchers !== undefined) target.watchers.previous = watcher;
  target.watchers = watcher;
}

/** Takes it back; harmless when it was told already. */
export function unlink(watcher: Watcher): void {
  const { target, previous, next } = watcher;
  if (target === undefined) return;
  if (next !== undefined) next.previous = previous;
  if (previous !== undefined) previous.next = next;
  else target.watchers = next;
  watcher.target = undefined;
  watcher.previous = undefined;
  watcher.next = undefined;
}

/** Tells everybody who watches `target`, once, in no particular order. */
export function tellWatchers(target: Watchable, reason: EndReason): void {
  for (let watcher = target.watchers; watcher !== undefined; watcher = target.watchers) {
    unlink(watcher);
    watcher.ended(reason);
  }
}

/** Makes `cell` watch `ref`; what it watched of it before is replaced. */
export function watch(cell: Cell, ref: object, terminated: (reason: EndReason) => unknown): void {
  unwatch(cell, ref);
  const target = isWatchable(ref) ? ref : endless;
  const watcher = new ActorWatcher(cell, target, terminated);
  const rare = cell.rarely();
  rare.watching ??= new Map();
  rare.watching.set(target, watcher);
  if (target === endless) watcher.ended("unknown");
  else link(watcher, target);
}

/** After this the message about its end does not come, not even if it is on its way. */
export function unwatch(cell: Cell, ref: object): void {
  const target = isWatchable(ref) ? ref : endless;
  const watcher = cell.rare?.watching?.get(target);
  if (watcher === undefined) return;
  cell.rare?.watching?.delete(target);
  unlink(watcher);
}

/** For a life that ends: forgets all it watched. */
export function unwatchAll(cell: Cell): void {
  const watching = cell.rare?.watching;
  if (cell.rare === undefined || watching === undefined) return;
  cell.rare.watching = undefined;
  for (const watcher of watching.values()) unlink(watcher);
}

/** Watches from outside any actor, by calling `told`. */
export class OutsideWatcher extends Watcher {
  readonly #told: (reason: EndReason) => void;

  constructor(told: (reason: EndReason) => void) {
    super();
    this.#told = told;
  }

  ended(reason: EndReason): void {
    this.#told(reason);
  }
}

/** Stands for all refs whose end nobody here can know. */
const endless: Watchable = { watchers: undefined, endReason: undefined };

class ActorWatcher extends Watcher {
  readonly #cell: Cell;
  readonly #of: Watchable;
  readonly #terminated: (reason: EndReason) => unknown;

  constructor(cell: Cell, of: Watchable, terminated: (reason: EndReason) => unknown) {
    super();
    this.#cell = cell;
    this.#of = of;
    this.#terminated = terminated;
  }

  ended(reason: EndReason): void {
    this.#cell.signal(new Terminated(this, reason));
  }

  /** The message, unless the watch was taken back or replaced in the meantime. */
  message(reason: EndReason): unknown {
    const watching = this.#cell.rare?.watching;
    if (watching?.get(this.#of) !== this) return withdrawn;
    watching.delete(this.#of);
    return this.#terminated(reason);
  }
}

class Terminated extends Signal {
  readonly #watcher: ActorWatcher;
  readonly about: EndReason;

  constructor(watcher: ActorWatcher, reason: EndReason) {
    super();
    this.#watcher = watcher;
    this.about = reason;
  }

  take(): unknown {
    return this.#watcher.message(this.about);
  }
}
