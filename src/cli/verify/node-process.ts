import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { RuntimeError } from "../../core/errors.ts";
import { ApiClient } from "../api.ts";
import type { FromNode, NodeOptions, ToNode } from "./protocol.ts";
import { EXEC_ARGV } from "./sink-process.ts";

const NODE = fileURLToPath(new URL("./node.ts", import.meta.url));

/** The node under test through all its lives on one data folder. */
export class NodeProcess {
  readonly #options: NodeOptions;
  /** What it logs, in all its lives. */
  readonly #log: number;
  readonly #logFile: string;
  /** Told where it serves, in every life. */
  onServes: (url: string) => void = () => {};
  #child: ChildProcess | undefined;
  #token: string | undefined;
  #api: ApiClient | undefined;
  /** Store operations of lives that are over. */
  #operationsBefore = 0;
  #operations = 0;
  #thrown = 0;
  /** Whoever waits for the next fault to be thrown. */
  #onThrow: (() => void)[] = [];

  constructor(options: NodeOptions, logFile: string) {
    this.#options = options;
    this.#logFile = logFile;
    this.#log = openSync(logFile, "a", 0o600);
  }

  get api(): ApiClient {
    if (this.#api === undefined) throw new RuntimeError("node.not-ready", "it is not started");
    return this.#api;
  }

  /** Operations that campaigns have asked the store for, over all lives. */
  get operations(): number {
    return this.#operationsBefore + this.#operations;
  }

  /** Resolves when a fault has been thrown into an actor of this life. */
  nextThrow(): Promise<void> {
    return new Promise((resolve) => this.#onThrow.push(resolve));
  }

  /** @throws RuntimeError `node.not-ready` when it does not start, with the node's own reason. */
  async start(): Promise<void> {
    this.#operationsBefore += this.#operations;
    this.#operations = 0;
    this.#thrown = 0;
    const child = this.#fork();
    this.#child = child;
    const said = await firstWord(child).catch((thrown: unknown) => {
      throw new RuntimeError("node.not-ready", `${String(thrown)}; its log: ${this.#logFile}`);
    });
    if (said.type === "refused") {
      throw new RuntimeError("node.not-ready", `${said.code}: ${said.message}`);
    }
    if (said.type === "serves") {
      this.#token ??= said.token;
      this.#api = new ApiClient({ url: said.url, token: this.#token });
      this.onServes(said.url);
    }
    child.on("message", (message: FromNode) => {
      if (message.type !== "figures") return;
      this.#operations = message.operations;
      if (message.thrown === this.#thrown) return;
      this.#thrown = message.thrown;
      for (const tell of this.#onThrow.splice(0)) tell();
    });
  }

  tell(message: ToNode): void {
    this.#child?.send(message);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** Starts another one on the same folder and returns why it was refused; undefined if not. */
  async startSecond(): Promise<string | undefined> {
    const child = this.#fork();
    const said = await firstWord(child);
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    return said.type === "refused" ? said.code : undefined;
  }

  #fork(): ChildProcess {
    const stdio = ["ignore", this.#log, this.#log, "ipc"] as const;
    const child = fork(NODE, [JSON.stringify(this.#options)], {
      execArgv: EXEC_ARGV,
      stdio: [...stdio],
    });
    child.on("error", () => {});
    return child;
  }
}

function firstWord(child: ChildProcess): Promise<FromNode> {
  return new Promise((resolve, reject) => {
    child.once("message", (message: FromNode) => resolve(message));
    child.once("exit", (code, signal) => reject(new Error(`the node ended: ${signal ?? code}`)));
  });
}
