import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Arrival, FromSink, Question, SinkBehavior, ToSink, Verdict } from "./protocol.ts";

const SINK = fileURLToPath(new URL("./sink.ts", import.meta.url));
export const EXEC_ARGV = ["--disable-warning=ExperimentalWarning"];

/** The judge's process, which is killed and started again on the same log and port. */
export class SinkProcess {
  readonly #log: string;
  #child: ChildProcess | undefined;
  #port = 0;
  #calls = 0;
  readonly #seed: number;
  #lives = 0;
  #behavior: SinkBehavior = { loseEvery: 0, receipts: undefined, areReceiptsTwisted: false };
  readonly #waiting = new Map<number, (answer: unknown) => void>();
  /** Asked for again when the sink is started again. */
  readonly #arrivals = new Map<number, ToSink>();

  constructor(log: string, seed: number) {
    this.#log = log;
    this.#seed = seed;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  async start(): Promise<void> {
    this.#lives += 1;
    const argv = [this.#log, String(this.#port), String(this.#seed + this.#lives)];
    const child = fork(SINK, argv, { execArgv: EXEC_ARGV });
    this.#child = child;
    child.on("error", () => {});
    await new Promise<void>((resolve, reject) => {
      child.on("exit", (code, signal) => reject(new Error(`the sink ended: ${signal ?? code}`)));
      child.on("message", (message: FromSink) => {
        if (message.type === "listens") {
          this.#port = message.port;
          resolve();
        } else this.#answered(message.id, message.answer);
      });
    });
    this.behave({});
    for (const question of this.#arrivals.values()) child.send(question);
  }

  /** Changes what is given, in this life and those to come. */
  behave(change: Partial<SinkBehavior>): void {
    const behavior = { ...this.#behavior, ...change };
    this.#behavior = behavior;
    this.#child?.send({ type: "behave", behavior } satisfies ToSink);
  }

  /**
   * Kills it in the midst of the next request, and starts it again. False when there was none
   * before `over`.
   */
  async dieAndReturn(when: "before" | "after", over: Promise<unknown>): Promise<boolean> {
    const child = this.#child!;
    const died = once(child, "exit").then(() => true);
    child.send({ type: "die", when } satisfies ToSink);
    if (!(await Promise.race([died, over.then(() => false)]))) {
      child.send({ type: "die", when: "never" } satisfies ToSink);
      return false;
    }
    await this.start();
    return true;
  }

  /** What arrives next, from this moment on. */
  next(): Promise<Arrival> {
    const id = this.#newCall();
    const question: ToSink = { type: "next", id };
    this.#arrivals.set(id, question);
    return this.#ask(question, id);
  }

  /** What has arrived by now. */
  count(): Promise<Arrival> {
    const id = this.#newCall();
    return this.#ask({ type: "count", id }, id);
  }

  judge(question: Question): Promise<Verdict> {
    const id = this.#newCall();
    return this.#ask({ type: "judge", id, question }, id);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  #newCall(): number {
    this.#calls += 1;
    return this.#calls;
  }

  #ask<Answer>(message: ToSink, id: number): Promise<Answer> {
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve as (answer: unknown) => void);
      if (this.#child?.connected === true) this.#child.send(message);
    });
  }

  #answered(id: number, answer: unknown): void {
    this.#arrivals.delete(id);
    this.#waiting.get(id)?.(answer);
    this.#waiting.delete(id);
  }
}
