import type { ActorType, DeadLetterReason, EndReason, Ref } from "./actor.ts";
import { Mailbox, Signal, withdrawn } from "./mailbox.ts";
import type { Group, Runnable } from "./scheduler.ts";
import type { WheelEntry } from "./timer-wheel.ts";

/** In the order of life: up to `embryo` an actor takes messages, from `stopping` on it is gone. */
export const Status = {
  running: 0,
  /** Between a crash and the restart: messages wait. */
  restarting: 1,
  /** Spawned in a turn that has not returned. */
  embryo: 2,
  /** Takes no more messages, handles those it has. */
  draining: 3,
  /** Its children end before it does. */
  stopping: 4,
  ended: 5,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

/** An actor type with everything optional filled in; one per `ActorType`. */
export interface Blueprint extends ActorType<unknown, unknown> {
  readonly mailboxMax: number;
  readonly overflow: "refuse" | "drop-oldest" | "drop-newest";
  /** A supervisor without behavior, made by `system.supervisor`. */
  readonly passive: boolean;
}

/** What cells need from their system. */
export interface CellHost {
  readonly node: string;
  /** Coarse monotonic time in milliseconds, wrapping at 2^32. */
  readonly tick: number;
  turn(cell: Cell, message: unknown): void;
  crashed(cell: Cell, error: unknown, message: unknown): void;
  /** The messages that were waiting when it was told to drain are handled. */
  drained(cell: Cell): void;
  deadLetter(to: { readonly path: string }, reason: DeadLetterReason, message: unknown): void;
}

/** What only an actor with children has. */
export interface Family {
  /** The living children by name, in start order. */
  readonly children: Map<string, Cell>;
  readonly group: Group;
  /** Monotonic times of the latest restarts of children. */
  restartedAt: number[];
  /** Children that wait for their restart, and for which timer. */
  readonly pauses: Map<Cell, WheelEntry>;
}

/** What few actors have at any time. */
export interface Rare {
  /** Whom it watches, by ref; one watcher is kept as itself. */
  watching: Watcher | Map<object, Watcher> | undefined;
  /** How many it may still handle while draining. */
  drainLeft: number;
  /** It asked for its end itself: a `permanent` one is then started again. */
  bySelf: boolean;
  endReason: EndReason | undefined;
  /** Restarts in a row, and when it was last up. */
  streak: number;
  upAt: number;
}

/** Something whose end can be watched: an actor here, or a ref of a gateway. */
export interface Watchable {
  watchers: Watcher | undefined;
  readonly endReason: EndReason | undefined;
}

/** One that waits for an end; linked into the list of what it watches. */
export abstract class Watcher {
  target: Watchable | undefined = undefined;
  previous: Watcher | undefined = undefined;
  next: Watcher | undefined = undefined;
  /** Called once. Must not throw. */
  abstract ended(reason: EndReason): void;
}

/** Something an actor has begun and that has to be given up when its life ends. */
export abstract class Pending extends Signal {
  owner: Cell | undefined = undefined;
  previous: Pending | undefined = undefined;
  next: Pending | undefined = undefined;
  /** The actor ended or restarts: nothing may come of it. Called after it was unlinked. */
  abstract cancel(): void;
}

/** A named timer of an actor; `generation` tells a firing from one before it was set anew. */
export interface NamedTimer {
  readonly name: string;
}

/**
 * One actor: its state, its mailbox, its place in the tree. It is its own ref.
 *
 * Fields are plain and few, and what most actors lack is behind one undefined field: there may be
 * a million of them. Everything but this folder sees only `Ref`.
 */
export class Cell extends Mailbox implements Ref<unknown>, Runnable, Watchable {
  readonly host: CellHost;
  readonly type: Blueprint;
  readonly name: string;
  readonly parent: Cell | undefined;
  readonly incarnation: number;
  /** Where it runs: its own group when it has children, else its parent's. */
  group: Group;
  nextReady: Runnable | undefined = undefined;
  /** Linked into the group's list, or running. */
  ready = false;
  status: Status = Status.embryo;
  /** The state it starts again with. */
  initial: unknown;
  state: unknown;
  /** Lives before this one; what was begun in an earlier life is dropped. */
  restarts = 0;
  family: Family | undefined = undefined;
  timers: NamedTimer | Map<string, NamedTimer> | undefined = undefined;
  pending: Pending | undefined = undefined;
  watchers: Watcher | undefined = undefined;
  rare: Rare | undefined = undefined;
  turns = 0;
  /** Small integers, because a double would be an object per actor. */
  #meanNs = 0;
  #maxUs = 0;

  constructor(
    host: CellHost,
    type: Blueprint,
    place: { name: string; parent: Cell | undefined; incarnation: number; group: Group },
    state: unknown,
  ) {
    super();
    this.host = host;
    this.type = type;
    this.name = place.name;
    this.parent = place.parent;
    this.incarnation = place.incarnation;
    this.group = place.group;
    this.initial = state;
    this.state = state;
  }

  get node(): string {
    return this.host.node;
  }

  get path(): string {
    const above = this.parent;
    if (above === undefined) return "/";
    return above.parent === undefined
      ? `/${pathPart(this.name)}`
      : `${above.path}/${pathPart(this.name)}`;
  }

  get endReason(): EndReason | undefined {
    return this.status === Status.ended ? (this.rare?.endReason ?? "stopped") : undefined;
  }

  get turnMs(): { mean: number; max: number } {
    return { mean: this.#meanNs / 1e6, max: this.#maxUs / 1e3 };
  }

  send(message: unknown): boolean {
    if (this.status > Status.embryo) return this.#refuse(message);
    if (this.size - this.signals >= this.type.mailboxMax) return this.#overflow(message);
    this.put(message, this.host.tick);
    if (!this.ready) this.wake();
    return true;
  }

  /** Like `send`, and past the limit. */
  sendAnyway(message: unknown): void {
    const isFull = this.size - this.signals >= this.type.mailboxMax;
    if (isFull && this.status <= Status.embryo) this.signal(new Unlimited(message));
    else this.send(message);
  }

  /** Like `send`, past the limit. What comes after the end is dropped. */
  signal(signal: Signal): void {
    if (this.status > Status.draining) return;
    this.put(signal, this.host.tick);
    this.signals++;
    if (!this.ready) this.wake();
  }

  /** Like `signal`, before everything that waits. */
  signalFirst(signal: Signal): void {
    this.putFirst(signal, this.host.tick);
    if (!this.ready) this.wake();
  }

  /** Makes it run when it may and has something to do. */
  wake(): void {
    if (this.ready || !this.#mayRun()) return;
    this.ready = true;
    this.group.add(this);
  }

  runBatch(max: number, budgetMs: number): number {
    const { host, status } = this;
    if (!this.#mayRun()) return 0;
    let most = status === Status.draining ? Math.min(max, this.rare!.drainLeft) : max;
    // A full batch of slow turns would hold up everybody else for as many times as long.
    const budgetNs = budgetMs * 1e6;
    if (this.#meanNs * most > budgetNs) most = Math.max(1, Math.floor(budgetNs / this.#meanNs));
    let taken = 0;
    // A turn may crash or end this actor: then the status changes and the batch is over.
    while (taken < most && this.size > 0 && this.status === status) {
      const item = this.takeOldest();
      taken++;
      if (this.signals > 0 && item instanceof Signal) this.#turnOf(item);
      else host.turn(this, item);
    }
    this.turns += taken;
    if (status === Status.draining && this.status === status) {
      this.rare!.drainLeft -= taken;
      if (this.rare!.drainLeft <= 0) host.drained(this);
    }
    return taken;
  }

  batchTimed(taken: number, tookMs: number): void {
    if (taken === 0) return;
    // Within a batch the longest turn is unknown: its mean is a lower bound, exact for one.
    const ns = Math.min((tookMs * 1e6) / taken, 2e9);
    this.#meanNs = (this.#meanNs === 0 ? ns : this.#meanNs + (ns - this.#meanNs) / 8) | 0;
    const us = (ns / 1e3) | 0;
    if (us > this.#maxUs) this.#maxUs = us;
  }

  batchDone(taken: number): boolean {
    if (this.size === 0) {
      this.release();
      this.ready = false;
    } else {
      this.aged(taken, this.host.tick);
      this.ready = this.#mayRun();
    }
    return this.ready;
  }

  /** Takes everything out of the mailbox; messages become dead letters, signals are dropped. */
  empty(reason: DeadLetterReason): void {
    for (; this.size > 0; ) {
      const item = this.takeOldest();
      if (item instanceof Signal) this.signals--;
      else this.#dead(reason, item);
    }
    this.release();
  }

  rarely(): Rare {
    this.rare ??= {
      watching: undefined,
      drainLeft: 0,
      bySelf: false,
      endReason: undefined,
      streak: 0,
      upAt: 0,
    };
    return this.rare;
  }

  #mayRun(): boolean {
    if (this.size === 0) return false;
    const { status } = this;
    return status === Status.running || (status === Status.draining && this.rare!.drainLeft > 0);
  }

  #turnOf(signal: Signal): void {
    this.signals--;
    let message: unknown;
    try {
      message = signal.take();
    } catch (error) {
      this.host.crashed(this, error, signal.about);
      return;
    }
    if (message !== withdrawn) this.host.turn(this, message);
  }

  #overflow(message: unknown): boolean {
    switch (this.type.overflow) {
      case "refuse":
        this.#dead("mailbox-full", message);
        return false;
      case "drop-newest":
        this.#dead("dropped-newest", message);
        return true;
      case "drop-oldest":
        this.#dead("dropped-oldest", this.takeOldestMessage());
        this.put(message, this.host.tick);
        return true;
    }
  }

  #refuse(message: unknown): boolean {
    this.#dead(this.status === Status.draining ? "draining" : "stopped", message);
    return false;
  }

  #dead(reason: DeadLetterReason, message: unknown): void {
    this.host.deadLetter(this, reason, message);
  }
}

/** A message that takes no room in the mailbox. */
class Unlimited extends Signal {
  readonly about: unknown;

  constructor(message: unknown) {
    super();
    this.about = message;
  }

  take(): unknown {
    return this.about;
  }
}

/** A name as a part of a path: only what would make the path ambiguous is escaped. */
export function pathPart(name: string): string {
  return name.replace(/[%/]/g, (character) => (character === "/" ? "%2F" : "%25"));
}
