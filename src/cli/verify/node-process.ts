import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { RuntimeError } from "../../core/errors.ts";
import { ApiClient } from "../api.ts";
import type { FromNode, NodeOptions, ToNode } from "./protocol.ts";
import { EXEC_ARGV } from "./sink-process.ts";

const NODE = fileURLToPath(new URL("./node.ts", import.meta.url));

/** The node under test through all its lives on one data folder. */
export class NodeProcess {
  readonly #options: NodeOptions;
  /** Told where it serves, in every life. */
  onServes: (url: string) => void = () => {};
  #child: ChildProcess | undefined;
  #token: string | undefined;
  #api: ApiClient | undefined;
  /** Store operations of lives that are over. */
  #operationsBefore = 0;
  #operations = 0;
  #thrownBefore = 0;
  #thrown = 0;

  constructor(options: NodeOptions) {
    this.#options = options;
  }

  get api(): ApiClient {
    if (this.#api === undefined) throw new RuntimeError("node.not-ready", "it is not started");
    return this.#api;
  }

  /** Operations that campaigns have asked the store for, over all lives. */
  get operations(): number {
    return this.#operationsBefore + this.#operations;
  }

  /** Faults that were thrown into actors, over all lives. */
  get thrown(): number {
    return this.#thrownBefore + this.#thrown;
  }

  /** @throws RuntimeError `node.not-ready` when it does not start, with the node's own reason. */
  async start(): Promise<void> {
    this.#operationsBefore += this.#operations;
    this.#thrownBefore += this.#thrown;
    this.#operations = 0;
    this.#thrown = 0;
    const child = fork(NODE, [JSON.stringify(this.#options)], { execArgv: EXEC_ARGV });
    this.#child = child;
    child.on("error", () => {});
    const said = await firstWord(child);
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
      this.#thrown = message.thrown;
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
    const child = fork(NODE, [JSON.stringify(this.#options)], { execArgv: EXEC_ARGV });
    child.on("error", () => {});
    const said = await firstWord(child);
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    return said.type === "refused" ? said.code : undefined;
  }
}

function firstWord(child: ChildProcess): Promise<FromNode> {
  return new Promise((resolve, reject) => {
    child.once("message", (message: FromNode) => resolve(message));
    child.once("exit", (code, signal) => {
      reject(new RuntimeError("node.not-ready", `the node ended: ${signal ?? code}`));
    });
  });
}
