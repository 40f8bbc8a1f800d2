import type { Clock } from "../../core/clock.ts";
import type { Random } from "../../core/random.ts";
import type { Result } from "../../core/result.ts";
import type { ActorType, Context, EndReason, Kind, Ref, SpawnOptions } from "./actor.ts";
import { ActorAsk, type AskHost } from "./ask.ts";
import { Cell, Status } from "./cell.ts";
import { Signal, withdrawn } from "./mailbox.ts";
import { type Effect, Performance, type PerformCounts } from "./perform.ts";
import { clearTimer, setTimer } from "./timers.ts";
import { unwatch, watch } from "./watch.ts";

/** What a turn needs from the actor system. */
export interface ContextHost extends AskHost, PerformCounts {
  readonly clock: Clock;
  readonly random: Random;
  /** The time at the last reading of the clock, not older than the token that is handled. */
  readonly monotonicMs: number;
  nextIncarnation(): number;
  /** Creates an actor that begins when told; `undo` removes it as if it had never been. */
  conceive(parent: Cell, type: ActorType<unknown, unknown>, options: SpawnOptions<unknown>): Cell;
  begin(cell: Cell): void;
  undo(cell: Cell): void;
  find(kind: string, id: string): Cell | undefined;
  conceiveEntity(kind: string, id: string): Cell;
  stopChild(cell: Cell): void;
  drainChild(cell: Cell): void;
  /** The actor asked for its own end. */
  endSelf(cell: Cell, how: "stopped" | "drained"): void;
  /** A ref that is no actor of this node threw instead of refusing. */
  misbehaved(ref: Ref<unknown>, message: unknown, error: unknown): void;
}

const Op = {
  send: 0,
  trySend: 1,
  ask: 2,
  spawn: 3,
  setTimer: 4,
  clearTimer: 5,
  perform: 6,
  watch: 7,
  unwatch: 8,
  stop: 9,
  drain: 10,
  sendAnyway: 11,
} as const;

/** Operation and up to four operands; unused ones are left as they are. */
const STRIDE = 5;
/** A buffer that grew beyond this is given back after the turn. */
const KEPT_MAX = 1_024 * STRIDE;

/**
 * The context of whichever turn is running: there is one per system, as turns never overlap.
 *
 * Effects go into a flat buffer that is kept from turn to turn, and are carried out by `commit` in
 * the order in which they were asked for. An ended turn's context throws when it is used.
 */
export class TurnContext implements Context<unknown> {
  /** How much of the buffer is in use; 0 means that the turn has no effects. */
  length = 0;
  readonly #host: ContextHost;
  #buffer: unknown[] = [];
  #cell: Cell | undefined = undefined;
  #now: number | undefined = undefined;
  #ending: "stopped" | "drained" | undefined = undefined;

  constructor(host: ContextHost) {
    this.#host = host;
  }

  begin(cell: Cell): void {
    this.#cell = cell;
    this.#now = undefined;
  }

  /** The behavior returned and asked for nothing. */
  end(): void {
    this.#cell = undefined;
  }

  /** The behavior threw: nothing of what it asked for happens. */
  discard(): void {
    this.#cell = undefined;
    const buffer = this.#buffer;
    for (let at = this.length - STRIDE; at >= 0; at -= STRIDE) {
      if (buffer[at] === Op.spawn) this.#host.undo(buffer[at + 1] as Cell);
    }
    this.#reset();
  }

  /**
   * The behavior returned: carries out what it asked for.
   *
   * It throws only for what the compiler forbids, as a ref that is none. The effects before that
   * have happened then, those after it do not.
   */
  commit(): void {
    const cell = this.#cell!;
    this.#cell = undefined;
    try {
      this.#carryOutAll(cell);
    } finally {
      this.#reset();
    }
    const ending = this.#ending;
    if (ending === undefined) return;
    this.#ending = undefined;
    this.#host.endSelf(cell, ending);
  }

  get self(): Ref<unknown> {
    return this.#turn();
  }

  get now(): number {
    this.#turn();
    this.#now ??= this.#host.clock.now();
    return this.#now;
  }

  get monotonic(): number {
    this.#turn();
    return this.#host.monotonicMs;
  }

  random(): number {
    this.#turn();
    return this.#host.random();
  }

  send<T>(to: Ref<T>, message: T): void {
    if (this.#cell === undefined) this.#turn();
    if (to === undefined || to === null) throw new TypeError("ctx.send was given no ref");
    // The most frequent effect by far; the rest of its row is empty anyway.
    const buffer = this.#buffer;
    const at = this.length;
    buffer[at] = Op.send;
    buffer[at + 1] = to;
    buffer[at + 2] = message;
    this.length = at + STRIDE;
  }

  trySend<T>(to: Ref<T>, message: T, refused: () => unknown): void {
    this.#want(Op.trySend, to, message, refused);
  }

  sendAnyway<T>(to: Ref<T>, message: T): void {
    if (to instanceof Cell) this.#want(Op.sendAnyway, to, message);
    else this.send(to, message);
  }

  reply<T>({ replyTo }: { readonly replyTo?: Ref<T> | undefined }, answer: T): void {
    if (replyTo !== undefined) this.sendAnyway(replyTo, answer);
  }

  ask<T, Answer>(
    to: Ref<T>,
    request: (replyTo: Ref<Answer>) => T,
    deadlineMs: number,
    toMessage: (outcome: Result<Answer>) => unknown,
  ): void {
    const asker = this.#turn();
    const made = toMessage as (outcome: Result<unknown>) => unknown;
    const asking = new ActorAsk(this.#host, asker, made);
    this.#want(Op.ask, asking, to, request(asking as Ref<Answer>), deadlineMs);
  }

  spawn<S, M>(type: ActorType<S, M>, options: SpawnOptions<S>): Ref<M> {
    const parent = this.#turn();
    const anyType = type as unknown as ActorType<unknown, unknown>;
    const child = this.#host.conceive(parent, anyType, options);
    this.#want(Op.spawn, child);
    return child as Ref<M>;
  }

  find<M>(kind: Kind<M>, id: string): Ref<M> | undefined {
    this.#turn();
    return this.#host.find(kind.name, id) as Ref<M> | undefined;
  }

  entity<M>(kind: Kind<M>, id: string): Ref<M> {
    this.#turn();
    const found = this.#host.find(kind.name, id);
    if (found !== undefined) return found as Ref<M>;
    const made = this.#host.conceiveEntity(kind.name, id);
    this.#want(Op.spawn, made);
    return made as Ref<M>;
  }

  setTimer(name: string, delayMs: number, message: unknown): void {
    this.#want(Op.setTimer, name, delayMs, message);
  }

  clearTimer(name: string): void {
    this.#want(Op.clearTimer, name);
  }

  perform<T>(
    effect: (signal: AbortSignal) => Promise<T>,
    toMessage: (outcome: Result<T>) => unknown,
  ): void {
    this.#want(Op.perform, effect, toMessage);
  }

  watch(ref: Ref<never>, terminated: (reason: EndReason, ref: Ref<never>) => unknown): void {
    this.#want(Op.watch, ref, terminated);
  }

  unwatch(ref: Ref<never>): void {
    this.#want(Op.unwatch, ref);
  }

  stop(child?: Ref<never>): void {
    this.#endOne(Op.stop, child);
  }

  drain(child?: Ref<never>): void {
    this.#endOne(Op.drain, child);
  }

  #turn(): Cell {
    if (this.#cell === undefined) {
      throw new Error(
        "ctx was used outside its turn: ask for an effect whose outcome is a message",
      );
    }
    return this.#cell;
  }

  /** Notes an effect for `commit`. */
  #want(op: number, a: unknown, b?: unknown, c?: unknown, d?: unknown): void {
    if (this.#cell === undefined) this.#turn();
    const buffer = this.#buffer;
    const at = this.length;
    buffer[at] = op;
    buffer[at + 1] = a;
    buffer[at + 2] = b;
    buffer[at + 3] = c;
    buffer[at + 4] = d;
    this.length = at + STRIDE;
  }

  #endOne(op: number, child: Ref<never> | undefined): void {
    const cell = this.#turn();
    const target: object = child ?? cell;
    if (target !== cell && !(target instanceof Cell && target.parent === cell)) {
      throw new Error(`${child?.path} is no child of ${cell.path}, which tried to end it`);
    }
    this.#want(op, target);
  }

  #carryOutAll(cell: Cell): void {
    const buffer = this.#buffer;
    for (let at = 0; at < this.length; at += STRIDE) {
      const to = buffer[at + 1];
      const message = buffer[at + 2];
      if (buffer[at] === Op.send) this.#deliver(to as Ref<unknown>, message);
      else this.#carryOut(cell, at);
      buffer[at + 1] = undefined;
      buffer[at + 2] = undefined;
    }
  }

  #carryOut(cell: Cell, at: number): void {
    const host = this.#host;
    const buffer = this.#buffer;
    const a = buffer[at + 1];
    const b = buffer[at + 2];
    const c = buffer[at + 3];
    const op = buffer[at];
    if (op === Op.spawn) return host.begin(a as Cell);
    if (op === Op.sendAnyway) return void (a as Cell).sendAnyway(b);
    // A gateway may have ended this actor while it was sent to.
    if (cell.status >= Status.stopping) return;
    if (op === Op.trySend) return this.#tryDeliver(cell, at);
    if (op === Op.ask) {
      return (a as ActorAsk).start(b as Ref<unknown>, c, buffer[at + 4] as number);
    }
    if (op === Op.setTimer) {
      const monotonicMs = host.clock.monotonic();
      const timer = { name: a as string, delayMs: b as number, monotonicMs };
      return setTimer(cell, host.wheel, timer, c);
    }
    if (op === Op.clearTimer) return clearTimer(cell, host.wheel, a as string);
    if (op === Op.perform) {
      const toMessage = b as (outcome: Result<unknown>) => unknown;
      return new Performance(host, toMessage).start(cell, a as Effect);
    }
    if (op === Op.watch) return watch(cell, a as Ref<never>, b as (reason: EndReason) => unknown);
    if (op === Op.unwatch) return unwatch(cell, a as Ref<never>);
    if (a === cell) this.#endAfter(op === Op.stop ? "stopped" : "drained");
    else if (op === Op.stop) host.stopChild(a as Cell);
    else host.drainChild(a as Cell);
  }

  /** Its own end waits until all effects are carried out; to stop outweighs to drain. */
  #endAfter(how: "stopped" | "drained"): void {
    if (this.#ending !== "stopped") this.#ending = how;
  }

  #deliver(to: Ref<unknown>, message: unknown): boolean {
    if (to instanceof Cell) return to.send(message);
    try {
      return to.send(message);
    } catch (error) {
      this.#host.misbehaved(to, message, error);
      return false;
    }
  }

  #tryDeliver(cell: Cell, at: number): void {
    const to = this.#buffer[at + 1] as Ref<unknown>;
    const message = this.#buffer[at + 2];
    if (this.#deliver(to, message)) return;
    cell.signal(new Refusal(cell, message, this.#buffer[at + 3] as () => unknown));
  }

  #reset(): void {
    const used = this.length;
    this.length = 0;
    if (used > KEPT_MAX) this.#buffer = [];
    // What is left over would keep messages alive until another turn has as many effects.
    else for (let at = 0; at < used; at += STRIDE) this.#wipe(at);
  }

  #wipe(at: number): void {
    const buffer = this.#buffer;
    if (buffer[at] === Op.send) return;
    buffer[at + 1] = undefined;
    buffer[at + 2] = undefined;
    buffer[at + 3] = undefined;
    buffer[at + 4] = undefined;
  }
}

/** A message that a `trySend` could not deliver. */
class Refusal extends Signal {
  readonly about: unknown;
  readonly #cell: Cell;
  readonly #life: number;
  readonly #refused: () => unknown;

  constructor(cell: Cell, message: unknown, refused: () => unknown) {
    super();
    this.#cell = cell;
    this.#life = cell.restarts;
    this.about = message;
    this.#refused = refused;
  }

  take(): unknown {
    return this.#cell.restarts === this.#life ? this.#refused() : withdrawn;
  }
}
