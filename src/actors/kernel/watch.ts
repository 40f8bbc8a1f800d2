import type { EndReason, Ref } from "./actor.ts";
import { type Cell, type Rare, type Watchable, Watcher } from "./cell.ts";
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
export function watch(cell: Cell, ref: Ref<never>, terminated: Terminated): void {
  unwatch(cell, ref);
  const watcher = new ActorWatcher(cell, ref, terminated);
  keep(cell.rarely(), watcher);
  if (isWatchable(ref)) link(watcher, ref);
  else watcher.ended("unknown");
}

/** After this the message about its end does not come, not even if it is on its way. */
export function unwatch(cell: Cell, ref: Ref<never>): void {
  const watcher = watcherOf(cell, ref);
  if (watcher === undefined) return;
  forget(cell, watcher);
  unlink(watcher);
}

/** For a life that ends: forgets all it watched. */
export function unwatchAll(cell: Cell): void {
  const watching = cell.rare?.watching;
  if (watching === undefined) return;
  cell.rare!.watching = undefined;
  if (watching instanceof Watcher) return unlink(watching);
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

/** Makes the message about an end. */
type Terminated = (reason: EndReason, ref: Ref<never>) => unknown;

class ActorWatcher extends Watcher {
  readonly #cell: Cell;
  readonly ref: Ref<never>;
  readonly #terminated: Terminated;

  constructor(cell: Cell, ref: Ref<never>, terminated: Terminated) {
    super();
    this.#cell = cell;
    this.ref = ref;
    this.#terminated = terminated;
  }

  ended(reason: EndReason): void {
    this.#cell.signal(new Ending(this, reason));
  }

  /** The message, unless the watch was taken back or replaced in the meantime. */
  message(reason: EndReason): unknown {
    if (watcherOf(this.#cell, this.ref) !== this) return withdrawn;
    forget(this.#cell, this);
    return this.#terminated(reason, this.ref);
  }
}

class Ending extends Signal {
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

/** One watcher is kept as itself: a map takes more than twice as much as what is in it. */
function watcherOf(cell: Cell, ref: Ref<never>): ActorWatcher | undefined {
  const watching = cell.rare?.watching;
  if (watching instanceof ActorWatcher) return watching.ref === ref ? watching : undefined;
  return (watching as Map<object, ActorWatcher> | undefined)?.get(ref);
}

function keep(rare: Rare, watcher: ActorWatcher): void {
  const { watching } = rare;
  if (watching instanceof ActorWatcher) {
    rare.watching = new Map<object, Watcher>([
      [watching.ref, watching],
      [watcher.ref, watcher],
    ]);
  } else if (watching instanceof Map) watching.set(watcher.ref, watcher);
  else rare.watching = watcher;
}

function forget({ rare }: Cell, watcher: ActorWatcher): void {
  const watching = rare?.watching;
  if (watching instanceof Map) {
    watching.delete(watcher.ref);
    if (watching.size > 0) return;
  }
  rare!.watching = undefined;
}
