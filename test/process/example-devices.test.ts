import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { herald, ROOT, startNode, temporaryFolder } from "./herald.ts";

type Node = Awaited<ReturnType<typeof startNode>>;

async function credential(node: Node, ...who: readonly string[]): Promise<string> {
  const env = { HERALD_URL: node.url, HERALD_TOKEN: node.places.adminToken! };
  const args = ["token", "create", ...who, "--ttl", "1h", "--json"];
  const { status, stdout, stderr } = await herald(args, { env });
  expect(status, stderr).toBe(0);
  return (JSON.parse(stdout) as { token: string }).token;
}

function example(name: string, args: readonly string[], HERALD_CREDENTIAL: string) {
  const child = spawn(process.execPath, [resolve(ROOT, "examples", name), ...args], {
    cwd: temporaryFolder(),
    env: { ...process.env, HERALD_CREDENTIAL },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const linesOf = (input: NodeJS.ReadableStream) =>
    createInterface({ input })[Symbol.asyncIterator]();
  return {
    child,
    ended: once(child, "exit"),
    out: linesOf(child.stdout),
    err: linesOf(child.stderr),
  };
}

async function said(lines: AsyncIterator<string>, text: string): Promise<string> {
  for (;;) {
    const { done, value } = await lines.next();
    if (done === true) throw new Error(`the output ended before "${text}"`);
    if (value.includes(text)) return value;
  }
}

test("examples/phone.ts switches examples/board.ts, and the back end reads its state", async () => {
  const node = await startNode([]);
  const admin = node.places.adminToken;
  await node.call("PUT", "/v1/boards/lamp-1", admin, { name: "Lamp" });
  await node.call("POST", "/v1/boards/lamp-1/bind", admin, { user: "ann" });
  const ann = await credential(node, "--user", "ann");
  await node.call("GET", "/v1/uploads?consumer=crm", admin);

  const listening = example("phone.ts", [node.url], ann);
  await said(listening.out, "board:lamp-1 is offline, and not known");
  const away = example("phone.ts", [node.url, "lamp-1", "on"], ann);
  await said(away.err, "route.offline");
  expect(await away.ended).toEqual([1, null]);

  const board = example("board.ts", [node.url], await credential(node, "--board", "lamp-1"));
  await said(board.err, "connected");
  await said(listening.out, "device.online");
  listening.child.kill("SIGINT");
  expect(await listening.ended).toEqual([0, null]);
  const again = example("phone.ts", [node.url], ann);
  await said(again.out, "board:lamp-1 is online");
  const phone = example("phone.ts", [node.url, "lamp-1", "on"], ann);
  expect(await said(phone.out, "answers")).toContain('{"isOn":true}');
  expect(await phone.ended).toEqual([0, null]);
  await said(board.out, "state stored: on");
  const { body } = await node.call("GET", "/v1/uploads?consumer=crm", admin);
  expect(JSON.stringify(body)).toContain('"isOn":true');

  const stranger = await credential(node, "--user", "bob");
  const refused = example("phone.ts", [node.url, "lamp-1", "off"], stranger);
  await said(refused.err, "route.forbidden");
  expect(await refused.ended).toEqual([1, null]);
  board.child.kill("SIGINT");
  expect(await board.ended).toEqual([0, null]);
  await said(again.out, "device.offline");
  again.child.kill("SIGINT");
  expect(await again.ended).toEqual([0, null]);
  await node.end("SIGINT");
});
