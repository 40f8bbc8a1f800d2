/**
 * Runs `./herald` as a user does: the real launcher, a real process, a folder of its own.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const LAUNCHER = join(ROOT, "herald");

/** After this a process that should have ended is ended, and the test fails by its answer. */
const RUN_TIMEOUT_MS = 55_000;

export interface RunOptions {
  /** A temporary folder that is removed with the test by default. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly launcher?: string;
  /** After this it is ended, in milliseconds. Default 55 000. */
  readonly timeoutMs?: number;
}

export interface Ran {
  /** The exit code; null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A new empty folder, removed when the test has finished. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "herald-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs one command to its end. */
export async function herald(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = launch(args, options);
  const guard = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? RUN_TIMEOUT_MS);
  const [stdout, stderr] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  clearTimeout(guard);
  return { status: child.exitCode, signal: child.signalCode, stdout, stderr };
}

/** Where a node says that things are. */
export interface Places {
  readonly http: string;
  readonly websocket: string;
  readonly data: string;
  /** Only at the first start on a data folder. */
  readonly adminToken?: string;
}

/** A node in a process of its own. */
export class NodeProcess {
  readonly places: Places;
  readonly child: ChildProcess;
  readonly #ended: Promise<Ran>;

  constructor(child: ChildProcess, places: Places, ended: Promise<Ran>) {
    this.child = child;
    this.places = places;
    this.#ended = ended;
  }

  get url(): string {
    return this.places.http;
  }

  /** Sends a signal and waits for the end; `stdout` is what came after the first line. */
  async end(signal: NodeJS.Signals): Promise<Ran> {
    this.child.kill(signal);
    return this.#ended;
  }

  /** Calls the admin API. */
  async call(method: string, path: string, token?: string, body?: unknown): Promise<Answer> {
    const response = await fetch(new URL(path, this.url), {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") ?? false;
    return { status: response.status, text, body: isJson ? JSON.parse(text) : undefined };
  }
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  // What the answer holds is for each test to say.
  readonly body: unknown;
}

/** Starts a node on a free port and waits until it says where it is. */
export async function startNode(
  args: readonly string[],
  options: RunOptions = {},
): Promise<NodeProcess> {
  const child = launch(["start", "--json", "--port", "0", ...args], options);
  const lines = createInterface({ input: child.stdout });
  const rest: string[] = [];
  const ended = Promise.all([once(child, "exit"), textOf(child.stderr)]).then(([, stderr]) => ({
    status: child.exitCode,
    signal: child.signalCode,
    stdout: rest.join("\n"),
    stderr,
  }));
  const first = await Promise.race([
    once(lines, "line").then(([line]) => line as string),
    ended.then(({ stderr }) => {
      throw new Error(`the node ended before it was ready: ${stderr}`);
    }),
  ]);
  lines.on("line", (line) => rest.push(line));
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  });
  return new NodeProcess(child, JSON.parse(first) as Places, ended);
}

/** A port of the loopback address that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

function launch(args: readonly string[], { cwd, env = {}, launcher = LAUNCHER }: RunOptions) {
  return spawn(launcher, args, {
    cwd: cwd ?? temporaryFolder(),
    env: { ...ownEnvironment(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** What is configured where the tests run must not decide what they find. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith("HERALD_") && !/^(NODE_OPTIONS|FORCE_COLOR|VITEST.*)$/.test(name),
  );
  return Object.fromEntries(kept);
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  stream.setEncoding("utf8");
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}
