import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { type Random, seededRandom } from "../../src/core/random.ts";
import { Device } from "./device.ts";
import { frame, garbageFrame } from "./garbage-frames.ts";
import { garbageRequest, handshake } from "./garbage-requests.ts";
import { type NodeProcess, startNode } from "./herald.ts";

const SEED = Number(process.env["SEED"] ?? 2_026);
const GARBAGE = 10_000;
const WARM_UP = 2_000;
/** Conversations at once. */
const PARALLEL = 32;
const FRAMES_PER_CONNECTION_MAX = 20;
/** A server that has read the end of a connection closes it; one that has not is stuck. */
const STUCK_AFTER_MS = 10_000;

/**
 * What may remain of one piece of garbage, on average. Collected, a node that keeps something of
 * each stands out at once; what it needs for itself is allocated in the warm-up.
 */
const HEAP_BYTES_PER_PIECE_MAX = 100;
/** Resident memory comes in large steps that are the allocator's, so this only stops the worst. */
const RESIDENT_BYTES_MAX = 64 * 1024 * 1024;

/** Lets a signal collect garbage, so that what is measured is what is kept. */
const COLLECT_ON_SIGNAL =
  "--expose-gc --import=data:text/javascript,process.on('SIGUSR2',()=>gc())";

test("10 000 garbage frames leave a node serving and its memory flat", async () => {
  await survives(sendFrames);
});

test("10 000 truncated HTTP requests leave a node serving and its memory flat", async () => {
  await survives(sendRequests);
});

type Send = (node: NodeProcess, count: number, seed: number) => Promise<void>;

async function survives(send: Send): Promise<void> {
  const node = await startNode([], {
    env: {
      HERALD_LOG_LEVEL: "error",
      // Sessions end with their connections, so that none is left to be counted as memory.
      HERALD_SESSION_GRACE_MS: "0",
      NODE_OPTIONS: COLLECT_ON_SIGNAL,
    },
  });
  const bystander = await Device.login(
    node.places.websocket,
    await credentialOf(node, "bystander"),
  );
  await send(node, WARM_UP, SEED + 1);
  const before = await memoryOf(node);
  await send(node, GARBAGE, SEED);
  const after = await memoryOf(node);

  await bystander.ping();
  const push = { users: ["bystander"], topic: "after", payload: { still: "here" } };
  const pushed = await node.call("POST", "/v1/push", node.places.adminToken, push);
  expect(pushed.status, pushed.text).toBeLessThan(300);
  expect(await bystander.push()).toMatchObject({ payload: { still: "here" } });
  expect((await node.call("GET", "/readyz")).status).toBe(200);
  await alone(node);
  const told = `SEED=${SEED}: ${JSON.stringify({ before, after })}`;
  expect(after.heap - before.heap, told).toBeLessThan(GARBAGE * HEAP_BYTES_PER_PIECE_MAX);
  expect(after.resident - before.resident, told).toBeLessThan(RESIDENT_BYTES_MAX);
  bystander.close();
  const ended = await node.end("SIGINT");
  expect(ended.status, ended.stderr).toBe(0);
}

async function sendFrames(node: NodeProcess, count: number, seed: number): Promise<void> {
  const credential = await credentialOf(node, "garbage");
  const hello = frame(JSON.stringify({ type: "hello", credential, device: "garbage" }));
  let left = count;
  await inParallel(seed, async (random) => {
    if (left <= 0) return false;
    const parts: Uint8Array[] = [Buffer.from(handshake())];
    if (random() < 0.7) parts.push(hello);
    for (let sent = 0; sent < FRAMES_PER_CONNECTION_MAX && left > 0; sent += 1) {
      const { bytes, last } = garbageFrame(random, { credential });
      parts.push(bytes);
      left -= 1;
      if (last) break;
    }
    await converse(node, parts, random);
    return true;
  });
}

async function sendRequests(node: NodeProcess, count: number, seed: number): Promise<void> {
  const token = node.places.adminToken ?? "";
  let left = count;
  await inParallel(seed, async (random) => {
    if (left <= 0) return false;
    left -= 1;
    await converse(node, [garbageRequest(random, token)], random);
    return true;
  });
}

/** Each conversation has its own chance, so that what it says does not depend on the others. */
async function inParallel(seed: number, next: (random: Random) => Promise<boolean>): Promise<void> {
  let conversation = seed * 1_000_003;
  const run = async () => {
    while (await next(seededRandom(conversation++)));
  };
  await Promise.all(Array.from({ length: PARALLEL }, run));
}

/** Writes the parts, in one piece or several, ends, and waits until the connection is gone. */
async function converse(
  node: NodeProcess,
  parts: readonly Uint8Array[],
  random: Random,
): Promise<void> {
  const { hostname, port } = new URL(node.url);
  const socket = connect({ host: hostname, port: Number(port) });
  const closed = closeOf(socket);
  const together = random() < 0.5;
  const rudely = random() < 0.2;
  if (together) socket.write(Buffer.concat(parts));
  else for (const part of parts) if (!socket.destroyed) socket.write(part);
  if (rudely) socket.once("connect", () => setImmediate(() => socket.resetAndDestroy()));
  else socket.end();
  await closed;
}

function closeOf(socket: Socket): Promise<void> {
  socket.resume();
  socket.setTimeout(STUCK_AFTER_MS, () => socket.destroy(new Error("the node did not close")));
  return new Promise((resolve, reject) => {
    // That the other side closes first, while we still write, is its right.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (!/^(ECONNRESET|EPIPE)$/.test(error.code ?? "")) reject(error);
    });
    socket.on("close", () => resolve());
  });
}

/** Waits until the bystander's is the only connection that is left. */
async function alone(node: NodeProcess): Promise<void> {
  const isAlone = /^herald_ws_connections 1$/m;
  while (!isAlone.test((await node.call("GET", "/metrics")).text));
}

async function memoryOf(node: NodeProcess): Promise<{ heap: number; resident: number }> {
  let heap = Number.POSITIVE_INFINITY;
  let resident = 0;
  for (let round = 0; round < 4; round += 1) {
    node.child.kill("SIGUSR2");
    const { text } = await node.call("GET", "/metrics");
    const read = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
    heap = Math.min(heap, read("nodejs_heap_size_used_bytes"));
    resident = read("process_resident_memory_bytes");
  }
  return { heap, resident };
}

async function credentialOf(node: NodeProcess, user: string): Promise<string> {
  const wanted = { kind: "device", user, ttlMs: 600_000 };
  const { body, text } = await node.call("POST", "/v1/tokens", node.places.adminToken, wanted);
  const { token } = body as { token?: string };
  if (token === undefined) throw new Error(`no credential: ${text}`);
  return token;
}
