/** Any bytes at all, to the classic readers and to the gateway for UDP. */
import { expect, test } from "vitest";
import { externalRef } from "../../../src/actors/kernel/external.ts";
import { systemClock } from "../../../src/core/clock.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { noMetrics } from "../../../src/core/metrics.ts";
import { type Random, seededRandom, systemNewId } from "../../../src/core/random.ts";
import { ok } from "../../../src/core/result.ts";
import { ClassicCounts } from "../../../src/gateways/classic/counts.ts";
import { ClassicExchange } from "../../../src/gateways/classic/udp-exchange.ts";
import { CLASSIC_UDP_LIMITS } from "./boards-node.ts";
import { message } from "./bytes.ts";
import { fuzzTargets } from "./fuzz-targets.ts";

const SEED = Number(process.env["SEED"] ?? 2026);
/** Of each test; all together are a million. */
const INPUTS = 100_000;
const TIME_MS = 120_000;
const HERE = { address: "127.0.0.1", port: 7 };

function bytesOf(random: Random, max: number): Buffer {
  const bytes = Buffer.allocUnsafe(Math.floor(random() ** 3 * max));
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = random() * 256;
  return bytes;
}

/** A right message with a body of any bytes, or one of which something was changed or cut. */
function nearlyRight(random: Random): Buffer {
  const messageId = random() < 0.5 ? 0xe0 + Math.floor(random() * 8) : Math.floor(random() * 256);
  const opcode = random() < 0.7 ? 2 : Math.floor(random() * 8);
  const sequence = Math.floor(random() * 65_536);
  const bytes = message({ opcode, messageId, sequence, body: bytesOf(random, 400) });
  const chance = random();
  if (chance < 0.6) return bytes;
  if (chance < 0.8) bytes[Math.floor(random() * bytes.length)] = random() * 256;
  return chance < 0.9 ? bytes : bytes.subarray(0, Math.floor(random() * bytes.length));
}

/** A right opening, or something that begins with a session that is there. */
function ofSession(random: Random, n: number, sids: readonly Buffer[]): Buffer {
  const sid = sids[Math.floor(random() * sids.length)];
  const sequence = (n >> 2) & 0xffff;
  const messageId = 0xe0 + Math.floor(random() * 8);
  if (sid === undefined || random() < 0.1) {
    return message({ opcode: 2, messageId: 0xe0, sequence, body: Buffer.alloc(24, n & 0xff) });
  }
  const length = [0, 8, 9, 72, 294, 600][Math.floor(random() * 6)]!;
  const body = Buffer.concat([sid, Buffer.alloc(length, n & 0xff)]);
  if (random() < 0.5) return message({ opcode: 2, messageId, sequence, body });
  const inner = message({ opcode: Math.floor(random() * 8), messageId: 0x30, sequence, body });
  return Buffer.concat([inner.subarray(0, 24), sid, inner]);
}

test.each(Object.entries(fuzzTargets))("%s takes any bytes", { timeout: TIME_MS }, (name, take) => {
  const random = seededRandom(SEED);
  for (let n = 0; n < INPUTS; n += 1) {
    const bytes = random() < 0.5 ? bytesOf(random, 120) : nearlyRight(random);
    try {
      take(bytes);
    } catch (cause) {
      throw new Error(`${name} of ${bytes.toString("hex")}, SEED ${SEED}`, { cause });
    }
  }
});

test("the gateway for UDP takes any datagram and grows no further than its bounds", {
  timeout: TIME_MS,
}, () => {
  const random = seededRandom(SEED);
  const udpSessionsMax = 50;
  const sent: Buffer[] = [];
  const sids: Buffer[] = [];
  const counts = new ClassicCounts(noMetrics);
  const exchange = new ClassicExchange(
    {
      ...{ host: "127.0.0.1", port: 0, clock: systemClock, random, newId: systemNewId },
      ...{ logger: silentLogger, metrics: noMetrics },
      space: { bits: 64, phonesArePositive: true, hasSlots: true },
      login: { secret: "of no worth", skewMax: 60, allowsNoClock: false },
      openSession: () => externalRef("/nobody", () => true),
      registry: { login: async () => ok({ board: "17" }) },
      limits: {
        ...CLASSIC_UDP_LIMITS,
        udpSessionsMax,
        datagramsPerSecond: 1e6,
        datagramsBurst: 1e6,
      },
    },
    counts,
    (bytes) => void sent.push(bytes),
  );
  for (let n = 0; n < INPUTS; n += 1) {
    const bytes = random() < 0.5 ? nearlyRight(random) : ofSession(random, n, sids);
    exchange.receive(bytes, HERE);
    for (const reply of sent.splice(0)) {
      const isOpened = reply.length === 64 && reply.readUInt32LE(36) === 0;
      if (isOpened) sids.push(reply.subarray(40, 56));
    }
  }
  expect(exchange.sessions).toBeLessThanOrEqual(udpSessionsMax);
  for (const reason of ["malformed", "no-session", "sequence"] as const) {
    expect(counts.dropped.get(reason), reason).toBeGreaterThan(0);
  }
  exchange.close();
  expect(exchange.sessions).toBe(0);
});
