import type { Cancel, ClientClock } from "./clock.ts";
import { clientError, HeraldError } from "./errors.ts";
import type { ErrorFrame, PongFrame } from "./frames.ts";

/** Pings unanswered at once. */
const PINGS_MAX = 64;

/** The answer to a ping. */
export interface Pong {
  /** From the call to the answer, in milliseconds. */
  readonly roundTripMs: number;
  readonly data: unknown;
}

interface Waiting {
  readonly sentAt: number;
  readonly cancel: Cancel;
  resolve(pong: Pong): void;
  reject(error: HeraldError): void;
}

/** Pings of the application that wait for their answer, by id. */
export class PendingPings {
  readonly #clock: ClientClock;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<number, Waiting>();

  constructor(clock: ClientClock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  get full(): boolean {
    return this.#waiting.size >= PINGS_MAX;
  }

  wait(id: number): Promise<Pong> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(this.#timeoutMs, () => {
        this.#waiting.delete(id);
        reject(clientError("client.timeout", `no pong within ${this.#timeoutMs} ms`));
      });
      this.#waiting.set(id, { sentAt: this.#clock.monotonic(), cancel, resolve, reject });
    });
  }

  ponged({ id, data }: PongFrame): void {
    const waiting = this.#take(id);
    waiting?.resolve({ roundTripMs: this.#clock.monotonic() - waiting.sentAt, data });
  }

  /** Returns whether the error was the answer to a ping that waits. */
  refused({ id, code, message, retryAfterMs }: ErrorFrame): boolean {
    const waiting = id === undefined ? undefined : this.#take(id);
    waiting?.reject(new HeraldError(code, message, retryAfterMs));
    return waiting !== undefined;
  }

  /** The connection they were sent on is gone. */
  rejectAll(error: HeraldError): void {
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(error);
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.cancel();
    return waiting;
  }
}
