import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { herald, ROOT, startNode, temporaryFolder } from "./herald.ts";

const SECRET = "an example's secret of more than 32 bytes";

test("examples/token.ts, push.ts and device.ts work together against a node", async () => {
  const node = await startNode([], { env: { HERALD_AUTH_SECRET: SECRET } });
  const admin = { HERALD_URL: node.url, HERALD_TOKEN: node.places.adminToken! };
  const credential = await output("token.ts", ["ann"], { HERALD_AUTH_SECRET: SECRET });
  const args = [node.url, join(temporaryFolder(), "state.json")];
  const env = { HERALD_CREDENTIAL: credential };

  const first = device(args, env);
  await said(first.errors, "connected");
  const pushed = JSON.parse(await output("push.ts", ["ann", "one", "taxi-1"], admin));
  expect(pushed).toMatchObject({ items: [{ to: "user:ann", offset: 1, fresh: true }] });
  expect(await line(first.lines)).toBe('news 1 {"text":"one"}');
  const repeated = JSON.parse(await output("push.ts", ["ann", "one", "taxi-1"], admin));
  expect(repeated).toMatchObject({ items: [{ to: "user:ann", offset: 1, fresh: false }] });
  first.child.kill("SIGINT");
  expect(await first.ended).toEqual([0, null]);

  await output("push.ts", ["ann", "two"], admin);
  const second = device(args, env);
  expect(await line(second.lines)).toBe('news 2 {"text":"two"}');
  second.child.kill("SIGINT");
  expect(await second.ended).toEqual([0, null]);
  const { body } = await node.call("GET", "/v1/ledger", node.places.adminToken);
  expect(body).toMatchObject({ accepted: 2, acked: 2, pending: 0 });
  await node.end("SIGINT");
});

test("examples/device.ts says why it is refused, and exits with 1", async () => {
  const node = await startNode([]);
  const { ended, errors } = device([node.url], { HERALD_CREDENTIAL: "not.a.token" });
  await said(errors, "closed: unauthorized");
  expect(await ended).toEqual([1, null]);
  await node.end("SIGINT");
});

test("the program in the README of the SDK runs as it stands there", async () => {
  const node = await startNode([], { env: { HERALD_AUTH_SECRET: SECRET } });
  const readme = readFileSync(join(ROOT, "clients", "js", "README.md"), "utf8");
  const program = readme
    .split("```ts\n")[1]!
    .split("```")[0]!
    .replace("@herald/client", pathToFileURL(join(ROOT, "clients/js/src/index.ts")).href)
    .replace("ws://127.0.0.1:9010", node.url);
  const file = join(temporaryFolder(), "program.ts");
  writeFileSync(file, program);
  const credential = await output("token.ts", ["ann"], { HERALD_AUTH_SECRET: SECRET });
  const child = run(file, [], { HERALD_CREDENTIAL: credential });
  const ended = once(child, "exit");
  const lines = linesOf(child.stdout!);
  await said(lines, "the server answers within");
  await output("push.ts", ["ann", "hello"], {
    HERALD_URL: node.url,
    HERALD_TOKEN: node.places.adminToken!,
  });
  expect(await line(lines)).toBe("news { text: 'hello' }");
  child.kill("SIGINT");
  expect(await ended).toEqual([0, null]);
  await node.end("SIGINT");
});

test("examples/audience.csv is imported whole", async () => {
  const node = await startNode([]);
  const file = join(ROOT, "examples", "audience.csv");
  const env = { HERALD_URL: node.url, HERALD_TOKEN: node.places.adminToken! };
  const args = ["audience", "import", file, "--name", "everyone", "--json"];
  const { status, stdout, stderr } = await herald(args, { env });
  expect(status, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ size: 10_000 });
  await node.end("SIGINT");
});

type Environment = Readonly<Record<string, string>>;

function run(name: string, args: readonly string[], env: Environment): ChildProcess {
  const file = resolve(ROOT, "examples", name);
  const child = spawn(process.execPath, [file, ...args], {
    cwd: temporaryFolder(),
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** Runs an example to its end and returns what it printed. */
async function output(name: string, args: readonly string[], env: Environment): Promise<string> {
  const child = run(name, args, env);
  const [text, errors] = await Promise.all([textOf(child.stdout!), textOf(child.stderr!)]);
  if (child.exitCode === null) await once(child, "exit");
  expect(child.exitCode, errors).toBe(0);
  return text.trim();
}

function device(args: readonly string[], env: Environment) {
  const child = run("device.ts", args, env);
  return {
    child,
    ended: once(child, "exit"),
    lines: linesOf(child.stdout!),
    errors: linesOf(child.stderr!),
  };
}

type Lines = AsyncIterator<string>;

/** Lines wait until they are asked for. */
function linesOf(input: Readable): Lines {
  return createInterface({ input })[Symbol.asyncIterator]();
}

async function line(lines: Lines): Promise<string> {
  const { done, value } = await lines.next();
  if (done === true) throw new Error("the output has ended");
  return value;
}

async function said(lines: Lines, text: string): Promise<void> {
  for (;;) if ((await line(lines)).startsWith(text)) return;
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString();
}
