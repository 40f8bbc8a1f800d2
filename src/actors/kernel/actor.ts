import type { Result } from "../../core/result.ts";

/**
 * What an actor does with one message: its next state.
 *
 * Synchronous. It reads time and chance from `ctx` and asks for effects through `ctx`; none of
 * them happens until it has returned. If it throws, the turn leaves no trace: the state is
 * unchanged, nothing is sent, and the supervisor decides.
 */
export type Behavior<State, Message> = (
  state: State,
  message: Message,
  ctx: Context<Message>,
) => State;

declare const accepts: unique symbol;
declare const offers: unique symbol;

/**
 * The address of an actor. It may outlive its actor and is never taken over by another one.
 *
 * A supervised restart keeps the ref; a stopped actor's successor of the same name has a new
 * incarnation, so that what is sent to the old ref becomes a dead letter.
 */
export interface Ref<in Message> {
  /** Only for the compiler: two refs differ by what they accept. */
  readonly [accepts]?: (message: Message) => void;
  readonly node: string;
  readonly path: string;
  readonly incarnation: number;
  /**
   * Puts a message into the mailbox; at most once, in order per pair of actors. Never throws.
   *
   * @returns false when it was refused: the mailbox is full or the actor has ended. A refused
   * message is counted as a dead letter with its reason.
   */
  readonly send: (message: Message) => boolean;
}

/**
 * A kind of actor that is found by an id: `user`, `campaign`. Made by `kind()`.
 *
 * Its message type is what an actor of the kind takes from others. The actor's own type may take
 * more, its private messages.
 */
export interface Kind<Message> {
  readonly [accepts]?: (message: Message) => void;
  readonly [offers]?: () => Message;
  readonly name: string;
}

/** What an actor type says of its kind: any whose messages it takes. */
export interface KindOf<out Message> {
  readonly [offers]?: () => Message;
  readonly name: string;
}

/** One turn of one actor: the facts it may read and the effects it may ask for. */
export interface Context<Message> {
  readonly self: Ref<Message>;
  /** Wall time of this turn, in milliseconds since the Unix epoch. Constant within the turn. */
  readonly now: number;
  /**
   * Monotonic time of this turn, in milliseconds. For deadlines and leases. It is read once for
   * some fast turns, so it may lie a few milliseconds back, and never ahead.
   */
  readonly monotonic: number;
  /** A number in [0, 1), from a generator that a test can seed. */
  random(): number;
  /** Sends after the turn. A refusal is a dead letter, and this actor is not told. */
  send<T>(to: Ref<T>, message: T): void;
  /** Sends after the turn; when refused, the message made by `refused` comes to this actor. */
  trySend<T>(to: Ref<T>, message: T, refused: () => Message): void;
  /**
   * Sends after the turn, past the limit of a mailbox: what must not get lost, and is bounded by
   * something else, as by the requests that it answers or the connections that it ends.
   */
  sendAnyway<T>(to: Ref<T>, message: T): void;
  /** Answers a request that says whom to answer, with `sendAnyway`. */
  reply<T>(request: { readonly replyTo?: Ref<T> | undefined }, answer: T): void;
  /**
   * Sends a request after the turn and turns its one answer, or the lack of one within
   * `deadlineMs` (error `ask.timeout`, or `actor.stopped` / `mailbox.full` when it was refused),
   * into a message of this actor.
   */
  ask<T, Answer>(
    to: Ref<T>,
    request: (replyTo: Ref<Answer>) => T,
    deadlineMs: number,
    toMessage: (outcome: Result<Answer>) => Message,
  ): void;
  /**
   * Creates a child; the ref may be used at once, the child begins after the turn.
   * A name that is taken by a living child throws `actor.exists`.
   */
  spawn<S, M>(type: ActorType<S, M>, options: SpawnOptions<S>): Ref<M>;
  /** The living actor of that kind and id on this node. O(1). */
  find<M>(kind: Kind<M>, id: string): Ref<M> | undefined;
  /** The actor of that kind and id, created by its registered factory when there is none. */
  entity<M>(kind: Kind<M>, id: string): Ref<M>;
  /** Sends `message` to this actor in `delayMs`. Replaces the timer of the same name, if any. */
  setTimer(name: string, delayMs: number, message: Message): void;
  /** After this the timer's message cannot arrive, not even if it was already due. */
  clearTimer(name: string): void;
  /**
   * Starts I/O after the turn; its outcome comes back as a message of this actor. The signal is
   * aborted when the actor ends or restarts, and the outcome is then dropped; an effect that does
   * not declare the parameter has none of its own. Outcomes are not subject to the mailbox limit:
   * each was asked for.
   */
  perform<T>(
    effect: (signal: AbortSignal) => Promise<T>,
    toMessage: (outcome: Result<T>) => Message,
  ): void;
  /**
   * Sends `terminated` to this actor when the other ends (at once if it has). A restart is no end.
   * A restart of this actor forgets what it watched, as it does timers, effects and asks. A ref
   * whose end nobody here can know is told `unknown` at once.
   */
  watch(ref: Ref<never>, terminated: (reason: EndReason, ref: Ref<never>) => Message): void;
  unwatch(ref: Ref<never>): void;
  /**
   * Ends this actor, or the given child, after the turn and its other effects; queued messages
   * are dead letters. A `permanent` actor that ends itself is started again and keeps them.
   */
  stop(child?: Ref<never>): void;
  /**
   * Ends this actor, or the given child, once the messages queued so far are handled; then its
   * children likewise, before it. What comes meanwhile is refused.
   */
  drain(child?: Ref<never>): void;
}

/** Why an actor ended. */
export type EndReason = "stopped" | "drained" | "crashed" | "escalated" | "unknown";

/** What happens to a message that comes when `max` are waiting. */
export type Overflow = "refuse" | "drop-oldest" | "drop-newest";

/**
 * When a supervisor starts a child again: always, only after a crash, never (OTP).
 * A `permanent` child that stops normally is started again, too.
 */
export type RestartType = "permanent" | "transient" | "temporary";

/** Sends, past the limit of a mailbox: who has ended cannot say it again, and ends only once. */
export type SendAnyway = <T>(to: Ref<T>, message: T) => void;

/** What one kind of actor shares among all its instances. Make one constant per kind. */
export interface ActorType<State, Message> {
  /** The first part of the name in logs and metrics, as `user`. */
  readonly label: string;
  readonly behavior: Behavior<State, Message>;
  /**
   * Registered under this kind and the instance's name, for `find` and `entity`. Typed by the
   * public messages, of which `Message` may be a superset: the private ones are not for finders.
   */
  readonly kind?: KindOf<Message> | undefined;
  /** Handled first after the start and after every restart. */
  readonly onStart?: Message | undefined;
  /**
   * Called when a life has ended, also before a restart, for effects that must not wait. There is
   * no `ctx`; what it sends goes out at once. `state` is that of the last turn that returned.
   */
  readonly onEnd?: ((state: State, reason: EndReason, sendAnyway: SendAnyway) => void) | undefined;
  readonly mailbox?: { readonly max: number; readonly overflow: Overflow } | undefined;
  /** Default `transient`. */
  readonly restart?: RestartType | undefined;
  /** How this actor supervises its children. */
  readonly supervision?: Supervision | undefined;
}

/** How a parent deals with crashes of its children. */
export interface Supervision {
  /** Default `one-for-one`. */
  readonly strategy?: "one-for-one" | "one-for-all" | "rest-for-one" | undefined;
  /** More than `max` restarts within `withinMs` escalate to the parent. Default 5 in 10 000 ms. */
  readonly intensity?: { readonly max: number; readonly withinMs: number } | undefined;
  /**
   * Pause before the n-th restart in a row: `minMs * 2^(n-1)`, at most `maxMs`, of which a
   * random half may be left out. Default 100 to 10 000 ms; `minMs` 0 restarts at once.
   */
  readonly backoff?: { readonly minMs: number; readonly maxMs: number } | undefined;
}

export interface SpawnOptions<State> {
  /** Unique among the living children of its parent. */
  readonly name: string;
  /** The state it starts with, and starts again with; it must not be changed in place then. */
  readonly state: State;
}

/** Why a message reached nobody. */
export type DeadLetterReason =
  | "no-actor"
  | "stopped"
  | "mailbox-full"
  | "dropped-oldest"
  | "dropped-newest"
  | "crashed"
  | "draining";

export interface DeadLetter {
  readonly path: string;
  readonly reason: DeadLetterReason;
  readonly message: unknown;
}

/** One line of the tree that `inspect` lists. */
export interface ActorSnapshot {
  readonly path: string;
  readonly label: string;
  readonly incarnation: number;
  readonly status: "running" | "restarting" | "draining" | "stopping";
  readonly mailbox: { readonly length: number; readonly max: number; readonly oldestMs: number };
  readonly turns: number;
  /** Mean time of a turn over the last batches, and the longest one, in milliseconds. */
  readonly turnMs: { readonly mean: number; readonly max: number };
  readonly restarts: number;
  /** How many children it has; a wide actor's are listed page by page. */
  readonly children: number;
}
