import { clientError } from "./errors.ts";
import type { PushFrame } from "./frames.ts";

/** One message for the application. */
export interface Push {
  readonly id: string;
  readonly topic: string;
  readonly payload: unknown;
  /** Its number among the user's pushes; undefined for volatile ones, which are never repeated. */
  readonly offset: number | undefined;
  /** Milliseconds since the epoch; after this the server does not send it again. */
  readonly expiresAt: number;
  /** It may have been received before, by an earlier run of this program for example. */
  readonly redelivered: boolean;
  /** Whether the server keeps and repeats it until it is acked. */
  readonly ackWanted: boolean;
  /** Says that it is handled. Only needed with `ackMode: "manual"`; harmless to call twice. */
  ack(): void;
}

/** `onPush`: the push counts as handled when this returns, or when its promise resolves. */
export type PushHandler = (push: Push) => void | Promise<void>;

/** Told by the queue, once per push at most for each. */
export interface DeliveryEvents {
  /** It has been handled. */
  handled(push: ReceivedPush): void;
  /** It was not handled; `cause` is what the handler threw, undefined when a loop was left. */
  failed(push: ReceivedPush, cause: unknown): void;
}

/** A push on its way through this client. */
export class ReceivedPush implements Push {
  readonly id: string;
  readonly topic: string;
  readonly payload: unknown;
  readonly offset: number | undefined;
  readonly expiresAt: number;
  readonly redelivered: boolean;
  readonly ackWanted: boolean;
  /** Which history of offsets it belongs to; a server that lost its data begins another. */
  readonly history: number;
  readonly #events: DeliveryEvents;
  #acked = false;

  constructor(frame: PushFrame, history: number, events: DeliveryEvents) {
    this.id = frame.id;
    this.topic = frame.topic;
    this.payload = frame.payload;
    this.offset = frame.offset;
    this.expiresAt = frame.expiresAt;
    this.redelivered = frame.redelivered === true;
    this.ackWanted = frame.ack;
    this.history = history;
    this.#events = events;
  }

  ack(): void {
    if (this.#acked) return;
    this.#acked = true;
    this.#events.handled(this);
  }

  /** The application is through with it. */
  finish(manual: boolean): void {
    if (!manual || !this.ackWanted) this.ack();
  }

  /** The application failed; what it acked before it did stays acked. */
  fail(cause: unknown): void {
    if (!this.#acked || cause !== undefined) this.#events.failed(this, cause);
  }

  get acked(): boolean {
    return this.#acked;
  }
}

/** Hands pushes to the application one at a time, in the order of their arrival. */
export class Deliveries {
  readonly #onPush: PushHandler | undefined;
  readonly #manual: boolean;
  #queue: ReceivedPush[] = [];
  #busy = false;
  #closed = false;
  #iterating = false;
  #wake: (() => void) | undefined;
  #idle: (() => void) | undefined;

  constructor(onPush: PushHandler | undefined, manual: boolean) {
    this.#onPush = onPush;
    this.#manual = manual;
  }

  /** Pushes that the application has not been given yet. */
  get waiting(): number {
    return this.#queue.length;
  }

  offer(push: ReceivedPush): void {
    if (this.#closed) return;
    this.#queue.push(push);
    if (this.#onPush === undefined) this.#wake?.();
    else if (!this.#busy) this.#run(this.#onPush);
  }

  /** @throws HeraldError `client.busy` when `onPush` or another loop has the pushes. */
  iterate(): AsyncGenerator<Push, void, undefined> {
    if (this.#onPush !== undefined || this.#iterating) {
      throw clientError("client.busy", "onPush or another loop receives the pushes");
    }
    this.#iterating = true;
    return this.#loop();
  }

  /** Gives nothing more to the application; while that handles something, resolves after it. */
  close(): Promise<void> | undefined {
    this.#closed = true;
    this.#queue = [];
    this.#wake?.();
    if (!this.#busy) return undefined;
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }

  #run(onPush: PushHandler): void {
    this.#busy = true;
    for (let push = this.#queue.shift(); push !== undefined; push = this.#queue.shift()) {
      const promise = this.#hand(push, onPush);
      if (promise === undefined) continue;
      void promise.then(() => this.#run(onPush));
      return;
    }
    this.#busy = false;
    this.#idle?.();
  }

  /** A handler that returns at once is not awaited, which spares a burst one turn per push. */
  #hand(push: ReceivedPush, onPush: PushHandler): Promise<void> | undefined {
    try {
      const promise = onPush(push);
      if (promise !== undefined && typeof promise.then === "function") {
        return Promise.resolve(promise).then(
          () => push.finish(this.#manual),
          (cause: unknown) => push.fail(cause ?? new Error("rejected without a reason")),
        );
      }
      push.finish(this.#manual);
    } catch (cause) {
      push.fail(cause ?? new Error("threw without a reason"));
    }
    return undefined;
  }

  async *#loop(): AsyncGenerator<Push, void, undefined> {
    try {
      while (!this.#closed) {
        const push = this.#queue.shift();
        if (push === undefined) await this.#arrival();
        else yield* this.#lend(push);
      }
    } finally {
      this.#iterating = false;
    }
  }

  /** The push is handled when the loop asks for the next one; leaving the loop is a failure. */
  async *#lend(push: ReceivedPush): AsyncGenerator<Push, void, undefined> {
    let finished = false;
    try {
      yield push;
      finished = true;
    } finally {
      if (finished) push.finish(this.#manual);
      else push.fail(undefined);
    }
  }

  async #arrival(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }
}
