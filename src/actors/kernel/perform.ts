import { toRuntimeError } from "../../core/errors.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { type Cell, Pending } from "./cell.ts";
import { withdrawn } from "./mailbox.ts";
import { begin, finish } from "./pending.ts";

/** What the figures of the system want to know about effects. */
export interface PerformCounts {
  performing: number;
  /** Outcomes that came after the end of the life that asked for them. */
  outcomesDropped: number;
}

export type Effect = (signal: AbortSignal) => Promise<unknown>;

/** For effects that do not declare the parameter: they save a controller each. */
const neverAborted = new AbortController().signal;

/** I/O of an actor on its way; it stands in the mailbox for its outcome. */
export class Performance extends Pending {
  readonly #counts: PerformCounts;
  readonly #toMessage: (outcome: Result<unknown>) => unknown;
  #controller: AbortController | undefined = undefined;
  #outcome: Result<unknown> | undefined = undefined;
  #cancelled = false;

  constructor(counts: PerformCounts, toMessage: (outcome: Result<unknown>) => unknown) {
    super();
    this.#counts = counts;
    this.#toMessage = toMessage;
  }

  get about(): unknown {
    return this.#outcome;
  }

  /** Starts the effect on behalf of `cell`. A synchronous throw is an outcome, too. */
  start(cell: Cell, effect: Effect): void {
    begin(cell, this);
    this.#counts.performing++;
    let promise: Promise<unknown>;
    try {
      promise = Promise.resolve(effect(this.#signalFor(effect)));
    } catch (error) {
      return this.#settle(fail(toRuntimeError(error)));
    }
    promise.then(
      (value) => this.#settle(ok(value)),
      (error: unknown) => this.#settle(fail(toRuntimeError(error))),
    );
  }

  cancel(): void {
    this.#cancelled = true;
    this.#controller?.abort();
  }

  take(): unknown {
    if (this.#cancelled) return withdrawn;
    finish(this);
    return this.#toMessage(this.#outcome!);
  }

  #signalFor(effect: Effect): AbortSignal {
    if (effect.length === 0) return neverAborted;
    this.#controller = new AbortController();
    return this.#controller.signal;
  }

  #settle(outcome: Result<unknown>): void {
    this.#counts.performing--;
    this.#outcome = outcome;
    if (this.#cancelled) this.#counts.outcomesDropped++;
    // It stays pending until it is handled: a restart in between must drop it.
    else this.owner?.signal(this);
  }
}
