import type { Clock } from "../../core/clock.ts";
import { type RuntimeError, toRuntimeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { Random } from "../../core/random.ts";
import type {
  ActorType,
  DeadLetter,
  DeadLetterReason,
  Ref,
  SpawnOptions,
  Supervision,
} from "./actor.ts";
import { type Blueprint, Cell, Status } from "./cell.ts";
import { type ContextHost, TurnContext } from "./context.ts";
import { DeadLetters } from "./dead-letters.ts";
import { Figures } from "./figures.ts";
import {
  begin,
  blueprintOf,
  conceive,
  drain,
  end,
  mailboxDrained,
  mayHaveChildren,
  stillborn,
  undo,
} from "./lifecycle.ts";
import { Registry } from "./registry.ts";
import { Scheduler, type SchedulerHost } from "./scheduler.ts";
import { type SupervisionHost, supervise } from "./supervision.ts";
import { TimerWheel } from "./timer-wheel.ts";

/** What an actor system is given. */
export interface SystemPorts {
  /** The name of the node, as it stands in refs. */
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /**
   * A top-level supervisor gave up, or a top-level actor crashed more often than the root
   * allows: what it was for is no longer there. A server should stop. With the path `/` the kernel
   * itself has a fault.
   */
  readonly onEscalated: (path: string, error: RuntimeError) => void;
  /** A turn or callback of an actor threw; it was logged already. */
  readonly onCrash?: ((path: string, error: unknown) => void) | undefined;
  readonly onDeadLetter?: ((letter: DeadLetter) => void) | undefined;
}

/**
 * The inside of an actor system: turns, crashes and everything that the parts need of each other.
 *
 * Each part names what it needs as an interface of its own, all of which this class implements;
 * so no part knows another one's inside.
 */
export class Kernel implements ContextHost, SupervisionHost, SchedulerHost {
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly wheel: TimerWheel;
  readonly registry: Registry;
  readonly deadLetters: DeadLetters;
  readonly scheduler: Scheduler;
  readonly root: Cell;
  monotonicMs: number;
  performing = 0;
  outcomesDropped = 0;
  /** Messages handled since the start. */
  turns = 0;
  readonly #ports: SystemPorts;
  readonly #figures: Figures;
  readonly #context: TurnContext;
  #incarnations = 0;

  constructor(ports: SystemPorts) {
    this.#ports = ports;
    this.node = ports.node;
    this.clock = ports.clock;
    this.monotonicMs = ports.clock.monotonic();
    this.random = ports.random;
    this.wheel = new TimerWheel(ports.clock);
    this.registry = new Registry((kind) =>
      this.#figures.kindSeen(kind, () => this.registry.count(kind)),
    );
    const { onDeadLetter } = ports;
    this.deadLetters = new DeadLetters(
      onDeadLetter && ((letter) => this.guard(() => onDeadLetter(letter))),
    );
    this.scheduler = new Scheduler(ports.node, this);
    this.#figures = new Figures(ports.metrics, {
      deadLetters: this.deadLetters,
      tokens: () => this.scheduler.tokens,
      timers: () => this.wheel.size,
      performing: () => this.performing,
      outcomesDropped: () => this.outcomesDropped,
    });
    this.#context = new TurnContext(this);
    this.root = this.#makeRoot();
  }

  get tick(): number {
    return this.monotonicMs | 0;
  }

  nextIncarnation(): number {
    return ++this.#incarnations;
  }

  monotonic(): number {
    return this.clock.monotonic();
  }

  /** Calls foreign code; were it to throw, the batch of some other actor would be lost. */
  guard(call: () => unknown): void {
    const failed = (error: unknown): void => {
      this.#ports.logger.error("a callback of the actor system threw", { error });
    };
    try {
      const result = call();
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  // What cells need.

  turn(cell: Cell, message: unknown): void {
    const context = this.#context;
    context.begin(cell);
    try {
      const state = cell.type.behavior(cell.state, message, context);
      if (state !== cell.state) {
        if (isThenable(state)) throw new Error(`the behavior of ${cell.type.label} ${ASYNC}`);
        cell.state = state;
      }
    } catch (error) {
      context.discard();
      this.crashed(cell, error, message);
      return;
    }
    if (context.length > 0) this.#commit(cell, message);
    else context.end();
  }

  crashed(cell: Cell, error: unknown, message: unknown): void {
    this.deadLetter(cell, "crashed", message);
    this.#report(cell, error, "an actor crashed");
    if (cell.status < Status.stopping) supervise(this, cell, "crashed", error);
  }

  drained(cell: Cell): void {
    mailboxDrained(this, cell);
  }

  deadLetter(to: { readonly path: string }, reason: DeadLetterReason, message: unknown): void {
    this.deadLetters.add(to, reason, message);
  }

  // What turns need.

  conceive(parent: Cell, type: ActorType<unknown, unknown>, options: SpawnOptions<unknown>): Cell {
    return conceive(this, parent, blueprintOf(type), options);
  }

  conceiveEntity(kind: string, id: string): Cell {
    const { under, type, state } = this.registry.factory(kind);
    // While a node stops, senders should find a closed door, not crash.
    if (!mayHaveChildren(under)) return stillborn(this, under, blueprintOf(type), id);
    return this.conceive(under, type, { name: id, state: state(id) });
  }

  begin(cell: Cell): void {
    begin(cell);
  }

  undo(cell: Cell): void {
    undo(this, cell);
  }

  find(kind: string, id: string): Cell | undefined {
    return this.registry.find(kind, id);
  }

  stopChild(cell: Cell): void {
    end(this, cell, "stopped");
  }

  drainChild(cell: Cell): void {
    drain(this, cell, false);
  }

  endSelf(cell: Cell, how: "stopped" | "drained"): void {
    if (how === "drained") drain(this, cell, true);
    else if (cell.status < Status.stopping) this.endedItself(cell, "stopped");
  }

  misbehaved(ref: Ref<unknown>, message: unknown, error: unknown): void {
    this.deadLetter(ref, "crashed", message);
    const { path } = ref;
    this.#ports.logger.error("a ref threw instead of refusing", { path, error });
  }

  // What supervision needs.

  endedItself(cell: Cell, how: "stopped" | "drained"): void {
    supervise(this, cell, how, new Error(`${cell.path} ended itself`));
  }

  callbackThrew(cell: Cell, error: unknown): void {
    this.#report(cell, error, "onEnd of an actor threw");
  }

  restarted(cell: Cell): void {
    this.#figures.restarted(cell.type.label);
  }

  escalated(cell: Cell, error: unknown): void {
    const text = "a supervisor gave up: too many restarts";
    this.#ports.logger.error(text, { path: cell.path, label: cell.type.label, error });
  }

  escalatedToRoot(cell: Cell, error: unknown): void {
    this.guard(() => this.#ports.onEscalated(cell.path, toRuntimeError(error)));
  }

  // What the scheduler needs.

  measured(monotonicMs: number): void {
    this.monotonicMs = monotonicMs;
  }

  tokenDone(messages: number, tookMs: number): void {
    this.turns += messages;
    this.#figures.tokenDone(messages, tookMs);
  }

  fault(error: unknown): void {
    this.#ports.logger.error("the actor kernel has a fault", { error });
    this.guard(() => this.#ports.onEscalated("/", toRuntimeError(error)));
  }

  #commit(cell: Cell, message: unknown): void {
    try {
      this.#context.commit();
    } catch (error) {
      this.crashed(cell, error, message);
    }
  }

  #makeRoot(): Cell {
    const group = this.scheduler.root;
    const place = { name: "", parent: undefined, incarnation: this.nextIncarnation(), group };
    const root = new Cell(this, supervisorBlueprint("root", undefined), place, undefined);
    root.family = { children: new Map(), group, restartedAt: [], pauses: new Map() };
    root.status = Status.running;
    return root;
  }

  #report(cell: Cell, error: unknown, text: string): void {
    const { path } = cell;
    const { label } = cell.type;
    this.#figures.crashed(label);
    this.#ports.logger.error(text, { path, label, error });
    this.guard(() => this.#ports.onCrash?.(path, error));
  }
}

/** The type of a supervisor that handles no messages; one per supervisor. */
export function supervisorBlueprint(
  label: string,
  supervision: Supervision | undefined,
): Blueprint {
  const behavior = (state: unknown): unknown => state;
  const refuse = { mailboxMax: 1, overflow: "refuse", passive: true } as const;
  return { label, behavior, supervision, ...refuse };
}

const ASYNC = "returned a promise; it must be synchronous: use ctx.perform";

function isThenable(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return typeof (value as { then?: unknown }).then === "function";
}
