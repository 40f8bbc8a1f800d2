import assert from "node:assert/strict";
import { afterAll, beforeAll, test } from "vitest";
import { type Figure, figureOf } from "../../../src/core/figure.ts";
import { startWholeNode, type WholeNode } from "./whole-node.ts";

const SECRET = `not-to-be-seen-${"x".repeat(32)}`;

let node: WholeNode;
beforeAll(async () => {
  node = await startWholeNode({ auth: { secret: SECRET } });
});
afterAll(() => node.stop());

test("the status has memory, event loop, devices, figures, actors and configuration", async () => {
  await node.call("PUT", "/v1/boards/s-b", {});
  const phone = await node.login({ user: "s-ann" });
  const board = await node.login({ board: "s-b" });
  await node.call("POST", "/v1/push", { to: ["user:s-ann"], topic: "t", payload: 1 });
  await phone.push();
  const status = await node.call("GET", "/v1/status");
  assert.equal(status.node, "herald");
  assert.ok(status.memory.rss > 10_000_000 && status.memory.heapUsed > 1_000_000);
  assert.ok(status.cpuSeconds > 0 && status.eventLoopMs.p99 >= 0);
  assert.deepEqual(status.devices, { sessions: 2, connected: 2, users: 1, boards: 1 });
  const figures = status.figures as Figure[];
  assert.equal(figureOf(figures, "herald_ledger_messages", { outcome: "accepted" }), 1);
  assert.equal(figureOf(figures, "herald_pushes_written"), 1);
  assert.ok(figures.every(({ name }) => name.startsWith("herald_")));
  const paths = status.actors.tree.map(({ path }: { path: string }) => path);
  for (const path of ["/sessions", "/users", "/clerk"]) assert.ok(paths.includes(path), path);
  assert.ok(status.actors.busiest.length > 0 && status.actors.busiest.length <= 10);
  assert.equal(status.config.auth.secret, "(hidden)");
  assert.ok(!JSON.stringify(status).includes(SECRET));
  phone.close();
  board.close();
});

test("the status is streamed, one sample after the other", async () => {
  const response = await fetch(`${node.url}/v1/status/events`, {
    headers: { authorization: `Bearer ${node.token}` },
  });
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk, { stream: true });
    if (text.split("\n\n").length > 2) break;
  }
  const [first, second] = [...text.matchAll(/event: status\ndata: (.*)/g)].map(
    ([, data]) => JSON.parse(data!) as { at: number; config?: object },
  );
  assert.ok(second!.at > first!.at);
  assert.equal(first!.config, undefined);
});

test("the status needs a token unless the configuration says otherwise", async () => {
  const status = (url: string) => fetch(`${url}/v1/status`).then((response) => response.status);
  assert.equal(await status(node.url), 401);
  const open = await startWholeNode({ http: { statusPublic: true } });
  assert.equal(await status(open.url), 200);
  assert.equal((await fetch(`${open.url}/v1/devices`)).status, 401);
  await open.stop();
});

test("the page may run its own script and nothing else, and talks to this node alone", async () => {
  const response = await fetch(`${node.url}/status`);
  const policy = response.headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'/);
  assert.match(policy, /connect-src 'self'/);
  assert.ok(!policy.includes("unsafe"));
  const page = await response.text();
  assert.ok(!/(src|href)="(https?:)?\/\//.test(page));
  assert.ok(!page.includes("innerHTML"));
});
