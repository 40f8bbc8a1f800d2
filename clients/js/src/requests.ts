import type { Cancel, ClientClock } from "./clock.ts";
import type { AnswerFrame } from "./device-frames.ts";
import { clientError, HeraldError } from "./errors.ts";
import type { ErrorFrame } from "./frames.ts";

/** Requests unanswered at once; the server takes as many of a session. */
const REQUESTS_MAX = 256;
/** Ids begin here, so that no ping has the same. */
const FIRST_ID = 2 ** 32;

interface Waiting {
  readonly cancel: Cancel;
  resolve(answer: AnswerFrame): void;
  reject(error: HeraldError): void;
}

/** Requests of the application that wait for their one answer, by id. */
export class PendingRequests {
  readonly #clock: ClientClock;
  readonly #waiting = new Map<number, Waiting>();
  #latest = FIRST_ID;

  constructor(clock: ClientClock) {
    this.#clock = clock;
  }

  get full(): boolean {
    return this.#waiting.size >= REQUESTS_MAX;
  }

  /** Sends a request with a new id; the answer may come on a later connection. */
  ask(send: (id: number) => void, withinMs: number): Promise<AnswerFrame> {
    this.#latest += 1;
    const id = this.#latest;
    return new Promise((resolve, reject) => {
      // First, so that nothing waits for the answer to what cannot be sent.
      send(id);
      const cancel = this.#clock.after(withinMs, () => {
        this.#waiting.delete(id);
        reject(clientError("client.timeout", `no answer within ${withinMs} ms`));
      });
      this.#waiting.set(id, { cancel, resolve, reject });
    });
  }

  /** Returns whether the frame was the answer to a request that waits. */
  answered(frame: AnswerFrame): boolean {
    const waiting = "id" in frame ? this.#take(frame.id) : undefined;
    waiting?.resolve(frame);
    return waiting !== undefined;
  }

  /** Returns whether the error was the answer to a request that waits. */
  refused({ id, code, message, retryAfterMs }: ErrorFrame): boolean {
    const waiting = id === undefined ? undefined : this.#take(id);
    waiting?.reject(new HeraldError(code, message, retryAfterMs));
    return waiting !== undefined;
  }

  /** No answer can come any more. */
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
