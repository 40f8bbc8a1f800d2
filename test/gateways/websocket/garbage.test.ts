/** What comes from outside is hostile: whatever it is, the node goes on serving. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { pack } from "msgpackr";
import { expect, onTestFinished, test } from "vitest";
import { type Random, seededRandom } from "../../../src/core/random.ts";
import { type DeviceNode, startDeviceNode } from "../../testkit/device-node.ts";
import { maskedFrame, OPCODE, RawSocket } from "../../testkit/raw-socket.ts";
import { logIn, roundTrip } from "./device.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const FRAMES = 10_000;
/** Frames on one connection, unless it is closed before. */
const PER_CONNECTION = 10;
const ROUNDS = 4;
/** What the heap may have grown by between one quarter of the frames and the last. */
const GROWTH_BYTES_MAX = 3_000_000;

test("10 000 garbage frames of many kinds leave the node serving and its memory flat", async () => {
  const node = startDeviceNode({ limits: { connectionsPerAddress: 100_000 } });
  onTestFinished(() => node.stop());
  const random = seededRandom(41);
  const credentials = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      node.tokens.mint({ user: `vandal-${index}`, ttlMs: 3_600_000 }),
    ),
  );
  const bystander = await logIn(node, { user: "bystander" });
  const heaps: number[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (let sent = 0; sent < FRAMES / ROUNDS; ) {
      const vandals = Array.from({ length: 10 }, () => vandalize(node, random, credentials));
      for (const count of await Promise.all(vandals)) sent += count;
    }
    await roundTrip(bystander, round);
    await allGone(node, 1);
    heaps.push(heapBytes());
  }
  expect(heaps.at(-1)! - heaps[0]!).toBeLessThan(GROWTH_BYTES_MAX);
  expect(node.gateway.counts.framesIn).toBeGreaterThan(1000);
  await logIn(node, { user: "vandal-1" });
}, 60_000);

/** Sends some garbage on a connection of its own and returns how many frames that were. */
async function vandalize(
  node: DeviceNode,
  random: Random,
  credentials: readonly string[],
): Promise<number> {
  const isBinary = random() < 0.5;
  const protocol = isBinary ? "herald.v1.msgpack" : "herald.v1.json";
  const socket = await RawSocket.open({ port: node.port, protocol });
  const encode = (value: unknown): Buffer =>
    isBinary ? Buffer.from(pack(value)) : Buffer.from(JSON.stringify(value) ?? "");
  const opcode = isBinary ? OPCODE.binary : OPCODE.text;
  if (random() < 0.7) {
    const credential = credentials[Math.floor(random() * credentials.length)]!;
    socket.write(maskedFrame(opcode, encode({ type: "hello", credential, device: "d" })));
    await socket.until(() => socket.frames.length > 0);
  }
  let sent = 0;
  for (; sent < PER_CONNECTION && !socket.isClosed; sent += 1) {
    socket.write(garbage(random, opcode, encode));
    // Now and then the server gets its turn between two frames.
    if (random() < 0.3) await new Promise((resolve) => setImmediate(resolve));
  }
  socket.write(maskedFrame(OPCODE.close, Buffer.from([3, 233])));
  socket.socket.end();
  await socket.closed();
  return sent;
}

function garbage(random: Random, opcode: number, encode: (value: unknown) => Buffer): Buffer {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const noise = (max: number): Buffer =>
    Buffer.from(Array.from({ length: Math.floor(random() * max) }, () => random() * 256));
  const number = pick([0, -1, 1.5, 2 ** 53, 1e308, 7]);
  const text = pick(["", "x".repeat(9000), "é🙂", "__proto__", "\u0000"]);
  const values: readonly unknown[] = [
    number,
    text,
    null,
    [],
    [[[[[[number]]]]]],
    { type: text },
    { type: "ping", id: number, data: text },
    { type: "ack", offsets: Array(Math.floor(random() * 1200)).fill(number) },
    { type: "ack", upTo: number },
    { type: "hello", credential: text, device: text, resume: text, offset: number },
    { type: "welcome", session: text },
    JSON.parse(`${'{"a":'.repeat(200)}1${"}".repeat(200)}`),
  ];
  const valid = encode(pick(values));
  switch (Math.floor(random() * 10)) {
    case 0:
      return maskedFrame(opcode, noise(200));
    case 1:
      return maskedFrame(pick([0, 1, 2, 3, 7, 8, 9, 10, 15]), noise(100));
    case 2:
      return maskedFrame(opcode, valid, Math.floor(random() * 256));
    case 3:
      return maskedFrame(opcode, valid.subarray(0, Math.floor(random() * valid.length)));
    case 4:
      return noise(60);
    case 5:
      return Buffer.concat([maskedFrame(opcode, valid), maskedFrame(opcode, noise(20))]);
    case 6:
      return maskedFrame(opcode === OPCODE.text ? OPCODE.binary : OPCODE.text, valid);
    case 7:
      return maskedFrame(opcode, Buffer.alloc(pick([66_000, 140_000]), 0x5b));
    default:
      return maskedFrame(opcode, valid);
  }
}

async function allGone(node: DeviceNode, but: number): Promise<void> {
  while (node.gateway.connections > but) await new Promise((resolve) => setImmediate(resolve));
}

function heapBytes(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
