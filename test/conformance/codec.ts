import { describe, expect, test } from "vitest";
import type { Push } from "../../src/actors/session/messages.ts";
import { type Random, seededRandom } from "../../src/core/random.ts";
import type { Codec, Encoded } from "../../src/gateways/protocol/codec.ts";
import type { ServerFrame } from "../../src/gateways/protocol/frames.ts";
import { WIRE_LIMITS } from "../../src/gateways/protocol/limits.ts";
import { ANSWERS, BAD_REQUESTS, publicationOf, REQUESTS } from "./device-frames.ts";

/** The same encoding by an independent implementation. */
export interface Peer {
  write(value: unknown): Uint8Array;
  read(encoded: Encoded): unknown;
}

const FUZZ_INPUTS = 100_000;

/** What every `Codec` must do. A codec's test file is one call of this. */
export function codecConformance(name: string, codec: Codec, peer: Peer): void {
  const decode = (value: unknown) => codec.decode(bufferOf(peer.write(value)));
  const problemOf = (value: unknown) => {
    const result = decode(value);
    if (result.ok) throw new Error(`taken: ${JSON.stringify(value)}`);
    expect(result.error.code).toBe("protocol.invalid");
    return result.error.problems[0]!;
  };

  const complaintAbout = (bytes: Uint8Array): string | undefined => {
    const result = codec.decode(bufferOf(bytes));
    if (result.ok) {
      const again = decode(result.value);
      const isSame = again.ok && JSON.stringify(again.value) === JSON.stringify(result.value);
      return isSame ? undefined : "what was read is not read again";
    }
    if (result.error.code !== "protocol.invalid") return `code ${result.error.code}`;
    return result.error.problems[0]!.got.length > 60 ? "repeats what it found" : undefined;
  };

  describe(`${name} is a Codec`, () => {
    test.each([
      { type: "hello", credential: "a.b.c", device: "phone" },
      { type: "hello", credential: "a.b.c", device: "Ålands ☎ 📱", resume: "s.x", offset: 0 },
      { type: "ack", upTo: 0 },
      { type: "ack", upTo: 4_294_967_296 },
      { type: "ack", offsets: [] },
      { type: "ack", offsets: [1, 127, 128, 255, 256, 65_535, 65_536, 4_294_967_295] },
      { type: "ack", offsets: [Number.MAX_SAFE_INTEGER], upTo: 7 },
      { type: "ping", id: 0 },
      { type: "ping", id: 123_456_789_012_345 },
      { type: "ping", id: Number.MAX_SAFE_INTEGER, data: "text" },
      { type: "ping", id: 1, data: "" },
      { type: "ping", id: 1, data: 'quoted " and \\ and \n and \u0000' },
      { type: "ping", id: 1, data: '","data":"x"}' },
      { type: "ping", id: 1, data: "🙂".repeat(500) },
      { type: "ping", id: 1, data: null },
      { type: "ping", id: 1, data: false },
      { type: "ping", id: 1, data: -1.5 },
      { type: "ping", id: 1, data: [1, [2, { three: -4, five: [true] }]] },
      { type: "ping", id: 1, data: { constructor: 1, toString: 2, "": 3 } },
    ])("$type is read as it was written: $id $device $upTo", (frame) => {
      expect(decode(frame)).toEqual({ ok: true, value: frame });
    });

    test.each(REQUESTS)("a request is read as it was written: %j", (frame) => {
      expect(decode(frame)).toEqual({ ok: true, value: frame });
    });

    test.each(BAD_REQUESTS)("%s is refused, the field named, and its id told", (_, frame, path) => {
      expect(problemOf(frame).path).toBe(path);
      const refused = decode(frame);
      const { id } = frame as { id?: unknown };
      const hasId = Number.isSafeInteger(id) && (id as number) >= 0;
      expect(refused).toMatchObject({ ok: false });
      expect("id" in refused ? refused.id : undefined).toBe(hasId ? id : undefined);
    });

    test("unknown fields are ignored", () => {
      const frame = { type: "ping", id: 5, later: { any: ["thing"] } };
      expect(decode(frame)).toEqual({ ok: true, value: { type: "ping", id: 5 } });
    });

    test("the order of the fields does not matter", () => {
      const frame = { data: "x", id: 5, type: "ping" };
      expect(decode(frame)).toEqual({ ok: true, value: frame });
    });

    test.each([
      ["a frame without a type", {}, "type"],
      ["an unknown type", { type: "welcome" }, "type"],
      ["a type that is inherited by every object", { type: "constructor" }, "type"],
      ["a type that is no string", { type: ["ping"], id: 1 }, "type"],
      ["a frame that is an array", [{ type: "ping", id: 1 }], ""],
      ["a frame that is a text", "ping", ""],
      ["a frame that is null", null, ""],
      ["a ping without an id", { type: "ping" }, "id"],
      ["an id that is text", { type: "ping", id: "1" }, "id"],
      ["a negative id", { type: "ping", id: -1 }, "id"],
      ["an id with a fraction", { type: "ping", id: 1.5 }, "id"],
      ["an unsafe id", { type: "ping", id: 2 ** 53 }, "id"],
      ["an id that is null", { type: "ping", id: null }, "id"],
      ["an ack of nothing", { type: "ack" }, "offsets"],
      ["offsets that are no array", { type: "ack", offsets: { length: 1 } }, "offsets"],
      ["an offset that is text", { type: "ack", offsets: [1, "2"] }, "offsets.1"],
      ["a negative offset", { type: "ack", offsets: [1, 2, -3] }, "offsets.2"],
      ["an unsafe offset", { type: "ack", offsets: [2 ** 60] }, "offsets.0"],
      ["an upTo below zero", { type: "ack", upTo: -1 }, "upTo"],
      ["an upTo that is true", { type: "ack", offsets: [1], upTo: true }, "upTo"],
      ["too many offsets", { type: "ack", offsets: Array(1001).fill(1) }, "offsets"],
      ["a hello without a credential", { type: "hello", device: "d" }, "credential"],
      ["an empty credential", { type: "hello", credential: "", device: "d" }, "credential"],
      ["a long credential", { type: "hello", credential: "c".repeat(8193) }, "credential"],
      ["a hello without a device", { type: "hello", credential: "c" }, "device"],
      ["an empty device", { type: "hello", credential: "c", device: "" }, "device"],
      ["a long device", { type: "hello", credential: "c", device: "d".repeat(129) }, "device"],
      ["a device with a line feed", { type: "hello", credential: "c", device: "a\nb" }, "device"],
      ["a resume that is a number", { ...HELLO, resume: 5 }, "resume"],
      ["a long resume", { ...HELLO, resume: "r".repeat(257) }, "resume"],
      ["an offset below zero", { ...HELLO, offset: -1 }, "offset"],
    ])("%s is refused, and the field named", (_, frame, path) => {
      expect(problemOf(frame).path).toBe(path);
    });

    test("a refusal does not repeat the credential", () => {
      const secret = "very-secret".repeat(1000);
      const { expected, got } = problemOf({ type: "hello", credential: secret, device: "d" });
      expect(expected).toContain("1 to 8192");
      expect(got).toBe(`a string of ${secret.length} characters`);
    });

    test("nesting up to the limit is taken and beyond it refused", () => {
      // The frame is the first level, its data the second.
      const { depthMax } = WIRE_LIMITS;
      expect(decode({ type: "ping", id: 1, data: nested(depthMax - 1) }).ok).toBe(true);
      expect(problemOf({ type: "ping", id: 1, data: nested(depthMax) }).expected).toContain("deep");
      expect(problemOf({ type: "ping", id: 1, later: nested(500) }).expected).toContain("deep");
    });

    test("bytes of nothing at all are refused", () => {
      expect(codec.decode(new ArrayBuffer(0)).ok).toBe(false);
    });

    test.each(FRAMES)("a $type frame can be read by others", (frame) => {
      expect(peer.read(codec.encode(frame))).toEqual(frame);
    });

    test.each(ANSWERS)("an answer can be read by others: %j", (frame) => {
      expect(peer.read(codec.encode(frame))).toEqual(frame);
    });

    test("a publication can be read by others, and its bytes are made once", () => {
      const publication = publicationOf({ payload: '{"n":[1,2.5,"é"]}' });
      const { topic, offset, from } = publication;
      const frame = { type: "publication", topic, offset, from, payload: { n: [1, 2.5, "é"] } };
      const bytes = codec.encodePublication(publication, 0);
      expect(peer.read(bytes)).toEqual(frame);
      expect(codec.encodePublication(publication, 0)).toBe(bytes);
      expect(peer.read(codec.encodePublication(publication, 7))).toEqual({ ...frame, lost: 7 });
      const anonymous = publicationOf({ from: undefined, offset: 5_000_000_000 });
      const read = peer.read(codec.encodePublication(anonymous, 0));
      expect(read).not.toHaveProperty("from");
      expect(read).toHaveProperty("offset", 5_000_000_000);
    });

    test("a pong can be read by others, whatever its data", () => {
      for (const data of [
        undefined,
        null,
        "",
        "é".repeat(40),
        1.25,
        [1, { a: [] }],
        "x".repeat(300),
      ]) {
        for (const id of [0, 127, 128, 255, 256, 65_536, 4_294_967_296, Number.MAX_SAFE_INTEGER]) {
          const expected = data === undefined ? { type: "pong", id } : { type: "pong", id, data };
          expect(peer.read(codec.encodePong(id, data))).toEqual(expected);
        }
      }
    });

    test("a push can be read by others, with its payload as it was", () => {
      const payload = { title: 'A "quote", ünï', list: [1, -2, 2.5, null, true], deep: { a: {} } };
      const push = pushOf({ offset: 300, payload: JSON.stringify(payload) });
      const { id, offset, topic, ack, expiresAt } = push;
      const frame = { type: "push", id, offset, topic, ack, expiresAt, payload };
      expect(peer.read(codec.encodePush(push, false))).toEqual(frame);
      expect(peer.read(codec.encodePush(push, true))).toEqual({ ...frame, redelivered: true });
      expect(peer.read(codec.encodePush(push, false))).toEqual(frame);
    });

    test("a volatile push has no offset, and its bytes are made once", () => {
      const push = pushOf({ offset: undefined, ack: false });
      const bytes = codec.encodePush(push, false);
      expect(codec.encodePush(push, false)).toBe(bytes);
      expect(peer.read(bytes)).not.toHaveProperty("offset");
    });

    test(`${FUZZ_INPUTS} random and damaged inputs are taken or refused, never more`, () => {
      const random = seededRandom(20_260_101);
      for (let round = 0; round < FUZZ_INPUTS; round += 1) {
        const bytes = hostile(random, peer);
        // Compared by hand: a hundred thousand `expect` take longer than what they check.
        const complaint = complaintAbout(bytes);
        if (complaint !== undefined) expect.fail(`${complaint}: ${hex(bytes)}`);
      }
      expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    });
  });
}

const HELLO = { type: "hello", credential: "c", device: "d" };

const FRAMES: readonly ServerFrame[] = [
  {
    type: "welcome",
    session: "s_1",
    resume: "s_1.proof",
    heartbeatMs: 60_000,
    recovered: false,
    gap: { after: 3, upTo: 5_000_000_000 },
    head: 5_000_000_001,
    expiresInMs: 5_000_000_000,
    limits: { frameBytes: 65_536, framesPerSecond: 500 },
  },
  {
    type: "push",
    id: "m1",
    offset: 1,
    topic: "t",
    payload: { a: 1 },
    ack: true,
    expiresAt: 1_800_000_000_000,
  },
  { type: "pong", id: 5_000_000_000, data: "x" },
  { type: "error", code: "protocol.invalid", message: "…", id: 5_000_000_000, retryAfterMs: 10 },
  { type: "kick", code: 4100, reason: "draining", reconnect: true, retryAfterMs: 250 },
];

export function pushOf(overrides: Partial<Push> = {}): Push {
  return {
    id: "push-1",
    offset: 1,
    topic: "news",
    payload: '{"n":1}',
    ack: true,
    expiresAt: 1_800_000_000_000,
    wire: {},
    ...overrides,
  };
}

/** A buffer of exactly these bytes, as a socket hands it over. */
export function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

function nested(levels: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < levels; level += 1) value = level % 2 ? [value] : { in: value };
  return value;
}

/** A valid frame with some bytes changed, cut or added; sometimes only noise. */
function hostile(random: Random, peer: Peer): Uint8Array {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const number = () => pick([0, 1, -1, 1.5, 255, 65_536, 2 ** 31, 2 ** 53, -(2 ** 40), random()]);
  const value = (): unknown =>
    pick([number(), "text", "", null, true, [number()], { a: number() }, "é🙂", undefined]);
  const frame = pick([
    { type: "ping", id: number(), data: value() },
    { type: "ack", offsets: [number(), number(), value()], upTo: number() },
    { type: "ack", offsets: [1, 2, 3] },
    { type: "hello", credential: value(), device: value(), resume: value(), offset: number() },
    { ...pick(REQUESTS), [pick(["id", "to", "topic", "payload", "keepMs", "command"])]: value() },
    JSON.parse('{"type":"ping","id":1,"data":{"__proto__":{"polluted":true}}}'),
    JSON.parse('{"__proto__":{"type":"ping","id":1,"polluted":true}}'),
    value(),
  ]);
  let bytes = Uint8Array.from(peer.write(frame ?? null));
  for (let edits = Math.floor(random() * 4); edits > 0; edits -= 1) {
    const at = Math.floor(random() * (bytes.length + 1));
    const noise = Uint8Array.from({ length: 1 + Math.floor(random() * 6) }, () => random() * 256);
    const [from, to] = pick([
      [at, at],
      [at, at + 1],
      [at, bytes.length],
    ] as const);
    const added = random() < 0.7 ? noise : new Uint8Array(0);
    bytes = Uint8Array.from([...bytes.subarray(0, from), ...added, ...bytes.subarray(to)]);
  }
  return bytes;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
