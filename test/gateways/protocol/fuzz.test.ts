/**
 * Any bytes at all, to the readers of frames: each input is read or refused, and nothing grows.
 *
 * WebSocket, datagrams and the classic protocol have their own million beside their own tests.
 * The seed is in the title: `SEED=…` repeats a run.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { pack } from "msgpackr";
import { describe, expect, test } from "vitest";
import { type Random, seededRandom } from "../../../src/core/random.ts";
import type { Codec } from "../../../src/gateways/protocol/codec.ts";
import { jsonCodec } from "../../../src/gateways/protocol/json.ts";
import { msgpackCodec } from "../../../src/gateways/protocol/msgpack.ts";
import { REQUESTS } from "../../conformance/device-frames.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
// As in a node: the test runner collects ten times as many, which is most of the time.
Error.stackTraceLimit = 10;

const SEED = Number(process.env["SEED"] ?? 20_261_121);
/** Of each encoding. */
const INPUTS = 1_000_000;
const TIME_MS = 120_000;
/** What the heap may have grown by between one tenth of the inputs and the last. */
const GROWTH_BYTES_MAX = 3_000_000;

const FRAMES: readonly object[] = [
  { type: "hello", credential: "a.b.c", device: "phone", resume: "s.x", offset: 7 },
  { type: "ack", offsets: [1, 127, 128, 65_536, 4_294_967_296], upTo: 3 },
  { type: "ping", id: 1, data: [null, true, -1.5, "é🙂", { a: { b: [{}] } }] },
  { type: "refresh", id: 2, credential: "d.e.f" },
  ...REQUESTS,
];

describe.each<[string, Codec, (frame: object) => Buffer]>([
  ["JSON", jsonCodec, (frame) => Buffer.from(JSON.stringify(frame))],
  ["MessagePack", msgpackCodec, (frame) => Buffer.from(pack(frame))],
])("a million inputs of %s", (_, codec, write) => {
  test(
    `are each read or refused, and leave the memory flat (seed ${SEED})`,
    () => {
      const random = seededRandom(SEED);
      const right = FRAMES.map(write);
      const heaps: number[] = [];
      let read = 0;
      for (let n = 1; n <= INPUTS; n += 1) {
        const bytes = inputFrom(right, random);
        const outcome = codec.decode(bytes.buffer as ArrayBuffer);
        if (outcome.ok) read += 1;
        else if (outcome.error.code !== "protocol.invalid") {
          throw new Error(`input ${n} is refused with ${outcome.error.code}: ${hexOf(bytes)}`);
        }
        if (n % (INPUTS / 10) === 0) heaps.push(heapBytes());
      }
      // The inputs are near enough to frames that many are one, and far enough that most are none.
      expect(read).toBeGreaterThan(INPUTS / 100);
      expect(read).toBeLessThan(INPUTS / 2);
      expect(heaps.at(-1)! - heaps[0]!).toBeLessThan(GROWTH_BYTES_MAX);
    },
    TIME_MS,
  );
});

/** A right frame that is changed, cut, repeated or joined with another; now and then noise. */
function inputFrom(right: readonly Buffer[], random: Random): Uint8Array {
  const pick = (max: number): number => Math.floor(random() * max);
  const noise = (max: number): Uint8Array =>
    Uint8Array.from({ length: pick(max) }, () => pick(256));
  const one = right[pick(right.length)]!;
  switch (pick(8)) {
    case 0:
      return noise(80);
    case 1:
      return Uint8Array.from(one.subarray(0, pick(one.length + 1)));
    case 2: {
      const other = right[pick(right.length)]!;
      const joined = [...one.subarray(0, pick(one.length)), ...other.subarray(pick(other.length))];
      return Uint8Array.from(joined);
    }
    case 3: {
      const at = pick(one.length);
      return Uint8Array.from([...one.subarray(0, at), ...noise(9), ...one.subarray(at)]);
    }
    case 4: {
      const [from, to] = [pick(one.length), pick(one.length)].sort((a, b) => a - b);
      const part = one.subarray(from, to);
      return Uint8Array.from([...one.subarray(0, to), ...part, ...part, ...one.subarray(to)]);
    }
    default: {
      const bytes = Uint8Array.from(one);
      for (let changes = 1 + pick(3); changes > 0; changes -= 1) {
        const at = pick(bytes.length);
        if (random() < 0.5) bytes[at] = pick(256);
        else bytes[at]! ^= 1 << pick(8);
      }
      return bytes;
    }
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function heapBytes(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
