/** What docs/backend.md and docs/topics.md print, done as it is printed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { parseDocument } from "yaml";
import { parseConfig } from "../../src/core/config.ts";
import { Device } from "./device.ts";
import { freePort, type NodeProcess, ROOT, startNode, temporaryFolder } from "./herald.ts";
import { SECRET } from "./platform-service.ts";

const page = readFileSync(join(ROOT, "docs/backend.md"), "utf8");
const topics = readFileSync(join(ROOT, "docs/topics.md"), "utf8");

function blocks(language: string, page: string): string[] {
  return [...page.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "gs"))].map(
    ([, it]) => it!,
  );
}

/** A folder that has what the checkout has, and the data of this node. */
function folderOf(node: NodeProcess): string {
  const folder = temporaryFolder();
  for (const name of ["herald", "clients", "examples", "node_modules", "src", "package.json"]) {
    symlinkSync(join(ROOT, name), join(folder, name));
  }
  mkdirSync(join(folder, "data"));
  writeFileSync(join(folder, "data/admin-token"), node.places.adminToken!);
  return folder;
}

/** Does what is printed, in one shell; an error ends it. Returns what it said. */
async function follow(printed: readonly string[], node: NodeProcess): Promise<string> {
  const commands = printed.join("\n").replaceAll("http://127.0.0.1:9010", node.url);
  const shell = spawn("bash", ["-e", "-o", "pipefail", "-c", commands], { cwd: folderOf(node) });
  onTestFinished(() => void shell.kill("SIGKILL"));
  const [out, problems] = await Promise.all([
    text(shell.stdout),
    text(shell.stderr),
    once(shell, "exit"),
  ]);
  expect(shell.exitCode, problems).toBe(0);
  return out;
}

test("each command of docs/topics.md works on a fresh node, one after the other", async () => {
  const node = await startNode([]);
  const [, ...watching] = blocks("sh", topics);
  const out = await follow(watching, node);
  expect(out).toMatch(/^room\.lobby +0 +1 +1$/m);
  expect(out).toMatch(/^1 .*"hello"/m);
  await node.end("SIGTERM");
});

test("each command of docs/backend.md works on a fresh node, one after the other", async () => {
  const node = await startNode([]);
  const out = await follow(blocks("sh", page), node);
  const printed = JSON.parse(blocks("json", page).find((it) => it.includes('"items"'))!) as object;
  const withoutTimes = (json: string) => json.replace(/"at":\d+/g, '"at":0');
  expect(withoutTimes(out)).toContain(withoutTimes(JSON.stringify(printed)));
  expect(out).toContain('{"consumer":"crm","acked":2,"behind":0}');
  await node.end("SIGTERM");
});

test("examples/consumer.js goes on where it was, and waits for a node that is away", async () => {
  const cwd = temporaryFolder();
  const port = String(await freePort());
  let node = await startNode(["--port", port], { cwd });
  const { adminToken } = node.places;
  const push = (payload: string) => upload(node, adminToken!, payload);
  await push("one");
  const consumer = consume(node.url, adminToken!);
  expect((await consumer.next()).value).toBe('1 user:ann state "one"');
  const waiting = consumer.next();
  const acked = async () => {
    const { text: view } = await node.call("GET", "/v1/uploads/consumers", adminToken);
    return view.includes('"acked":1');
  };
  while (!(await acked()));
  await node.end("SIGKILL");
  node = await startNode(["--port", port], { cwd });
  await push("two");
  expect((await waiting).value).toBe('2 user:ann state "two"');
  await node.end("SIGTERM");
});

test("examples/consumer.js says in one line that its token is not good, and ends", async () => {
  const node = await startNode([]);
  const child = run(node.url, "hat_wrong", "pipe");
  const [said] = await Promise.all([text(child.stderr!), once(child, "exit")]);
  expect(said).toMatch(/^auth\.invalid: the .*\n$/);
  expect(child.exitCode).toBe(1);
  await node.end("SIGTERM");
});

async function upload(node: NodeProcess, token: string, payload: string): Promise<void> {
  const wanted = { kind: "device", user: "ann", ttlMs: 60_000 };
  const { body } = await node.call("POST", "/v1/tokens", token, wanted);
  const device = await Device.login(node.places.websocket, (body as { token: string }).token);
  expect(await device.ask({ type: "upload", kind: "state", payload })).toMatchObject({
    type: "uploaded",
  });
  device.close();
}

function run(url: string, HERALD_TOKEN: string, errors: "pipe" | "ignore"): ChildProcess {
  const child = spawn(process.execPath, [resolve(ROOT, "examples/consumer.js"), "crm", url], {
    env: { ...process.env, HERALD_TOKEN },
    stdio: ["ignore", "pipe", errors],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

function consume(url: string, token: string): AsyncIterator<string> {
  const { stdout } = run(url, token, "ignore");
  return createInterface({ input: stdout! })[Symbol.asyncIterator]();
}

test("the settings on the page are valid but for the secret", () => {
  const [outbox, platform] = blocks("yaml", page);
  const parse = (yaml: string) => parseConfig(parseDocument(yaml).toJS(), {});
  expect(parse(outbox!).outbox.rules).toEqual([{ match: "alarm.*", kind: "alarm" }]);
  expect(parse(platform!.replace("whsec_...", SECRET)).platform.whenDown).toBe("refuse");
});
