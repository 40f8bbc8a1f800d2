/** A Redis of its own, for a peer. It ends when whoever started it does, however that ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { createConnection } from "node:net";
import { answerParent } from "../load/child.ts";

const READY_MS = 10_000;
const AGAIN_MS = 20;

export interface RedisQuestion {
  readonly type: "start";
  readonly folder: string;
}

/** What it listens on, or why there is none. */
export type RedisAnswer = { readonly path: string } | { readonly why: string };

let server: ChildProcess | undefined;
process.on("exit", () => server?.kill("SIGKILL"));

async function start({ folder }: RedisQuestion): Promise<RedisAnswer> {
  const path = `${folder}/redis.sock`;
  // A socket in the folder: no port that somebody else may have. Written to disk every second.
  const args = ["--port", "0", "--unixsocket", path, "--dir", folder, "--save", ""];
  const failed = Promise.withResolvers<string>();
  server = spawn("redis-server", [...args, "--appendonly", "yes"], { stdio: "ignore" });
  server.once("error", (error) => failed.resolve(`redis-server does not start: ${error.message}`));
  server.once("exit", (code) => failed.resolve(`redis-server ended with ${code}`));
  const why = await Promise.race([failed.promise, listening(path)]);
  return why === undefined ? { path } : { why };
}

async function listening(path: string): Promise<string | undefined> {
  const endsAt = performance.now() + READY_MS;
  while (performance.now() < endsAt) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = createConnection(path, () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (isThere) return undefined;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
  return `redis-server does not listen after ${READY_MS / 1_000} s`;
}

answerParent({
  start,
  /** To be asked before this process is stopped, which leaves it no time for that. */
  async end(): Promise<void> {
    const running = server;
    if (running?.pid === undefined || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGKILL");
    await ended;
  },
});
