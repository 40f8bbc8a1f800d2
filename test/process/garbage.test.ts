import { pack } from "msgpackr";
import { expect, test } from "vitest";
import { type Random, seededRandom } from "../../src/core/random.ts";
import { Device } from "./device.ts";
import { frame, malformed, misspoken, rightly, type Tongue } from "./garbage-frames.ts";
import { garbageRequest, handshake } from "./garbage-requests.ts";
import { type NodeProcess, startNode } from "./herald.ts";
import { RawSocket } from "./raw-socket.ts";

const SEED = Number(process.env["SEED"] ?? 2_026);
const FRAMES = 1_000_000;
const REQUESTS = 10_000;
/** The memory is compared between them. In the first the node takes what it needs for itself. */
const ROUNDS = 4;
/** Conversations at once. */
const PARALLEL = 32;
const FRAMES_PER_CONNECTION_MAX = 60;
const TIME_MS = 300_000;
/** A node that is sent more malformed frames in a row than it puts up with closes. */
const IN_A_ROW_MAX = 4;

/** What the collected heap may grow by after the first round. */
const HEAP_BYTES_MAX = 1_500_000;
/** The same of resident memory beside the heap, whose young part has a size of its own will. */
const NATIVE_BYTES_MAX = 48 * 1024 * 1024;

/** Lets a signal collect garbage, so that what is measured is what is kept. */
const COLLECT_ON_SIGNAL =
  "--expose-gc --import=data:text/javascript,process.on('SIGUSR2',()=>gc())";

test(
  `a million garbage frames leave a node answering and its memory flat (seed ${SEED})`,
  async () => {
    const figures = await survives(sendFrames, FRAMES);
    // Most of them were read as messages; others are control frames, or none.
    expect(figures("herald_ws_frames_in_total")).toBeGreaterThan(FRAMES / 2);
    expect(figures("herald_ws_closes_total")).toBeGreaterThan(FRAMES / FRAMES_PER_CONNECTION_MAX);
  },
  TIME_MS,
);

test(`10 000 truncated HTTP requests leave a node serving (seed ${SEED})`, async () => {
  const figures = await survives(sendRequests, REQUESTS);
  const refused = figures("herald_ws_upgrades_refused_total");
  expect(figures("herald_http_requests_total") + refused).toBeGreaterThan(REQUESTS / 5);
});

interface Memory {
  readonly heap: number;
  readonly native: number;
}

type Send = (node: NodeProcess, count: number, seed: number) => Promise<void>;
/** The sum of a metric over its labels. */
type Figures = (name: string) => number;

async function survives(send: Send, count: number): Promise<Figures> {
  const node = await startNode([], {
    env: {
      HERALD_LOG_LEVEL: "error",
      // Sessions end with their connections, so that none is left to be counted as memory.
      HERALD_SESSION_GRACE_MS: "0",
      HERALD_WEBSOCKET_CONNECTIONS_PER_USER: String(2 * PARALLEL),
      // Who sends garbage connects again and again, and is to be heard.
      HERALD_WEBSOCKET_FLAPS_PER_USER: "0",
      HERALD_WEBSOCKET_CONNECTS_PER_SECOND: "0",
      HERALD_WEBSOCKET_ADDRESS_CONNECTS_PER_SECOND: "0",
      NODE_OPTIONS: COLLECT_ON_SIGNAL,
      // Each thread's own share of what is free makes resident memory a matter of chance.
      MALLOC_ARENA_MAX: "1",
    },
  });
  const bystander = await Device.login(
    node.places.websocket,
    await credentialOf(node, "bystander"),
  );
  const memories: Memory[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await send(node, count / ROUNDS, SEED + round);
    memories.push(await memoryOf(node));
  }

  await bystander.ping();
  const push = { to: ["user:bystander"], topic: "after", payload: { still: "here" } };
  const pushed = await node.call("POST", "/v1/push", node.places.adminToken, push);
  expect(pushed.status, pushed.text).toBeLessThan(300);
  expect(await bystander.push()).toMatchObject({ payload: { still: "here" } });
  expect((await node.call("GET", "/readyz")).status).toBe(200);
  await alone(node);
  const [first, last] = [memories[0]!, memories.at(-1)!];
  const told = `SEED=${SEED}: ${JSON.stringify(memories)}`;
  expect(last.heap - first.heap, told).toBeLessThan(HEAP_BYTES_MAX);
  expect(last.native - first.native, told).toBeLessThan(NATIVE_BYTES_MAX);
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
  const credential = await credentialOf(node, "garbage");
  let left = count;
  await inParallel(seed, async (random) => {
    const frames = Math.min(left, 1 + Math.floor(random() * FRAMES_PER_CONNECTION_MAX));
    left -= frames;
    if (frames > 0) await babble(node, { frames, credential }, random);
    return left > 0;
  });
}

const JSON_TONGUE = {
  opcode: 1,
  encode: (it: unknown) => Buffer.from(JSON.stringify(it)),
} as const;
const MSGPACK_TONGUE = { opcode: 2, encode: (it: unknown) => pack(it) } as const;

/** Connects, logs in or not, says garbage with some sense between, and ends somehow. */
async function babble(
  node: NodeProcess,
  { frames, credential }: { readonly frames: number; readonly credential: string },
  random: Random,
): Promise<void> {
  const isJson = random() < 0.5;
  const tongue: Tongue = { credential, ...(isJson ? JSON_TONGUE : MSGPACK_TONGUE) };
  const socket = new RawSocket(node.url);
  socket.write(handshake(isJson ? "herald.v1.json" : "herald.v1.msgpack"));
  await socket.heard("\r\n\r\n");
  if (frames > 1) {
    const device = `garbage-${Math.floor(random() * 1e9)}`;
    const hello = tongue.encode({ type: "hello", device, credential });
    socket.write(frame(hello, { opcode: tongue.opcode }));
    await socket.heard("welcome");
    await converse(socket, frames - 1, tongue, random);
  }
  socket.write(malformed(random, tongue));
  if (random() < 0.2) socket.reset();
  else socket.end();
  await socket.closed;
}

/** Mixes right requests with garbage, and waits for the answers to all of them. */
async function converse(
  socket: RawSocket,
  frames: number,
  tongue: Tongue,
  random: Random,
): Promise<void> {
  const said: Uint8Array[] = [];
  const answers: string[] = [];
  for (let n = 1; n <= frames; n += 1) {
    if (n % IN_A_ROW_MAX === 0 || n === frames) {
      answers.push(`~${n}~`);
      said.push(rightly(random, tongue, `~${n}~`));
    } else said.push(misspoken(random, tongue));
  }
  const all = Buffer.concat(said);
  // Two writes are usually two reads, so that the cut may be anywhere.
  const half = Math.floor(random() * all.length);
  socket.write(all.subarray(0, half));
  if (random() < 0.3) await new Promise(setImmediate);
  socket.write(all.subarray(half));
  for (const answer of answers) {
    if (await socket.heard(answer)) continue;
    throw new Error(`SEED=${SEED}: no answer ${answer} to ${all.toString("hex").slice(0, 4_000)}`);
  }
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

async function memoryOf(node: NodeProcess): Promise<Memory> {
  let heap = Number.POSITIVE_INFINITY;
  let native = 0;
  for (let round = 0; round < 4; round += 1) {
    node.child.kill("SIGUSR2");
    const { text } = await node.call("GET", "/metrics");
    const read = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
    heap = Math.min(heap, read("nodejs_heap_size_used_bytes"));
    native = read("process_resident_memory_bytes") - read("nodejs_heap_size_total_bytes");
  }
  return { heap, native };
}

async function credentialOf(node: NodeProcess, user: string): Promise<string> {
  const wanted = { kind: "device", user, ttlMs: 600_000 };
  const { body, text } = await node.call("POST", "/v1/tokens", node.places.adminToken, wanted);
  const { token } = body as { token?: string };
  if (token === undefined) throw new Error(`no credential: ${text}`);
  return token;
}
