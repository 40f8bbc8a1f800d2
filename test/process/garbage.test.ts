import { expect, test } from "vitest";
import { type Random, seededRandom } from "../../src/core/random.ts";
import { Device } from "./device.ts";
import { frame, malformed, misspoken, type Valid } from "./garbage-frames.ts";
import { garbageRequest, handshake } from "./garbage-requests.ts";
import { type NodeProcess, startNode } from "./herald.ts";
import { RawSocket } from "./raw-socket.ts";

const SEED = Number(process.env["SEED"] ?? 2_026);
const GARBAGE = 10_000;
const WARM_UP = 2_000;
/** Conversations at once. */
const PARALLEL = 32;
const FRAMES_PER_CONNECTION_MAX = 20;
/** A node that is sent more malformed frames in a row than it puts up with closes. */
const IN_A_ROW_MAX = 4;

/**
 * What may remain of one piece of garbage, on average. Collected, a node that keeps something of
 * each stands out at once; what it needs for itself is allocated in the warm-up.
 */
const HEAP_BYTES_PER_PIECE_MAX = 150;
/** Resident memory comes in large steps that are the allocator's, so this only stops the worst. */
const RESIDENT_BYTES_MAX = 128 * 1024 * 1024;

/** Lets a signal collect garbage, so that what is measured is what is kept. */
const COLLECT_ON_SIGNAL =
  "--expose-gc --import=data:text/javascript,process.on('SIGUSR2',()=>gc())";

test("10 000 garbage frames leave a node serving and its memory flat", async () => {
  const figures = await survives(sendFrames);
  // Most of them were read, and not lost with a connection that ended before.
  expect(figures("herald_ws_frames_in_total")).toBeGreaterThan(GARBAGE / 2);
});

test("10 000 truncated HTTP requests leave a node serving and its memory flat", async () => {
  const figures = await survives(sendRequests);
  expect(figures("herald_http_requests_total")).toBeGreaterThan(GARBAGE / 5);
});

type Send = (node: NodeProcess, count: number, seed: number) => Promise<void>;
/** The sum of a metric over its labels. */
type Figures = (name: string) => number;

async function survives(send: Send): Promise<Figures> {
  const node = await startNode([], {
    env: {
      HERALD_LOG_LEVEL: "error",
      // Sessions end with their connections, so that none is left to be counted as memory.
      HERALD_SESSION_GRACE_MS: "0",
      HERALD_WEBSOCKET_CONNECTIONS_PER_USER: String(2 * PARALLEL),
      // Who sends garbage connects again and again, and is to be heard.
      HERALD_WEBSOCKET_FLAPS_PER_USER: "0",
      HERALD_WEBSOCKET_ADDRESS_CONNECTS_PER_SECOND: "0",
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
  const push = { to: ["user:bystander"], topic: "after", payload: { still: "here" } };
  const pushed = await node.call("POST", "/v1/push", node.places.adminToken, push);
  expect(pushed.status, pushed.text).toBeLessThan(300);
  expect(await bystander.push()).toMatchObject({ payload: { still: "here" } });
  expect((await node.call("GET", "/readyz")).status).toBe(200);
  await alone(node);
  const told = `SEED=${SEED}: ${JSON.stringify({ before, after })}`;
  expect(after.heap - before.heap, told).toBeLessThan(GARBAGE * HEAP_BYTES_PER_PIECE_MAX);
  expect(after.resident - before.resident, told).toBeLessThan(RESIDENT_BYTES_MAX);
  const { text } = await node.call("GET", "/metrics");
  bystander.close();
  const ended = await node.end("SIGINT");
  expect(ended.status, ended.stderr).toBe(0);
  expect(ended.stderr).toBe("Draining; once more to stop at once.\n");
  return (name) =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "gm"))]
      .map(([, value]) => Number(value))
      .reduce((sum, value) => sum + value, 0);
}

async function sendFrames(node: NodeProcess, count: number, seed: number): Promise<void> {
  const valid = { credential: await credentialOf(node, "garbage") };
  let left = count;
  await inParallel(seed, async (random) => {
    const frames = Math.min(left, 1 + Math.floor(random() * FRAMES_PER_CONNECTION_MAX));
    left -= frames;
    if (frames > 0) await babble(node, { frames, valid }, random);
    return left > 0;
  });
}

/** Connects, logs in or not, says garbage with some sense between, and ends somehow. */
async function babble(
  node: NodeProcess,
  { frames, valid }: { readonly frames: number; readonly valid: Valid },
  random: Random,
): Promise<void> {
  const socket = new RawSocket(node.url);
  socket.write(handshake());
  await socket.heard("\r\n\r\n");
  if (random() < 0.8) {
    const device = `garbage-${Math.floor(random() * 1e9)}`;
    socket.write(frame(JSON.stringify({ type: "hello", device, ...valid })));
    await socket.heard('"welcome"');
  }
  const saysLast = random() < 0.5;
  for (let sent = saysLast ? 1 : 0; sent < frames; sent += 1) {
    if (sent % IN_A_ROW_MAX === 0) socket.write(frame('{"type":"ping","id":7}'));
    socket.write(misspoken(random, valid));
  }
  // The answer to this ping means that everything before it was read.
  socket.write(frame("all read", { opcode: 9 }));
  await socket.heard("all read");
  if (saysLast) socket.write(malformed(random, valid));
  if (random() < 0.2) socket.reset();
  else socket.end();
  await socket.closed;
}

async function sendRequests(node: NodeProcess, count: number, seed: number): Promise<void> {
  const token = node.places.adminToken ?? "";
  let left = count;
  await inParallel(seed, async (random) => {
    if (left-- <= 0) return false;
    const socket = new RawSocket(node.url);
    const request = garbageRequest(random, token);
    const half = Math.floor(random() * request.length);
    socket.write(request.subarray(0, half));
    // Two writes are usually two reads, so that the cut may be anywhere.
    if (random() < 0.5) await new Promise(setImmediate);
    socket.write(request.subarray(half));
    if (random() < 0.1) socket.reset();
    else socket.end();
    await socket.closed;
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
