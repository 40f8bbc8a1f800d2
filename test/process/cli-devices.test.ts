import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { Device } from "./device.ts";
import { herald, ROOT, startNode, temporaryFolder } from "./herald.ts";

test("devices are listed, shown, written to, explained and kicked by command", async () => {
  const { node, run, json, login } = await commandsOn();
  const phone = await login("ann");
  const listed = await json<{ items: { id: string; principal: string }[] }>("devices", "list");
  expect(listed.items.map(({ principal }) => principal)).toEqual(["user:ann"]);
  const session = listed.items[0]!.id;
  expect((await run("devices", "list", "--user", "ann")).stdout).toMatch(
    /^who .*\nuser:ann +test +websocket +127\.0\.0\.1/,
  );
  expect((await run("devices", "show", "user:ann")).stdout).toMatch(/connected +yes/);

  const sent = await run("devices", "send", "user:ann", '{"text":"call us"}', "--topic", "help");
  expect(sent.stdout).toBe("reached 1\n");
  expect(await phone.push()).toMatchObject({ topic: "help", payload: { text: "call us" } });
  const nobody = await run("devices", "send", "user:bob", "1");
  expect([nobody.status, nobody.stdout]).toEqual([1, ""]);
  expect(nobody.stderr).toMatch(/^route\.offline: nobody is connected as user:bob.* --keep 24h\n/);
  const kept = await run("devices", "send", "user:bob", "1", "--keep", "1h");
  expect(kept.stdout).toBe("recorded as message 1\n");
  const wrong = await run("devices", "send", "user:bob", "{", "--keep", "soon");
  expect(wrong.status).toBe(1);
  expect(wrong.stderr).toMatch(/--keep: expected[\s\S]*payload: expected/);

  expect((await run("devices", "why", "user:bob")).stdout).toMatch(
    /^Not connected, and not known to .*\n[\s\S]*message 1 \(message\) waits for a device to con/,
  );
  expect((await run("devices", "kick", session, "--why", "lost")).stdout).toBe("1 ended\n");
  expect(await phone.closed).toBe(4201);
  expect((await run("devices", "why", "user:ann")).stdout).toMatch(
    /Z {2}the connection of test ended: it was ended on purpose \(kicked, .* 4201\): lost\n/,
  );
  expect((await run("devices", "kick", "user:ann", "--why", "lost")).stdout).toMatch(/^nobody/);
  await node.end("SIGINT");
});

test("topics are listed, shown and read by command", async () => {
  const { node, run } = await commandsOn();
  const made = await run("token", "create", "--user", "ann", "--subscribe", "*", "--publish", "*");
  const phone = await Device.login(node.places.websocket, made.stdout.trim());
  await phone.ask({ type: "subscribe", topic: "room/1" });
  await phone.ask({ type: "publish", topic: "room/1", payload: { text: "Grüße" } });
  const listed = await run("topics", "list");
  expect(listed.stdout).toMatch(/^topic +subscribers +offset +kept\nroom\/1 +1 +1 +1\n$/);
  const shown = await run("topics", "show", "room/1");
  expect(shown.stdout).toMatch(/historyMax +100\n[\s\S]*\nuser:ann +1\n$/);
  const read = await run("topics", "history", "room/1", "--after", "0");
  expect(read.stdout).toMatch(/\n1 +\d{4}-\S+Z +user:ann +{"text":"Grüße"}\n$/);
  const absent = await run("topics", "show", "room/2");
  expect([absent.status, absent.stderr]).toEqual([1, expect.stringContaining("topic.unknown")]);
  phone.close();
  await node.end("SIGINT");
});

test("a trace is printed line by line while it lasts", async () => {
  const { node, env, cwd, login } = await commandsOn();
  const phone = await login("ann");
  const child = spawn(join(ROOT, "herald"), ["devices", "trace", "user:ann", "--for", "1m"], {
    cwd,
    env,
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout });
  const first = once(lines, "line");
  // Whatever comes after the record of it is in the trace.
  const isTraced = async () => {
    const { text } = await node.call("GET", "/v1/audit", node.places.adminToken);
    return text.includes("device.trace");
  };
  while (!(await isTraced()));
  await phone.ping();
  expect(String((await first)[0])).toMatch(/^20\S+Z {2}s_\S+ {2}-> ping \{"id":1\}$/);
  phone.close();
  child.kill("SIGINT");
  await once(child, "exit");
  await node.end("SIGINT");
});

test("top measures the node once, for people and for programs", async () => {
  const { node, run, json, login } = await commandsOn();
  const phone = await login("ann");
  const shown = await run("top", "--once");
  expect(shown.stdout).toMatch(/^herald 0\.\d+\.\d+, up /);
  expect(shown.stdout).toMatch(/connected +1 of 1 sessions/);
  expect(shown.stdout).toMatch(/busiest actors +turns\/s/);
  const top = await json<Record<string, unknown>>("top", "--once");
  expect(top).toMatchObject({ node: "herald", devices: { sessions: 1, connected: 1, users: 1 } });
  expect(Object.keys(top["perSecond"] as object)).toContain("pushes written");
  phone.close();
  await node.end("SIGINT");
});

async function commandsOn() {
  const cwd = temporaryFolder();
  const node = await startNode([], { cwd });
  const url = { HERALD_URL: node.url };
  const run = (...args: string[]) => herald(args, { cwd, env: url });
  const json = async <T>(...args: string[]): Promise<T> => {
    const { status, stdout, stderr } = await run(...args, "--json");
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout) as T;
  };
  const login = async (user: string): Promise<Device> => {
    const credential = (await run("token", "create", "--user", user)).stdout.trim();
    return Device.login(node.places.websocket, credential);
  };
  return { node, cwd, env: { ...process.env, ...url }, run, json, login };
}
