import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { test, vi } from "vitest";
import { type HttpNode, startHttpNode } from "./node.ts";
import { raw, rawAndGone } from "./raw.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const LINES = 400_000;
/** Makes the file 80 MB: far more than what the connection's buffers may hold. */
const PADDING = "x".repeat(185);
const CSV = { "content-type": "text/csv" };

/** Sends a CSV file of `lines` lines on a raw connection, no faster than it is taken. */
async function sendLines(node: HttpNode, name: string, lines: number): Promise<string> {
  const socket = connect(node.port, "127.0.0.1");
  let answer = "";
  socket.on("data", (data) => {
    answer += data.toString("latin1");
  });
  const write = async (text: string): Promise<void> => {
    const chunk = `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
    if (!socket.write(chunk)) await once(socket, "drain");
  };
  socket.write(
    `POST /v1/audiences?name=${name} HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n` +
      `authorization: Bearer ${node.tokens.admin}\r\ntransfer-encoding: chunked\r\n\r\n`,
  );
  await write("member,name\n");
  for (let line = 0; line < lines; line += 500) {
    const rows = Array.from({ length: 500 }, (_, n) => `member-${line + n},${PADDING}\n`);
    await write(rows.join(""));
  }
  socket.write("0\r\n\r\n");
  await vi.waitFor(() => assert.match(answer, /}$/), { timeout: 5_000 });
  socket.destroy();
  return answer;
}

test("a file of 400 000 lines passes through in small pieces, and memory stays flat", async () => {
  const node = await startHttpNode();
  await sendLines(node, "warm", 20_000);
  collectGarbage();
  const before = process.memoryUsage();
  let highest = 0;
  node.seen.hold = (go) => {
    if (node.seen.chunks % 20 === 0) {
      collectGarbage();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      highest = Math.max(highest, heapUsed + arrayBuffers);
    }
    go();
  };
  const answer = await sendLines(node, "big", LINES);
  assert.match(answer, new RegExp(`^HTTP/1.1 201 .*"lines":${LINES + 1},`, "s"));
  assert.ok(node.seen.largestChunk <= 65_536);
  const grown = highest - before.heapUsed - before.arrayBuffers;
  // One wake-up can deliver what the kernel's receive buffer held, and the sender's is here too.
  assert.ok(grown < node.seen.bytes / 4, `${grown} bytes more at the highest, of 80 MB`);
  await node.stop();
});

test("a sender is held back while the importer is behind", async () => {
  const node = await startHttpNode();
  const held: (() => void)[] = [];
  node.seen.hold = (go) => void held.push(go);
  const head =
    `POST /v1/audiences?name=held HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n` +
    `authorization: Bearer ${node.tokens.admin}\r\ncontent-length: 100000000\r\n\r\n`;
  const socket = connect(node.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(head);
  const piece = new Uint8Array(1_000_000).fill(10);
  for (let n = 0; n < 100; n += 1) socket.write(piece);
  await vi.waitFor(() => assert.equal(held.length, 1));
  // Whatever the kernel's buffers took, most of it still waits at the sender.
  assert.ok(socket.writableLength > 50_000_000, `${socket.writableLength} bytes wait`);
  assert.equal(node.seen.chunks, 1);
  node.seen.hold = undefined;
  held[0]?.();
  await vi.waitFor(() => assert.equal(node.seen.bytes, 100_000_000), { timeout: 8_000 });
  socket.destroy();
  await node.stop();
});

test("an upload whose sender goes away is aborted, and its key is free again", async () => {
  const node = await startHttpNode();
  const head = (length: number) =>
    `POST /v1/audiences?name=gone HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n` +
    `idempotency-key: gone\r\nauthorization: Bearer ${node.tokens.admin}\r\n` +
    `content-length: ${length}\r\n\r\n`;
  for (const how of ["end", "reset"] as const) {
    const { chunks, aborts } = node.seen;
    const before = aborts.length;
    const taken = () => vi.waitFor(() => assert.equal(node.seen.chunks, chunks + 1));
    await rawAndGone(node.port, `${head(1_000)}member\na\n`, how, taken);
    await vi.waitFor(() => assert.equal(node.seen.aborts.length, before + 1));
    await vi.waitFor(() => assert.equal(node.gateway.load.requests, 0));
  }
  const whole = await raw(node.port, [`${head(9)}member\na\n`]);
  assert.deepEqual(whole.statuses, [201]);
  const { items } = await node.stores.audit.list({ limit: 10 });
  assert.deepEqual(
    items.map(({ outcome }) => outcome),
    ["ok", "http.aborted", "http.aborted"],
  );
  await node.stop();
});

test("an upload over its limit is refused, announced or not", async () => {
  const node = await startHttpNode({ limits: { csvBytesMax: 10_000 } });
  const headers = `content-type: text/csv\r\nauthorization: Bearer ${node.tokens.admin}\r\n`;
  const start = `POST /v1/audiences?name=a HTTP/1.1\r\nhost: x\r\n${headers}`;
  const announced = await raw(node.port, [`${start}content-length: 5000000\r\n\r\n`]);
  assert.match(announced.text, /413 .*http\.body-too-large/s);
  assert.match(announced.text, /connection: close/i);
  const chunk = `2000\r\n${"x".repeat(0x2000)}\r\n`;
  const chunked = [`${start}transfer-encoding: chunked\r\n\r\n`, chunk, chunk];
  assert.match((await raw(node.port, chunked)).text, /413 .*http\.body-too-large/s);
  await vi.waitFor(() => assert.equal(node.seen.aborts.length, 1));
  await node.stop();
});

test("an actor that does not answer in time is said to be late, and told to stop", async () => {
  const node = await startHttpNode({ limits: { askMs: 50 } });
  node.seen.hold = () => {};
  const path = "/v1/audiences?name=late";
  const reply = await node.call("POST", path, { headers: CSV, body: "member\n" });
  assert.deepEqual([reply.status, reply.json.error.code], [504, "ask.timeout"]);
  assert.equal(reply.json.error.retryable, true);
  await vi.waitFor(() => assert.equal(node.seen.aborts.length, 1));
  await node.stop();
});

test("an upload without a name is refused before any of it is imported", async () => {
  const node = await startHttpNode();
  const reply = await node.call("POST", "/v1/audiences", { headers: CSV, body: "member\na\n" });
  assert.deepEqual([reply.status, reply.json.error.problems[0].path], [400, "query.name"]);
  assert.equal(node.seen.chunks, 0);
  await node.stop();
});

test("after a refused body the connection goes on with the next request", async () => {
  const node = await startHttpNode();
  const post = `POST /v1/push HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n\r\n`;
  const get = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
  const both = (text: string) => text.includes('"status":"ok"');
  const reply = await raw(node.port, [post, "x".repeat(200_000), get], both);
  assert.deepEqual(reply.statuses, [401, 200]);
  await node.stop();
});
