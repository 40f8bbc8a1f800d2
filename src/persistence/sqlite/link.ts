import { Worker } from "node:worker_threads";
import { RuntimeError } from "../../core/errors.ts";
import type { Answer, Call, Failure, FromStorage, StorageOptions, ToStorage } from "./wire.ts";

/** Calls that may wait for the storage thread before further ones are refused. */
const WAITING_MAX = 100_000;

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: RuntimeError) => void;
}

/**
 * The main thread's end of the storage thread.
 *
 * All calls of one turn of the event loop cross in one message and share one commit; each
 * settles when that commit is done. Calls run in the order in which they were made.
 */
export class StorageLink {
  /** How often each operation was asked for. */
  readonly counts: Record<string, number> = {};
  readonly #worker: Worker;
  readonly #onFailure: (error: RuntimeError) => void;
  #opened: PromiseWithResolvers<readonly string[]> | undefined = Promise.withResolvers();
  #closed: PromiseWithResolvers<void> | undefined;
  /** Made in this turn, not sent yet. */
  #calls: Call[] = [];
  /** One for each call that has no answer yet, in their order. */
  #waiting: Waiting[] = [];
  /** Why no more calls are taken; undefined while they are. */
  #ended: RuntimeError | undefined;

  constructor(options: StorageOptions, onFailure: (error: RuntimeError) => void) {
    this.#onFailure = onFailure;
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData: options,
      name: "storage",
    });
    this.#worker.on("message", (message: FromStorage) => this.#hear(message));
    this.#worker.on("error", (error: Error) => this.#fail(`it crashed: ${error.message}`));
    this.#worker.on("exit", () => this.#fail("it ended"));
  }

  /** The names of the operations, once the database is open. */
  async opened(): Promise<readonly string[]> {
    return this.#opened?.promise ?? [];
  }

  call<Value>(operation: string, args: readonly unknown[]): Promise<Value> {
    this.counts[operation] = (this.counts[operation] ?? 0) + 1;
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (this.#waiting.length >= WAITING_MAX) {
      const message = `${WAITING_MAX} calls are waiting for the disk`;
      return Promise.reject(new RuntimeError("store.unavailable", message));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      // A tick that is asked for in a microtask comes after the last of this turn's microtasks.
      const first = this.#calls.push([operation, args]) === 1;
      if (first) queueMicrotask(() => process.nextTick(() => this.#flush()));
    });
  }

  /** Takes no more calls, finishes those it has, and ends the thread. */
  close(): Promise<void> {
    if (this.#closed !== undefined) return this.#closed.promise;
    this.#closed = Promise.withResolvers();
    if (this.#ended === undefined) {
      this.#ended = new RuntimeError("store.unavailable", "the store is closed");
      this.#flush();
      this.#say({ type: "close" });
    } else {
      this.#closed.resolve();
    }
    return this.#closed.promise;
  }

  #flush(): void {
    const calls = this.#calls;
    if (calls.length === 0) return;
    this.#calls = [];
    try {
      this.#say({ type: "calls", calls });
    } catch {
      this.#sendOneByOne(calls);
    }
  }

  /** Among the calls is one with something that cannot cross, as a function: refuses only that. */
  #sendOneByOne(calls: readonly Call[]): void {
    const unsent = this.#waiting.splice(this.#waiting.length - calls.length);
    for (const [index, call] of calls.entries()) {
      try {
        this.#say({ type: "calls", calls: [call] });
        this.#waiting.push(unsent[index]!);
      } catch (cause) {
        const message = `cannot store what was given to ${call[0]}: ${String(cause)}`;
        unsent[index]!.reject(new RuntimeError("internal", message, { cause }));
      }
    }
  }

  #say(message: ToStorage): void {
    this.#worker.postMessage(message);
  }

  #hear(message: FromStorage): void {
    switch (message.type) {
      case "opened":
        this.#opened?.resolve(message.operations);
        this.#opened = undefined;
        return;
      case "refused":
        this.#ended = asError(message.failure);
        this.#opened?.reject(this.#ended);
        this.#opened = undefined;
        return;
      case "answers":
        return this.#settle(message.answers);
    }
  }

  #settle(answers: readonly Answer[]): void {
    const waiting = this.#waiting;
    // Usually these are all there are: then nothing is copied.
    const answered =
      waiting.length === answers.length ? waiting : waiting.splice(0, answers.length);
    if (answered === waiting) this.#waiting = [];
    for (const [index, answer] of answers.entries()) {
      const { resolve, reject } = answered[index]!;
      if ("failure" in answer) reject(asError(answer.failure));
      else resolve(answer.value as never);
    }
  }

  /** The thread is gone: nothing that waits will be answered. */
  #fail(why: string): void {
    const wanted = this.#ended !== undefined;
    this.#ended ??= new RuntimeError("store.unavailable", `the storage thread is gone: ${why}`);
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#calls = [];
    for (const { reject } of waiting) reject(this.#ended);
    this.#opened?.reject(this.#ended);
    this.#closed?.resolve();
    if (!wanted) this.#onFailure(this.#ended);
  }
}

function asError(failure: Failure): RuntimeError {
  return new RuntimeError(failure.code, failure.message);
}
