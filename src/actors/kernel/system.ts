import { RuntimeError } from "../../core/errors.ts";
import type {
  ActorSnapshot,
  ActorType,
  DeadLetter,
  DeadLetterReason,
  EndReason,
  Kind,
  Ref,
  SpawnOptions,
  Supervision,
} from "./actor.ts";
import { OutsideAsk } from "./ask.ts";
import { Cell, Status } from "./cell.ts";
import { type InspectOptions, inspectChildren, resolve, snapshot } from "./inspect.ts";
import { Kernel, type SystemPorts, supervisorBlueprint } from "./kernel.ts";
import { begin, conceive, drain, end } from "./lifecycle.ts";
import { type StopReport, stopSystem } from "./shutdown.ts";
import { isWatchable, link, OutsideWatcher, unlink } from "./watch.ts";

export type { InspectOptions } from "./inspect.ts";
export type { SystemPorts } from "./kernel.ts";
export type { StopReport } from "./shutdown.ts";

/** How a kind of actor comes to be when one of them is first needed. */
export interface EntityOptions<State, Message> {
  /** Its supervisor. */
  readonly under: Ref<never>;
  readonly type: ActorType<State, Message>;
  readonly state: (id: string) => State;
}

/** How much is going on; for tests and for a node that wants to know whether it is idle. */
export interface Activity {
  /** Messages handled since the start. */
  readonly turns: number;
  /** Groups that have something to do. */
  readonly awake: number;
  /** Effects on their way. */
  readonly performing: number;
  readonly timers: number;
}

/** All actors of one node: where outside code starts, finds, asks and ends them. */
export interface ActorSystem {
  readonly node: string;
  /**
   * Starts a top-level supervisor: a parent without messages. When it has to give up, it ends
   * and `onEscalated` is called.
   */
  supervisor(name: string, supervision?: Supervision): Ref<never>;
  /**
   * Starts an actor, by default at the top.
   *
   * @throws RuntimeError `actor.exists` when the name, or the id of its kind, is taken;
   * `actor.stopped` when the parent has ended.
   */
  spawn<S, M>(
    type: ActorType<S, M>,
    options: SpawnOptions<S> & { readonly under?: Ref<never> | undefined },
  ): Ref<M>;
  /** The living actor of that kind and id on this node. O(1). */
  find<M>(kind: Kind<M>, id: string): Ref<M> | undefined;
  /**
   * The same, created by the registered factory when there is none. When the supervisor of that
   * kind is ending, the ref has ended, too, and what is sent to it is a dead letter.
   */
  entity<M>(kind: Kind<M>, id: string): Ref<M>;
  /** Says how `entity` makes actors of a kind; the type must have that kind. Once per kind. */
  registerEntity<K extends M, S, M>(kind: Kind<K>, options: EntityOptions<S, M>): void;
  /** How many actors of that kind live on this node. */
  count<M>(kind: Kind<M>): number;
  /** Calls `fn` for each, in the order of their start; `fn` may end them, and send. */
  each<M>(kind: Kind<M>, fn: (ref: Ref<M>, id: string) => void): void;
  /**
   * Sends a request and resolves with its one answer.
   *
   * @throws RuntimeError `ask.timeout`; `mailbox.full` or `actor.stopped` when it was refused or
   * the receiver ended while it waited. By rejecting.
   */
  ask<T, Answer>(
    to: Ref<T>,
    request: (replyTo: Ref<Answer>) => T,
    options: { readonly deadlineMs: number },
  ): Promise<Answer>;
  /** Calls `ended` when the actor ends, at once if it has. Returns how to take it back. */
  watch(ref: Ref<never>, ended: (reason: EndReason) => void): () => void;
  /** Ends an actor now, its children before it. Its supervisor does not start it again. */
  stopActor(ref: Ref<never>): void;
  /** Ends an actor once the messages queued so far are handled, then its children likewise. */
  drainActor(ref: Ref<never>): void;
  /** The living actor at a path, as `/users/u-1`; for remote senders. Checks the incarnation. */
  resolve(path: string, incarnation?: number): Ref<unknown> | undefined;
  /** Lists the children of an actor, a page at a time. Costs what it skips and lists. */
  inspect(options?: InspectOptions): ActorSnapshot[];
  /** One actor as `inspect` lists it; undefined when it has ended or lives elsewhere. */
  snapshot(ref: Ref<never>): ActorSnapshot | undefined;
  /** How long the oldest message of an actor has waited, in milliseconds; 0 when none does. */
  mailboxAgeMs(ref: Ref<never>): number;
  readonly deadLetters: {
    readonly counts: Readonly<Record<DeadLetterReason, number>>;
    readonly total: number;
    /** The latest 100, oldest first. */
    recent(): DeadLetter[];
  };
  activity(): Activity;
  /**
   * Drains the top-level actors, the youngest first, and stops what is left at the deadline.
   * Afterwards nothing of the system keeps the process alive. Later calls get the same report.
   */
  stop(options: { readonly deadlineMs: number }): Promise<StopReport>;
}

/** Starts an actor system. The name of the node may be used by several systems of a process. */
export function createSystem(ports: SystemPorts): ActorSystem {
  return new System(new Kernel(ports));
}

class System implements ActorSystem {
  readonly #kernel: Kernel;
  #stopping: Promise<StopReport> | undefined = undefined;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  get node(): string {
    return this.#kernel.node;
  }

  get deadLetters(): ActorSystem["deadLetters"] {
    return this.#kernel.deadLetters;
  }

  supervisor(name: string, supervision?: Supervision): Ref<never> {
    const blueprint = supervisorBlueprint(name, supervision);
    const cell = conceive(this.#kernel, this.#kernel.root, blueprint, { name, state: undefined });
    begin(cell);
    return cell as Ref<never>;
  }

  spawn<S, M>(
    type: ActorType<S, M>,
    options: SpawnOptions<S> & { readonly under?: Ref<never> | undefined },
  ): Ref<M> {
    const parent = options.under === undefined ? this.#kernel.root : localCell(options.under);
    const anyType = type as unknown as ActorType<unknown, unknown>;
    const cell = this.#kernel.conceive(parent, anyType, options);
    begin(cell);
    return cell as Ref<M>;
  }

  find<M>(kind: Kind<M>, id: string): Ref<M> | undefined {
    return this.#kernel.registry.find(kind.name, id) as Ref<M> | undefined;
  }

  entity<M>(kind: Kind<M>, id: string): Ref<M> {
    const found = this.#kernel.registry.find(kind.name, id);
    if (found !== undefined) return found as Ref<M>;
    const cell = this.#kernel.conceiveEntity(kind.name, id);
    begin(cell);
    return cell as Ref<M>;
  }

  registerEntity<K extends M, S, M>(kind: Kind<K>, options: EntityOptions<S, M>): void {
    const type = options.type as unknown as ActorType<unknown, unknown>;
    if (type.kind?.name !== kind.name) {
      throw new Error(`actor type ${type.label} has kind ${type.kind?.name}, not ${kind.name}`);
    }
    const factory = { under: localCell(options.under), type, state: options.state };
    this.#kernel.registry.setFactory(kind.name, factory);
  }

  count<M>(kind: Kind<M>): number {
    return this.#kernel.registry.count(kind.name);
  }

  each<M>(kind: Kind<M>, fn: (ref: Ref<M>, id: string) => void): void {
    for (const [id, cell] of this.#kernel.registry.all(kind.name)) fn(cell as Ref<M>, id);
  }

  ask<T, Answer>(
    to: Ref<T>,
    request: (replyTo: Ref<Answer>) => T,
    { deadlineMs }: { readonly deadlineMs: number },
  ): Promise<Answer> {
    if (this.#kernel.root.status === Status.ended) {
      return Promise.reject(new RuntimeError("actor.stopped", "the actor system has stopped"));
    }
    const asking = new OutsideAsk(this.#kernel, this.#kernel.root);
    asking.start(to as Ref<unknown>, request(asking as Ref<Answer>), deadlineMs);
    return asking.promise as Promise<Answer>;
  }

  watch(ref: Ref<never>, ended: (reason: EndReason) => void): () => void {
    if (!isWatchable(ref)) throw new Error(`the end of ${ref.path} cannot be watched`);
    const watcher = new OutsideWatcher((reason) => this.#kernel.guard(() => ended(reason)));
    link(watcher, ref);
    return () => unlink(watcher);
  }

  stopActor(ref: Ref<never>): void {
    end(this.#kernel, localCell(ref), "stopped");
  }

  drainActor(ref: Ref<never>): void {
    drain(this.#kernel, localCell(ref), false);
  }

  resolve(path: string, incarnation?: number): Ref<unknown> | undefined {
    const cell = resolve(this.#kernel.root, path);
    return incarnation === undefined || cell?.incarnation === incarnation ? cell : undefined;
  }

  inspect(options: InspectOptions = {}): ActorSnapshot[] {
    return inspectChildren(this.#kernel.root, this.#tick(), options);
  }

  snapshot(ref: Ref<never>): ActorSnapshot | undefined {
    const target: object = ref;
    const here = target instanceof Cell && target.status !== Status.ended;
    return here ? snapshot(target, this.#tick()) : undefined;
  }

  mailboxAgeMs(ref: Ref<never>): number {
    const target: object = ref;
    return target instanceof Cell ? target.age(this.#tick()) : 0;
  }

  activity(): Activity {
    const { turns, performing, scheduler, wheel } = this.#kernel;
    return { turns, awake: scheduler.tokens, performing, timers: wheel.size };
  }

  stop({ deadlineMs }: { readonly deadlineMs: number }): Promise<StopReport> {
    this.#stopping ??= stopSystem(this.#kernel, deadlineMs);
    return this.#stopping;
  }

  #tick(): number {
    return this.#kernel.monotonic() | 0;
  }
}

function localCell(ref: Ref<never>): Cell {
  const cell: object = ref;
  if (cell instanceof Cell) return cell;
  throw new Error(`${ref.path} is no actor of this node`);
}
