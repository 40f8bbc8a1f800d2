/** The handshake, and what hostile datagrams come to. */
import { describe, expect, test } from "vitest";
import { silentLogger } from "../../../src/core/logger.ts";
import { seededRandom } from "../../../src/core/random.ts";
import { Bans } from "../../../src/gateways/bans.ts";
import { channelKeys, resetToken } from "../../../src/gateways/udp/keys.ts";
import {
  cookieOf,
  HEADER_BYTES,
  type KeyId,
  MAC_BYTES,
  NONCE_BYTES,
  numberOf,
  OPENING_MIN,
  PACKET,
  readRefuse,
  SESSION_BYTES,
  sessionOf,
  TAG_BYTES,
  tokenOf,
  typeOf,
  writeInit,
  writeStart,
} from "../../../src/gateways/udp/packet.ts";
import { PART, readPayload } from "../../../src/gateways/udp/payload.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { bareExchange, HERE, KEY, startFor } from "./bare.ts";
import { secretOf } from "./udp-node.ts";

const ELSEWHERE = { address: "198.51.100.9", port: 4711 };

describe("before an address is proven", () => {
  test("a first packet is answered by less than it has itself", async () => {
    const bare = bareExchange();
    const init = writeInit(Buffer.alloc(NONCE_BYTES, 1));
    const answers = await bare.give(init);
    expect(answers.map(typeOf)).toEqual([PACKET.cookie]);
    expect(answers[0]!.length).toBeLessThan(init.length);
    expect(bare.exchange.sessions).toBe(0);
  });

  test("one that is not padded is not answered", async () => {
    const bare = bareExchange();
    const init = writeInit(Buffer.alloc(NONCE_BYTES, 1));
    expect(await bare.give(init.subarray(0, OPENING_MIN - 1))).toEqual([]);
  });

  test("of any bytes, never more bytes come back than went in", async () => {
    const bare = bareExchange({ handshakesBurst: 1_000_000 });
    const random = seededRandom(7);
    for (let n = 0; n < 3000; n += 1) {
      const length = Math.floor(random() * 400);
      const bytes = Buffer.from(Array.from({ length }, () => random() * 256));
      // Mostly of this version, so that the first look is not all that is tried.
      if (length > 0 && random() < 0.9) bytes[0] = 0x10 | (bytes[0]! & 0x0f);
      const before = bare.counts.bytesIn;
      const sentBefore = bare.sent.length;
      bare.exchange.receive(bytes, HERE);
      const sent = bare.sent.slice(sentBefore).reduce((sum, one) => sum + one.bytes.length, 0);
      expect(sent).toBeLessThanOrEqual(bare.counts.bytesIn - before);
    }
    await bare.settle();
    expect(bare.exchange.sessions).toBe(0);
  });

  test("a cookie is worth nothing elsewhere, later, or with another nonce", async () => {
    const bare = bareExchange();
    const start = await startFor(bare);
    expect(await bare.give(start, ELSEWHERE)).toEqual([]);
    expect(await bare.give(start, { ...HERE, port: 4712 })).toEqual([]);
    const other = Buffer.from(start);
    other[1]! ^= 1;
    expect(await bare.give(other)).toEqual([]);
    await bare.advance(61_000);
    expect(await bare.give(start)).toEqual([]);
    expect(bare.counts.dropped.cookie).toBe(4);
    expect(bare.exchange.sessions).toBe(0);
  });

  test("handshakes from one address are limited, and the others are not", async () => {
    const bare = bareExchange({ handshakesPerSecond: 1, handshakesBurst: 3 });
    const answered = async (from: typeof HERE): Promise<number> =>
      (await bare.give(writeInit(Buffer.alloc(NONCE_BYTES, 2)), from)).length;
    const got: number[] = [];
    for (let n = 0; n < 5; n += 1) got.push(await answered(HERE));
    expect(got).toEqual([1, 1, 1, 0, 0]);
    expect(await answered(ELSEWHERE)).toBe(1);
    await bare.advance(1000);
    expect(await answered(HERE)).toBe(1);
    expect(bare.counts.dropped.rate).toBe(2);
  });

  test("all addresses of an IPv6 network of 64 bits are limited as one", async () => {
    const bare = bareExchange({ handshakesPerSecond: 1, handshakesBurst: 3 });
    const init = writeInit(Buffer.alloc(NONCE_BYTES, 2));
    const got: number[] = [];
    for (const host of [":1", ":2", ":ffff:1", "1:2:3:4", ":9"]) {
      got.push((await bare.give(init, { address: `2001:db8:0:1:${host}`, port: 1 })).length);
    }
    expect(got).toEqual([1, 1, 1, 0, 0]);
    expect(await bare.give(init, { address: "2001:db8:0:2::1", port: 1 })).toHaveLength(1);
  });

  test("a packet of another version is told which there are", async () => {
    const bare = bareExchange();
    const init = writeInit(Buffer.alloc(NONCE_BYTES, 1));
    init[0] = 0x20 | PACKET.init;
    const [answer] = await bare.give(init);
    expect(typeOf(answer!)).toBe(PACKET.version);
    expect([...answer!.subarray(1 + NONCE_BYTES)]).toEqual([1, 1]);
  });
});

describe("a start", () => {
  test("opens one session, however often it comes", async () => {
    const bare = bareExchange();
    const start = await startFor(bare);
    const [accept] = await bare.give(start);
    expect(typeOf(accept!)).toBe(PACKET.accept);
    expect(accept!.length).toBeLessThan(start.length);
    expect(await bare.give(start)).toEqual([accept]);
    expect(bare.exchange.sessions).toBe(1);
  });

  test("proves the server to the device, too", async () => {
    const bare = bareExchange();
    const [accept] = await bare.give(await startFor(bare));
    const at = HEADER_BYTES + NONCE_BYTES;
    const nonce = accept!.subarray(HEADER_BYTES, at);
    const open = (secret: Uint8Array) =>
      channelKeys(secret, Buffer.alloc(NONCE_BYTES, 1), nonce).fromServer.open(accept!, 0, at);
    const token = resetToken(Buffer.alloc(32, 5), sessionOf(accept!));
    expect(open(secretOf("board:b1", "board"))).toEqual(token);
    expect(open(Buffer.alloc(32))).toBeUndefined();
  });

  test("of a name that nobody can have is refused like one that nobody has", async () => {
    const logged: string[] = [];
    const logger = { ...silentLogger, error: (message: string) => logged.push(message) };
    const bare = bareExchange({}, { logger });
    const principal = "x".repeat(1000);
    const nonce = Buffer.alloc(NONCE_BYTES, 1);
    const [cookie] = await bare.give(writeInit(nonce));
    const start = writeStart(nonce, cookieOf(cookie!), { ...KEY, principal } as KeyId);
    const [answer] = await bare.give(Buffer.concat([start, Buffer.alloc(MAC_BYTES)]));
    expect(readRefuse(answer!)).toBe("unauthorized");
    expect(logged).toEqual([]);
  });

  test("with one bit changed opens nothing, wherever it is", async () => {
    const bare = bareExchange({ handshakesBurst: 10_000 });
    const start = await startFor(bare);
    for (let at = 0; at < start.length; at += 1) {
      const forged = Buffer.from(start);
      forged[at]! ^= 0x10;
      for (const answer of await bare.give(forged)) expect(typeOf(answer)).not.toBe(PACKET.accept);
    }
    expect(bare.exchange.sessions).toBe(0);
  });

  test("of an unknown principal is refused as one with a wrong secret is", async () => {
    const bare = bareExchange({}, { deviceKey: async () => undefined });
    const unknown = await bare.give(await startFor(bare));
    expect(readRefuse(unknown[0]!)).toBe("unauthorized");
    const other = bareExchange(
      {},
      {
        deviceKey: async () => ({ secret: Buffer.alloc(32, 8), grants: undefined }),
      },
    );
    expect(await other.give(await startFor(other))).toEqual(unknown);
  });

  test.each([
    ["principal", "board:b1", { flapsPerAddress: 0, flapsPerUser: 2 }],
    ["address", HERE.address, { flapsPerAddress: 2, flapsPerUser: 0 }],
  ])("that comes too often is refused as over WebSocket: %s %s", async (kind, name, flaps) => {
    const clock = new VirtualClock();
    const bans = new Bans({ ...flaps, flapWindowMs: 60_000, banMs: 300_000 }, clock);
    const bare = bareExchange({}, { bans });
    const types: number[] = [];
    for (let n = 1; n <= 4; n += 1) {
      const [answer] = await bare.give(await startFor(bare, n));
      types.push(typeOf(answer!));
    }
    expect(types).toEqual([PACKET.accept, PACKET.accept, PACKET.refuse, PACKET.refuse]);
    expect(bans.list()).toMatchObject([{ kind, name }]);
    clock.advance(300_000);
    const [answer] = await bare.give(await startFor(bare, 5));
    expect(typeOf(answer!)).toBe(PACKET.accept);
  });

  test("is refused when the node has as many sessions as it may, or stops", async () => {
    const bare = bareExchange({ sessionsMax: 1 });
    await bare.give(await startFor(bare, 1));
    const [busy] = await bare.give(await startFor(bare, 2));
    expect(readRefuse(busy!)).toBe("busy");
    const other = bareExchange();
    other.exchange.drain();
    const [draining] = await other.give(await startFor(other));
    expect(readRefuse(draining!)).toBe("draining");
  });

  test("without a hello after it ends in the end", async () => {
    const bare = bareExchange();
    await bare.give(await startFor(bare));
    await bare.advance(14_000);
    expect(bare.exchange.sessions).toBe(0);
    expect(bare.counts.closes.get("hello-timeout")).toBe(1);
  });
});

describe("a log-in", () => {
  test("is not late because the node stood still", async () => {
    const bare = bareExchange();
    await bare.give(await startFor(bare));
    bare.clock.halt(600_000);
    await bare.advance(9000);
    expect(bare.exchange.sessions).toBe(1);
    await bare.advance(5000);
    expect(bare.counts.closes.get("hello-timeout")).toBe(1);
  });
});

describe("a datagram of more than 1200 bytes", () => {
  test("is dropped during a handshake, and counted", async () => {
    const bare = bareExchange();
    const init = Buffer.concat([writeInit(Buffer.alloc(NONCE_BYTES, 1)), Buffer.alloc(1200)]);
    expect(await bare.give(init)).toEqual([]);
    const start = Buffer.concat([await startFor(bare, 2), Buffer.alloc(1200)]);
    expect(await bare.give(start)).toEqual([]);
    expect(bare.counts.dropped["too-large"]).toBe(2);
  });

  test("of a device ends its channel, which says why; of anybody else it is dropped", async () => {
    const bare = bareExchange();
    const [accept] = await bare.give(await startFor(bare, 1));
    const serverNonce = accept!.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
    const secret = secretOf("board:b1", "board");
    const keys = channelKeys(secret, Buffer.alloc(NONCE_BYTES, 1), serverNonce);
    const id = accept!.subarray(1, 1 + SESSION_BYTES);
    const probes = (length: number) => Buffer.alloc(length - HEADER_BYTES - TAG_BYTES, PART.probe);
    await bare.give(keys.fromDevice.seal(id, 1, probes(1200)));
    const forged = keys.fromDevice.seal(id, 2, probes(1201));
    forged[40]! ^= 1;
    await bare.give(forged);
    expect(bare.counts.closes.size).toBe(0);
    const [closing] = await bare.give(keys.fromDevice.seal(id, 2, probes(1201)));
    const plain = keys.fromServer.open(closing!, numberOf(closing!))!;
    expect(readPayload(plain)).toMatchObject([{ type: "close" }]);
    expect(plain.includes("too-large")).toBe(true);
    expect(bare.counts.closes.get("too-large")).toBe(1);
  });
});

describe("a session id", () => {
  test("alone is no credential: what is not sealed with its key changes nothing", async () => {
    const bare = bareExchange();
    const [accept] = await bare.give(await startFor(bare));
    const stolen = Buffer.alloc(80, 1);
    stolen[0] = 0x10 | PACKET.data;
    stolen.set(accept!.subarray(1, 1 + SESSION_BYTES), 1);
    expect(await bare.give(stolen, ELSEWHERE)).toEqual([]);
    expect(bare.counts.dropped.forged).toBe(1);
    expect(bare.counts.moved).toBe(0);
  });

  test("is random, and never the same", async () => {
    const bare = bareExchange();
    const ids = new Set<string>();
    for (let n = 1; n <= 20; n += 1) {
      const [accept] = await bare.give(await startFor(bare, n, KEY));
      ids.add(sessionOf(accept!));
    }
    expect(ids.size).toBe(20);
  });

  test("that nobody knows is answered by less, with a proof for its owner", async () => {
    const bare = bareExchange();
    const bytes = Buffer.alloc(60, 7);
    bytes[0] = 0x10 | PACKET.data;
    const [reset] = await bare.give(bytes);
    expect(typeOf(reset!)).toBe(PACKET.reset);
    expect(reset!.length).toBeLessThan(bytes.length);
    expect(tokenOf(reset!)).toEqual(resetToken(Buffer.alloc(32, 5), sessionOf(bytes)));
  });
});
