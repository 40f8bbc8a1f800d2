/** Both ends of a channel on virtual time, with a network between them that is as bad as told. */
import { describe, expect, test } from "vitest";
import { type Random, seededRandom } from "../../../src/core/random.ts";
import { Channel } from "../../../src/gateways/udp/channel.ts";
import { channelKeys } from "../../../src/gateways/udp/keys.ts";
import { DATAGRAM_MAX } from "../../../src/gateways/udp/packet.ts";
import { FRAME_MAX } from "../../../src/gateways/udp/payload.ts";

const SECRET = Buffer.alloc(32, 7);
const SESSION = Buffer.from("0123456789abcdef", "hex");

/** One end and what it was told, as text. */
class End {
  readonly heard: string[] = [];
  readonly verdicts: string[] = [];
  readonly channel: Channel;

  constructor(side: "device" | "server", attemptsMax = 8) {
    const keys = channelKeys(SECRET, Buffer.alloc(16, 1), Buffer.alloc(16, 2));
    const { fromDevice, fromServer } = keys;
    const isDevice = side === "device";
    this.channel = new Channel({
      session: SESSION,
      outward: isDevice ? fromDevice : fromServer,
      inward: isDevice ? fromServer : fromDevice,
      attemptsMax,
    });
  }

  send(text: string): void {
    this.channel.send(Buffer.from(text));
  }

  receive(datagram: Buffer, now: number): void {
    const verdict = this.channel.receive(datagram, now, {
      frame: (bytes) => this.heard.push(Buffer.from(bytes).toString()),
      closed: (bytes) => this.heard.push(`closed ${Buffer.from(bytes)}`),
    });
    this.verdicts.push(verdict.type === "dropped" ? verdict.reason : verdict.type);
  }

  flush(now: number): Buffer[] {
    const datagrams: Buffer[] = [];
    this.channel.flush(now, (datagram) => datagrams.push(datagram));
    return datagrams;
  }
}

interface Weather {
  readonly loss: number;
  readonly duplication: number;
  readonly reordering: number;
}

/** Carries datagrams of two ends until nothing is left to do, or `untilMs`. */
function carry(ends: readonly [End, End], weather: Weather, random: Random, untilMs: number) {
  const flying: { at: number; to: End; datagram: Buffer }[] = [];
  let now = 0;
  let sent = 0;
  const fly = (from: number): void => {
    for (const datagram of ends[from]!.flush(now)) {
      sent += 1;
      expect(datagram.length).toBeLessThanOrEqual(DATAGRAM_MAX);
      const copies = random() < weather.loss ? 0 : random() < weather.duplication ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) {
        const lateMs = random() < weather.reordering ? random() * 80 : 0;
        flying.push({ at: now + 20 + lateMs, to: ends[1 - from]!, datagram });
      }
    }
  };
  fly(0);
  fly(1);
  while (now < untilMs) {
    flying.sort((one, other) => one.at - other.at);
    const due = Math.min(ends[0].channel.dueAt, ends[1].channel.dueAt);
    const next = Math.min(flying[0]?.at ?? Number.POSITIVE_INFINITY, due);
    if (next === Number.POSITIVE_INFINITY) break;
    now = Math.max(now, next);
    for (let first = flying[0]; first !== undefined && first.at <= now; first = flying[0]) {
      flying.shift();
      first.to.receive(first.datagram, now);
    }
    fly(0);
    fly(1);
    if (ends.some(({ channel }) => channel.hasFailed)) break;
  }
  return { now, sent };
}

const CALM: Weather = { loss: 0, duplication: 0, reordering: 0 };
const STORM: Weather = { loss: 0.1, duplication: 0.05, reordering: 0.2 };

const texts = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

describe("a channel", () => {
  test("delivers frames of both sides in order, and falls silent", () => {
    const [device, server] = [new End("device"), new End("server")];
    for (const text of texts(40, "up")) device.send(text);
    for (const text of texts(3, "down")) server.send(text);
    carry([device, server], CALM, seededRandom(1), 60_000);
    expect(server.heard).toEqual(texts(40, "up"));
    expect(device.heard).toEqual(texts(3, "down"));
    expect(device.channel.unsentBytes).toBe(0);
    expect(device.channel.dueAt).toBe(Number.POSITIVE_INFINITY);
    expect(device.channel.repeated + server.channel.repeated).toBe(0);
  });

  test.each(Array.from({ length: 40 }, (_, index) => index + 1))(
    "loses, repeats and swaps nothing in a storm, seed %i",
    (seed) => {
      const [device, server] = [new End("device"), new End("server")];
      const [up, down] = [texts(400, "u"), texts(400, "d")];
      const pad = "x".repeat(seed % 2 === 0 ? 0 : 900);
      for (const text of up) device.send(text + pad);
      for (const text of down) server.send(text);
      carry([device, server], STORM, seededRandom(seed), 600_000);
      expect(server.heard.map((text) => text.replace(pad, ""))).toEqual(up);
      expect(device.heard).toEqual(down);
    },
  );

  test("takes each packet once, and none that was changed", () => {
    const [device, server] = [new End("device"), new End("server")];
    device.send("once");
    const [datagram] = device.flush(0);
    for (let at = 9; at < datagram!.length; at += 1) {
      const forged = Buffer.from(datagram!);
      forged[at]! ^= 0x40;
      server.receive(forged, 0);
    }
    expect(new Set(server.verdicts)).toEqual(new Set(["forged"]));
    server.receive(datagram!, 0);
    server.receive(datagram!, 0);
    expect(server.heard).toEqual(["once"]);
    expect(server.verdicts.slice(-2)).toEqual(["taken", "repeated"]);
  });

  test("sends again with new packet numbers and longer and longer waits, then gives up", () => {
    const device = new End("device", 5);
    device.send("hello?");
    const waits: number[] = [];
    const seen = new Set<string>();
    let now = 0;
    for (let tries = 0; tries < 6; tries += 1) {
      const [datagram] = device.flush(now);
      seen.add(datagram!.toString("hex", 9, 15));
      waits.push(device.channel.dueAt - now);
      now = device.channel.dueAt;
    }
    expect(seen.size).toBe(6);
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 8000]);
    expect(device.channel.hasFailed).toBe(false);
    device.flush(now);
    expect(device.channel.hasFailed).toBe(true);
  });

  test("has at most a window on its way", () => {
    const device = new End("device");
    for (const text of texts(2000, "x".repeat(FRAME_MAX - 4))) device.send(text);
    expect(device.flush(0).length).toBe(32);
    expect(device.flush(1)).toEqual([]);
  });

  test("sends a volatile frame once and does not wait for it", () => {
    const device = new End("device");
    device.channel.sendOnce(Buffer.from("now or never"));
    expect(device.flush(0).length).toBe(1);
    expect(device.channel.dueAt).toBe(Number.POSITIVE_INFINITY);
  });

  test("takes a frame that fills a datagram, and none that is larger", () => {
    const [device, server] = [new End("device"), new End("server")];
    device.send("x".repeat(FRAME_MAX));
    const [datagram] = device.flush(0);
    expect(datagram!.length).toBe(DATAGRAM_MAX);
    server.receive(datagram!, 0);
    expect(server.heard).toEqual(["x".repeat(FRAME_MAX)]);
    expect(() => device.send("x".repeat(FRAME_MAX + 1))).toThrow(RangeError);
  });

  test("acknowledges sixteen packets with one, or after 20 milliseconds", () => {
    const [device, server] = [new End("device"), new End("server")];
    for (let index = 0; index < 15; index += 1) {
      device.send("x");
      for (const datagram of device.flush(0)) server.receive(datagram, 0);
    }
    expect(server.flush(0)).toEqual([]);
    expect(server.channel.dueAt).toBe(20);
    device.send("x");
    for (const datagram of device.flush(0)) server.receive(datagram, 0);
    const acks = server.flush(0);
    expect(acks.length).toBe(1);
    device.receive(acks[0]!, 30);
    expect(device.channel.unsentBytes).toBe(0);
  });
});
