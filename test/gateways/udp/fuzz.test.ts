/**
 * Any bytes at all, to the exchange and to the reader of payloads: nothing crashes, nothing grows.
 */
import { expect, test } from "vitest";
import { encodeMsgpack } from "../../../clients/js/src/msgpack.ts";
import { type Random, seededRandom } from "../../../src/core/random.ts";
import { channelKeys } from "../../../src/gateways/udp/keys.ts";
import {
  DATAGRAM_MAX,
  HEADER_BYTES,
  NONCE_BYTES,
  PACKET,
  readStart,
} from "../../../src/gateways/udp/packet.ts";
import { PayloadWriter, readPayload } from "../../../src/gateways/udp/payload.ts";
import { bareExchange, HERE, startFor } from "./bare.ts";
import { secretOf } from "./udp-node.ts";

/** Of each test; both together are a million. */
const INPUTS = 500_000;
const SETTLE_EVERY = 1000;
const TIME_MS = 120_000;

function bytesOf(random: Random, max: number): Buffer {
  const bytes = Buffer.allocUnsafe(Math.floor(random() ** 4 * max));
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = random() * 256;
  return bytes;
}

/** Changes, cuts or lengthens what was right. */
function spoil(random: Random, right: Buffer): Buffer {
  const bytes = Buffer.from(right);
  const changes = Math.floor(random() * 4);
  for (let n = 0; n < changes; n += 1) bytes[Math.floor(random() * bytes.length)] = random() * 256;
  const chance = random();
  if (chance < 0.2) return bytes.subarray(0, Math.floor(random() * bytes.length));
  return chance < 0.3 ? Buffer.concat([bytes, bytesOf(random, 64)]) : bytes;
}

test("any datagram leaves the node as it was, and a device that is there unharmed", {
  timeout: TIME_MS,
}, async () => {
  const bare = bareExchange({ handshakesBurst: 1e9 });
  const random = seededRandom(11);
  const device = bare.device({ ...HERE });
  await bare.advance(100);
  const right = [...bare.wire, await startFor(bare, 7)];
  for (let n = 1; n <= INPUTS; n += 1) {
    const bytes =
      random() < 0.3
        ? bytesOf(random, DATAGRAM_MAX + 100)
        : spoil(random, right[Math.floor(random() * right.length)]!);
    if (bytes.length > 0 && random() < 0.5) bytes[0] = 0x10 | (bytes[0]! & 0x0f);
    bare.exchange.receive(bytes, HERE);
    if (n % SETTLE_EVERY === 0) {
      bare.sent.length = 0;
      await bare.settle();
    }
  }
  await bare.settle();
  const pong = device.request({ type: "ping" });
  await bare.advance(1000);
  expect(await pong).toMatchObject({ type: "pong" });
  // The right start was among them, which opens one session and no more.
  expect(bare.exchange.sessions).toBeLessThanOrEqual(2);
  expect(bare.counts.dropped.forged).toBeGreaterThan(0);
});

test("any datagram leaves a device as it was, too, from its first packet on", {
  timeout: TIME_MS,
}, async () => {
  const bare = bareExchange({ handshakesBurst: 1e9 });
  const random = seededRandom(14);
  let give = (_: Buffer): void => {};
  const device = bare.device(HERE, {
    network: (receive) => {
      give = receive;
      bare.attach(HERE, receive);
      return {
        send: (datagram) => bare.exchange.receive(Buffer.from(datagram), HERE),
        close: () => {},
      };
    },
  });
  for (let n = 0; n < 4; n += 1) {
    await bare.advance(n * 10);
    const right = [Buffer.alloc(40), ...bare.sent.map(({ bytes }) => bytes)];
    for (let inputs = 0; inputs < INPUTS / 20; inputs += 1) {
      const bytes =
        random() < 0.3
          ? bytesOf(random, DATAGRAM_MAX + 100)
          : spoil(random, right[Math.floor(random() * right.length)]!);
      if (bytes.length > 0 && random() < 0.5) bytes[0] = 0x10 | Math.floor(random() * 9);
      give(bytes);
    }
  }
  const pong = device.request({ type: "ping" });
  await bare.advance(1000);
  expect(await pong).toMatchObject({ type: "pong" });
  expect(bare.exchange.sessions).toBe(1);
});

test("any payload and any start is read or refused", { timeout: TIME_MS }, () => {
  const random = seededRandom(12);
  const start = Buffer.alloc(160);
  let read = 0;
  for (let n = 0; n < INPUTS; n += 1) {
    const bytes = bytesOf(random, 200);
    if (bytes.length > 0) bytes[0] = random() * 7;
    if (readPayload(bytes) !== undefined) read += 1;
    start.fill(0);
    start.set(bytes.subarray(0, 120), 37);
    start[0] = 0x10 | PACKET.start;
    readStart(start);
  }
  expect(read).toBeGreaterThan(0);
  expect(read).toBeLessThan(INPUTS / 2);
});

test("a device with a key that seals nonsense harms itself alone", {
  timeout: TIME_MS,
}, async () => {
  const bare = bareExchange({ handshakesBurst: 1e9, framesPerSecond: 0 });
  const random = seededRandom(13);
  const frames = [
    { type: "hello" },
    { type: "ping", id: 1 },
    { type: "ack", upTo: 2 ** 40, offsets: [3] },
    { type: "command", id: 2, command: { do: "peer", of: "ann" } },
  ].map((frame) => Buffer.from(encodeMsgpack(frame)));
  const writer = new PayloadWriter();
  for (let channels = 0; channels < 150; channels += 1) {
    const start = await startFor(bare, channels);
    const [accept] = await bare.give(start);
    const serverNonce = accept!.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
    const nonce = Buffer.alloc(NONCE_BYTES, channels);
    const { fromDevice } = channelKeys(secretOf("board:b1", "board"), nonce, serverNonce);
    const session = accept!.subarray(1, 9);
    for (let number = 1; number <= 60; number += 1) {
      writer.begin();
      const frame = spoil(random, frames[Math.floor(random() * frames.length)]!);
      if (random() < 0.2) writer.ack([{ low: 0, high: Math.floor(random() * 40) }], 0);
      if (random() < 0.8) writer.message(number - 1 + (random() < 0.1 ? 7 : 0), frame);
      if (random() < 0.2) writer.once(frame);
      if (random() < 0.1) writer.probe();
      const payload = random() < 0.05 ? bytesOf(random, 300) : Buffer.from(writer.bytes);
      const packet = fromDevice.seal(session, number + Math.floor(random() * 3), payload);
      bare.exchange.receive(packet, { ...HERE, port: 1024 + Math.floor(random() * 3) });
    }
    await bare.settle();
  }
  await bare.advance(120_000);
  expect(bare.exchange.sessions).toBe(0);
  expect(bare.counts.closes.get("invalid-frame")).toBeGreaterThan(100);
});
