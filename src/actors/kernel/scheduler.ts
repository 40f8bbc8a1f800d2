import { dispatch, type Ref as NactRef, spawn, start, stop } from "nact";
import type { Clock } from "../../core/clock.ts";

/** How many messages one actor may handle before the others of its group get their turn. */
const BATCH_MAX = 64;
/** How many messages a group may handle before the event loop gets its turn. */
const MESSAGES_PER_TOKEN = 4_096;
/** How long all groups may work in one turn of the event loop, about, in milliseconds. */
const TOKEN_MS = 5;
/** But each at least this long, or nact's dispatch would cost more than the work. */
const TOKEN_MIN_MS = 0.02;
/** After how many messages the clock is read; after each batch while turns are slow. */
const MESSAGES_PER_READING = 16;
/** A batch or a stretch of messages that takes longer is slow, in milliseconds. */
const SLOW_MS = 0.25;
/**
 * How many nact children a nact actor may have that handles tokens. nact copies the children of an
 * actor for every message it handles, so the rest goes under one that never handles any.
 */
export const NACT_CHILDREN_MAX = 256;

/** What a group runs: an actor with a mailbox. */
export interface Runnable {
  nextReady: Runnable | undefined;
  /** Where it runs; it may change with a turn. */
  readonly group: Group;
  /** Handles up to `max` messages, fewer when its turns are slow; returns how many it took. */
  runBatch(max: number, budgetMs: number): number;
  /** Told after a batch that was timed: a sample of those that are fast, all that are slow. */
  batchTimed(taken: number, tookMs: number): void;
  /** Told after each batch; returns whether to run again. */
  batchDone(taken: number): boolean;
}

/** What a group needs from the actor system. */
export interface SchedulerHost {
  readonly clock: Clock;
  /** Sets the coarse time of the system. */
  measured(monotonicMs: number): void;
  tokenDone(messages: number, tookMs: number): void;
  /** A fault of the kernel itself. */
  fault(error: unknown): void;
}

let systems = 0;

/** The nact system: the tree of supervisors, and the tokens that make their groups run. */
export class Scheduler {
  readonly host: SchedulerHost;
  /** The name of the nact system. */
  readonly name: string;
  readonly root: Group;
  /** Tokens that are on their way or being handled. */
  tokens = 0;
  readonly #system: NactRef<never>;

  constructor(node: string, host: SchedulerHost) {
    this.host = host;
    // nact finds systems by name in one table per process, so a second one needs another name.
    this.name = `${nactName(node)}-${++systems}`;
    // nact 7.6.2 ignores a name given as a string; it takes one from an object, untyped.
    this.#system = start({ name: this.name } as unknown as string);
    this.root = new Group(this, this.#system, "root", undefined);
  }

  /** Ends the nact system with everything in it. */
  stop(): void {
    this.root.close();
    stop(this.#system);
  }
}

/**
 * The actors that share one nact actor: a supervisor and its children without children.
 *
 * Those with something to do are linked, and each gets a batch in turn. While any is, one token is
 * on its way through nact; handling it is bounded, so that neither a busy actor starves the others
 * nor a busy group the event loop.
 */
export class Group {
  readonly scheduler: Scheduler;
  readonly #nact: NactRef<"token">;
  /** Under which those child groups live for which there is no place here; handles no tokens. */
  #annex: NactRef<never> | undefined = undefined;
  /** The group right above, which counts this one; undefined below an annex. */
  readonly #above: Group | undefined;
  #directChildren = 0;
  #head: Runnable | undefined = undefined;
  #tail: Runnable | undefined = undefined;
  #awake = false;
  #closed = false;

  constructor(
    scheduler: Scheduler,
    parent: NactRef<never>,
    name: string,
    above: Group | undefined,
  ) {
    this.scheduler = scheduler;
    this.#above = above;
    this.#nact = spawn(parent, (_: unknown, __: "token") => this.#drain(), nactName(name), {
      // It cannot throw; were it to, the default would print the message and stop the actor.
      onCrash: (_message, _error, ctx) => ctx.resume,
    }) as NactRef<"token">;
  }

  /** A group for a supervisor below this one's. */
  open(name: string): Group {
    // One place stays free for the annex.
    if (this.#directChildren < NACT_CHILDREN_MAX - 1) {
      this.#directChildren++;
      return new Group(this.scheduler, this.#nact, name, this);
    }
    this.#annex ??= spawn(this.#nact, () => undefined, "$annex") as NactRef<never>;
    return new Group(this.scheduler, this.#annex, name, undefined);
  }

  /** Ends the nact actor. Its actors must have ended. */
  close(): void {
    this.#closed = true;
    this.#head = undefined;
    this.#tail = undefined;
    if (this.#awake) this.scheduler.tokens--;
    this.#awake = false;
    if (this.#above !== undefined) this.#above.#directChildren--;
    stop(this.#nact);
  }

  /** Links one that has something to do, and wakes the group up. */
  add(one: Runnable): void {
    // nact would lose the token: a stopped actor's messages vanish.
    if (this.#closed) return;
    this.#append(one);
    if (this.#awake) return;
    this.#awake = true;
    const { scheduler } = this;
    scheduler.tokens++;
    scheduler.host.measured(scheduler.host.clock.monotonic());
    dispatch(this.#nact, "token");
  }

  #append(one: Runnable): void {
    one.nextReady = undefined;
    if (this.#tail === undefined) this.#head = one;
    else this.#tail.nextReady = one;
    this.#tail = one;
  }

  #drain(): void {
    if (this.#closed) return;
    try {
      this.#runSome();
    } catch (error) {
      this.scheduler.host.fault(error);
    }
    if (this.#closed) return;
    if (this.#head !== undefined) return void dispatch(this.#nact, "token");
    this.#awake = false;
    this.scheduler.tokens--;
  }

  #runSome(): void {
    const { host } = this.scheduler;
    const { clock } = host;
    // All tokens on their way are handled in one turn of the event loop: they share its time.
    const budgetMs = Math.max(TOKEN_MS / this.scheduler.tokens, TOKEN_MIN_MS);
    const startedAt = clock.monotonic();
    host.measured(startedAt);
    let at = startedAt;
    let messages = 0;
    let unread = 0;
    // Whether the clock was read right before this batch, so that its time is its own.
    let timed = true;
    for (let one = this.#head; one !== undefined; one = this.#head) {
      this.#head = one.nextReady;
      if (this.#head === undefined) this.#tail = undefined;
      const taken = one.runBatch(BATCH_MAX, budgetMs);
      messages += taken;
      unread += taken;
      // Reading the clock costs about as much as handling a message.
      if (timed || unread >= MESSAGES_PER_READING) {
        const now = clock.monotonic();
        host.measured(now);
        if (timed) one.batchTimed(taken, now - at);
        timed = !timed || now - at > SLOW_MS;
        at = now;
        unread = 0;
      }
      if (one.batchDone(taken)) one.group.add(one);
      if (messages >= MESSAGES_PER_TOKEN || at - startedAt >= budgetMs) break;
    }
    host.tokenDone(messages, at - startedAt);
  }
}

/** Escapes what nact does not allow in a name; two names stay different. */
function nactName(name: string): string {
  return name.replace(
    /[^\w.+!*'(),-]/g,
    (character) => `$${character.codePointAt(0)!.toString(16)}.`,
  );
}
