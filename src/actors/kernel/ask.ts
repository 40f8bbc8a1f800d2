import { RuntimeError } from "../../core/errors.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { DeadLetterReason, EndReason, Ref } from "./actor.ts";
import { Cell, Pending, Status, Watcher } from "./cell.ts";
import { withdrawn } from "./mailbox.ts";
import { begin, finish } from "./pending.ts";
import { type TimerWheel, WheelEntry } from "./timer-wheel.ts";
import { isWatchable, link, unlink } from "./watch.ts";

export interface AskHost {
  readonly node: string;
  readonly wheel: TimerWheel;
  nextIncarnation(): number;
  deadLetter(to: { readonly path: string }, reason: DeadLetterReason, message: unknown): void;
}

/** One request on its way; it is itself the ref that the answer is sent to. */
abstract class Asking extends Pending implements Ref<unknown> {
  readonly incarnation: number;
  readonly #host: AskHost;
  readonly #asker: Cell;
  #deadline: Deadline | undefined = undefined;
  #watcher: TargetWatcher | undefined = undefined;
  #over = false;

  constructor(host: AskHost, asker: Cell) {
    super();
    this.#host = host;
    this.#asker = asker;
    this.incarnation = host.nextIncarnation();
  }

  get node(): string {
    return this.#host.node;
  }

  /** Below the actor that asks; no child's path has this sign but in an escape. */
  get path(): string {
    const { path } = this.#asker;
    return `${path === "/" ? "" : path}/%ask-${this.incarnation}`;
  }

  /** Sends the request; from then on there will be one outcome. */
  start(to: Ref<unknown>, request: unknown, deadlineMs: number): void {
    begin(this.#asker, this);
    this.#deadline = new Deadline(this, deadlineMs);
    this.#host.wheel.set(this.#deadline, deadlineMs);
    if (!sendSafely(to, request)) return this.settle(fail(refusal(to)));
    if (this.#over || !isWatchable(to)) return;
    this.#watcher = new TargetWatcher(this, to);
    link(this.#watcher, to);
  }

  send(answer: unknown): boolean {
    if (this.#over) {
      this.#host.deadLetter(this, "no-actor", answer);
      return false;
    }
    this.settle(ok(answer));
    return true;
  }

  /** The first outcome counts; releases the timer and the watch. */
  settle(outcome: Result<unknown>): void {
    if (this.#over) return;
    this.#close();
    this.outcome(outcome);
  }

  cancel(): void {
    this.#close();
    this.cancelled();
  }

  protected abstract outcome(outcome: Result<unknown>): void;
  /** Its owner ended or restarts. */
  protected abstract cancelled(): void;

  #close(): void {
    this.#over = true;
    if (this.#deadline !== undefined) this.#host.wheel.clear(this.#deadline);
    if (this.#watcher !== undefined) unlink(this.#watcher);
    this.#deadline = undefined;
    this.#watcher = undefined;
  }
}

/** A request of an actor: the outcome becomes a message of it. */
export class ActorAsk extends Asking {
  readonly #toMessage: (outcome: Result<unknown>) => unknown;
  #outcome: Result<unknown> | undefined = undefined;
  #cancelled = false;

  constructor(host: AskHost, asker: Cell, toMessage: (outcome: Result<unknown>) => unknown) {
    super(host, asker);
    this.#toMessage = toMessage;
  }

  get about(): unknown {
    return this.#outcome;
  }

  take(): unknown {
    if (this.#cancelled) return withdrawn;
    finish(this);
    return this.#toMessage(this.#outcome!);
  }

  protected outcome(outcome: Result<unknown>): void {
    this.#outcome = outcome;
    this.owner?.signal(this);
  }

  protected cancelled(): void {
    this.#cancelled = true;
  }
}

/** A request from outside any actor: the outcome settles a promise. */
export class OutsideAsk extends Asking {
  readonly promise: Promise<unknown>;
  readonly about = undefined;
  readonly #resolve: (answer: unknown) => void;
  readonly #reject: (error: RuntimeError) => void;

  constructor(host: AskHost, root: Cell) {
    super(host, root);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.promise = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  take(): unknown {
    return withdrawn;
  }

  protected outcome(outcome: Result<unknown>): void {
    finish(this);
    if (outcome.ok) this.#resolve(outcome.value);
    else this.#reject(outcome.error);
  }

  protected cancelled(): void {
    this.#reject(new RuntimeError("actor.stopped", "the actor system stopped before the answer"));
  }
}

/** Sends to any ref; one that throws against its contract has refused. */
export function sendSafely(to: Ref<unknown>, message: unknown): boolean {
  try {
    return to.send(message);
  } catch {
    return false;
  }
}

class Deadline extends WheelEntry {
  readonly #asking: Asking;
  readonly #deadlineMs: number;

  constructor(asking: Asking, deadlineMs: number) {
    super();
    this.#asking = asking;
    this.#deadlineMs = deadlineMs;
  }

  fire(): void {
    const text = `no answer within ${this.#deadlineMs} ms`;
    this.#asking.settle(fail(new RuntimeError("ask.timeout", text)));
  }
}

class TargetWatcher extends Watcher {
  readonly #asking: Asking;
  readonly #to: { readonly path: string };

  constructor(asking: Asking, to: { readonly path: string }) {
    super();
    this.#asking = asking;
    this.#to = to;
  }

  ended(reason: EndReason): void {
    const text = `${this.#to.path} ended (${reason}) before it answered`;
    this.#asking.settle(fail(new RuntimeError("actor.stopped", text)));
  }
}

function refusal(to: Ref<unknown>): RuntimeError {
  const full = to instanceof Cell && to.status <= Status.embryo;
  return full
    ? new RuntimeError("mailbox.full", `the mailbox of ${to.path} is full`)
    : new RuntimeError("actor.stopped", `${to.path} did not take the request`);
}
