import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { test, vi } from "vitest";
import { type Random, seededRandom } from "../../../src/core/random.ts";
import { type HttpNode, startHttpNode } from "./node.ts";
import { raw, rawAndGone } from "./raw.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const REQUESTS = 10_000;
const AT_ONCE = 40;
const SEED = 20_261;

const PATHS = ["/v1/audiences?name=x", "/v1/push", "/v1/campaigns", "/healthz", "/", "/v1/tokens"];

/** One request that is cut off, mangled or nonsense; which, the generator decides. */
function hostileRequest(random: Random, token: string): Uint8Array {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  /** Mostly as it should be, so that what is wrong is met deep inside, too. */
  const mostly = (good: string, bad: readonly string[]): string =>
    random() < 0.8 ? good : pick(bad);
  const junk = (max: number): Buffer =>
    Buffer.from(Array.from({ length: Math.floor(random() * max) }, () => random() * 256));
  const body = pick(['{"users":["a"],"topic":"t","payload":1}', "member\na\n", "[[[[[[[[", ""]);
  const isChunked = random() < 0.2;
  const length = isChunked
    ? mostly("transfer-encoding: chunked", ["transfer-encoding: gzip", "content-length: 5"])
    : mostly(`content-length: ${body.length}`, [
        "content-length: 99999999999",
        "content-length: -1",
        "content-length: 5\r\ncontent-length: 6",
        "x: y",
      ]);
  const method = mostly("POST", ["GET", "DELETE", "PUT", "BREW", "get", "", "OPTIONS", "HEAD"]);
  const authorization = mostly(`Bearer ${token}`, ["Bearer x", "", "Basic \u0000"]);
  const types = ["application/json", "text/csv", "text/plain", ";", "application/json;charset"];
  const lines = [
    `${method} ${pick(PATHS)} HTTP/${mostly("1.1", ["1.0", "9.9", ""])}`,
    mostly("host: x", ["", "host: x\r\nhost: y"]),
    `authorization: ${authorization}`,
    `content-type: ${mostly(pick(["application/json", "text/csv"]), types)}`,
    `idempotency-key: ${mostly(`k-${random()}`, [" ", "\u00ff", "x".repeat(300), "same"])}`,
    length,
    mostly("a: b", ["x".repeat(20_000), "no colon", ": no name", "\u0000: \u0001", "expect: 1"]),
    "",
    isChunked ? `${body.length.toString(16)}\r\n${body}\r\n${pick(["0\r\n\r\n", "ZZ"])}` : body,
  ];
  const whole = Buffer.from(lines.join("\r\n"), "latin1");
  switch (pick(["cut", "cut", "flip", "whole", "junk", "twice"])) {
    case "cut":
      return whole.subarray(0, Math.floor(random() * whole.length));
    case "flip": {
      const copy = Buffer.from(whole);
      for (let n = 0; n < 5; n += 1) copy[Math.floor(random() * copy.length)] = random() * 256;
      return copy;
    }
    case "junk":
      return junk(2_000);
    case "twice":
      return Buffer.concat([whole, whole]);
    default:
      return whole;
  }
}

async function attack(node: HttpNode, count: number, random: Random): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const bytes = hostileRequest(random, node.tokens.admin);
      await rawAndGone(node.port, bytes, random() < 0.5 ? "end" : "reset");
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  await vi.waitFor(() => assert.equal(node.gateway.load.requests, 0), { timeout: 5_000 });
}

function memory(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers, external } = process.memoryUsage();
  return heapUsed + arrayBuffers + external;
}

test("10 000 truncated and malformed requests leave the node serving and its memory flat", {
  timeout: 60_000,
}, async () => {
  const node = await startHttpNode();
  const random = seededRandom(SEED);
  await attack(node, REQUESTS / 10, random);
  const before = memory();
  await attack(node, REQUESTS, random);
  // What closed sockets held is given back by later turns of the event loop.
  await vi.waitFor(
    () => {
      const grown = memory() - before;
      assert.ok(grown < 8_000_000, `seed ${SEED}: ${grown} bytes more`);
    },
    { timeout: 10_000, interval: 100 },
  );
  const { items } = await node.stores.audit.list({ limit: 100_000 });
  const outcomes = new Set(items.map(({ outcome }) => outcome));
  for (const met of ["ok", "http.invalid", "http.media-type", "http.aborted"]) {
    assert.ok(outcomes.has(met), `seed ${SEED}: some come as far as ${met}`);
  }
  const reply = await node.call("GET", "/v1/campaigns");
  assert.equal(reply.status, 200, reply.text);
  assert.deepEqual(
    node.logged.filter(({ message }) => message === "a request failed"),
    [],
    `seed ${SEED}: no hostile request finds a bug`,
  );
  await node.stop();
});

test("a request with two lengths is refused and its connection ends", async () => {
  const node = await startHttpNode();
  const head =
    "POST /v1/push HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 3\r\n\r\n";
  const reply = await raw(node.port, [head, "hello"], () => false);
  assert.deepEqual(reply.statuses, [400]);
  await node.stop();
});

test("requests over the limit are told to come back, and probes are still served", async () => {
  const node = await startHttpNode({ limits: { requestsMax: 2 } });
  const held: (() => void)[] = [];
  node.seen.hold = (go) => void held.push(go);
  const headers = { "content-type": "text/csv" };
  const uploads = ["a", "b"].map((name) =>
    node.call("POST", `/v1/audiences?name=${name}`, { headers, body: "member\n" }),
  );
  await vi.waitFor(() => assert.equal(held.length, 2));
  const refused = await node.call("GET", "/v1/campaigns");
  assert.deepEqual([refused.status, refused.json.error.code], [503, "gateway.busy"]);
  assert.equal(refused.json.error.retryAfterMs, 1000);
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.equal((await node.call("GET", "/healthz")).status, 200);
  for (const go of held) go();
  for (const reply of await Promise.all(uploads)) assert.equal(reply.status, 201);
  assert.equal((await node.call("GET", "/v1/campaigns")).status, 200);
  await node.stop();
});

test("a draining node finishes what it has, refuses the rest and is not ready", async () => {
  const node = await startHttpNode();
  const held: (() => void)[] = [];
  node.seen.hold = (go) => void held.push(go);
  const headers = { "content-type": "text/csv" };
  const upload = node.call("POST", "/v1/audiences?name=a", { headers, body: "member\n" });
  await vi.waitFor(() => assert.equal(held.length, 1));
  const drained = node.gateway.drain({ deadlineMs: 5_000 });
  const refused = await node.call("GET", "/v1/campaigns");
  assert.deepEqual([refused.status, refused.json.error.code], [503, "node.draining"]);
  const ready = await node.call("GET", "/readyz");
  assert.deepEqual([ready.status, ready.json.error.problems[0].path], [503, "node"]);
  held[0]?.();
  assert.equal((await upload).status, 201);
  assert.equal(await drained, 0);
  await node.stop();
});

test("draining ends at its deadline and says what was left", async () => {
  const node = await startHttpNode();
  node.seen.hold = () => {};
  const headers = { "content-type": "text/csv" };
  const upload = node.call("POST", "/v1/audiences?name=a", { headers, body: "member\n" });
  await vi.waitFor(() => assert.equal(node.seen.chunks, 1));
  assert.equal(await node.gateway.drain({ deadlineMs: 20 }), 1);
  await node.stop();
  await assert.rejects(upload);
});

test("a node whose store does not answer is not ready, and says why", async () => {
  const reason = { path: "websocket", expected: "listening", got: "closed" };
  const node = await startHttpNode({ notReady: () => [reason], limits: { askMs: 200 } });
  await node.call("GET", "/v1/campaigns");
  await node.stores.close();
  const reply = await node.call("GET", "/readyz");
  assert.deepEqual([reply.status, reply.json.error.code], [503, "node.not-ready"]);
  assert.deepEqual(reply.json.error.problems[0], reason);
  assert.match(reply.json.error.problems[1].got, /store\.unavailable/);
  await node.stop();
});
