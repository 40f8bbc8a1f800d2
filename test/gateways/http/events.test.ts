import assert from "node:assert/strict";
import { connect } from "node:net";
import { test, vi } from "vitest";
import type { CampaignProgress } from "../../../src/actors/master/messages.ts";
import { firstProgress } from "./desks.ts";
import { type HttpNode, startHttpNode } from "./node.ts";

const PATH = "/v1/campaigns/cam_1/events";

/** Opens the stream; `until` reads on until what has come so far satisfies it. */
async function follow(node: HttpNode) {
  const response = await fetch(node.url + PATH, {
    headers: { authorization: `Bearer ${node.tokens.viewer}`, accept: "text/event-stream" },
  });
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const until = async (isEnough: (text: string) => boolean): Promise<string> => {
    while (!isEnough(text)) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
    }
    return text;
  };
  return { until, cancel: () => reader.cancel() };
}

function tell(node: HttpNode, change: Partial<CampaignProgress>): void {
  node.seen.progress = { ...node.seen.progress, ...change };
  for (const subscriber of node.seen.subscribers) subscriber.send(node.seen.progress);
}

const never = (): boolean => false;

test("progress comes at once and with every change, with ids and a retry hint", async () => {
  const node = await startHttpNode();
  const { until, cancel } = await follow(node);
  await until((text) => text.includes("event: progress"));
  tell(node, { sent: 5, at: 2 });
  const text = await until((it) => it.includes('"sent":5'));
  assert.match(text, /^retry: \d+\n\n/);
  assert.match(text, /event: progress\nid: 1\ndata: \{.*"sent":0.*\n\n/);
  assert.match(text, /event: progress\nid: 2\ndata: \{.*"sent":5.*\n\n/);
  await cancel();
  await node.stop();
});

test("the stream ends with the event end when the campaign's state is final", async () => {
  const node = await startHttpNode();
  const { until } = await follow(node);
  await until((text) => text.includes("event: progress"));
  tell(node, { state: "finished", sent: 10, at: 2 });
  const text = await until(never);
  assert.match(text, /event: end\nid: 3\ndata: \{.*"finished".*\}\n\n$/);
  await vi.waitFor(() => assert.equal(node.seen.subscribers.size, 0));
  assert.equal(node.gateway.load.streams, 0);
  await node.stop();
});

test("a campaign that has ended already is told and ended at once", async () => {
  const node = await startHttpNode();
  tell(node, { state: "stopped" });
  const text = await (await follow(node)).until(never);
  assert.match(text, /event: progress\n.*event: end\n/s);
  await node.stop();
});

test("a quiet stream shows that it lives", async () => {
  const node = await startHttpNode({ limits: { heartbeatMs: 20 } });
  const { until, cancel } = await follow(node);
  await until((text) => text.split(": heartbeat\n\n").length > 3);
  await cancel();
  await node.stop();
});

test("a stream whose subscription was lost finds out by itself", async () => {
  const node = await startHttpNode({ limits: { heartbeatMs: 20 } });
  const { until } = await follow(node);
  await until((text) => text.includes("event: progress"));
  node.seen.subscribers.clear();
  node.seen.progress = { ...firstProgress, state: "finished", at: 2 };
  assert.match(await until(never), /event: end\n/);
  await node.stop();
});

test("the subscription ends with its reader", async () => {
  const node = await startHttpNode();
  const { until, cancel } = await follow(node);
  await until((text) => text.includes("event: progress"));
  assert.equal(node.seen.subscribers.size, 1);
  await cancel();
  await vi.waitFor(() => assert.equal(node.seen.subscribers.size, 0));
  assert.equal(node.gateway.load.streams, 0);
  await node.stop();
});

test("a slow reader gets the latest only, and costs no memory meanwhile", async () => {
  const node = await startHttpNode();
  const socket = connect({ port: node.port, host: "127.0.0.1" });
  socket.on("error", () => {});
  socket.pause();
  const { viewer } = node.tokens;
  socket.write(`GET ${PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${viewer}\r\n\r\n`);
  await vi.waitFor(() => assert.equal(node.seen.subscribers.size, 1));
  const why = "w".repeat(10_000);
  // 200 MB are told, of which only what the kernel's buffers hold was written.
  for (let at = 2; at <= 20_000; at += 1) {
    tell(node, { sent: at, why, at });
    // The event loop must turn for the socket to take anything.
    if (at % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const before = process.memoryUsage();
  assert.ok(before.rss < 1_000_000_000);
  let bytes = 0;
  let tail = "";
  socket.on("data", (data) => {
    bytes += data.length;
    tail = (tail + data.toString("latin1")).slice(-30_000);
  });
  socket.resume();
  await vi.waitFor(() => assert.match(tail, /"sent":20000,/), { timeout: 5_000 });
  assert.ok(bytes < 100_000_000, `${bytes} bytes`);
  socket.destroy();
  await node.stop();
});

test("streams over the limit are refused, and so is a campaign that is not there", async () => {
  const node = await startHttpNode({ limits: { streamsMax: 1 } });
  const { until, cancel } = await follow(node);
  await until((text) => text.includes("event: progress"));
  const second = await node.call("GET", PATH);
  assert.deepEqual([second.status, second.json.error.code], [503, "gateway.busy"]);
  await cancel();
  await vi.waitFor(() => assert.equal(node.gateway.load.streams, 0));
  const unknown = await node.call("GET", "/v1/campaigns/cam_9/events");
  assert.deepEqual([unknown.status, unknown.json.error.code], [404, "campaign.unknown"]);
  assert.equal(node.gateway.load.streams, 0);
  await node.stop();
});
