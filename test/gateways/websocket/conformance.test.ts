/**
 * The cases of a WebSocket conformance suite that matter for a server, in the usual order of such
 * suites: framing, control frames, reserved bits and opcodes, fragments, UTF-8, closing, limits.
 *
 * `text` and `pong` come back where RFC 6455 wants the message taken. Where it wants the connection
 * failed, `cut` is what this server does: it ends at once, without a close frame, which the RFC
 * leaves to it (7.1.7). Cases marked "here:" are where the socket library does other than its most
 * demanding reading of the RFC wants; they hold what happens instead.
 */
import { Buffer } from "node:buffer";
import { pack, unpack } from "msgpackr";
import { describe, expect, test } from "vitest";
import { maskedFrame, OPCODE, type RawFrame } from "../../testkit/raw-socket.ts";
import { testNode } from "./node.ts";
import type { PageConnection } from "./page-client.ts";

const { continuation, text, binary, close, ping, pong } = OPCODE;
const whole = (opcode: number, payload: Uint8Array | string) =>
  maskedFrame(opcode, Buffer.from(payload));
const part = (opcode: number, payload: Uint8Array | string) =>
  maskedFrame(opcode, Buffer.from(payload), opcode);

/** A message of that many bytes, which the gateway answers with its id and data. */
function message(length: number, id = 7): string {
  const empty = JSON.stringify({ type: "ping", id, data: "" }).length;
  return JSON.stringify({ type: "ping", id, data: "*".repeat(length - empty) });
}

const MESSAGE = message(64);

/** A message of that many bytes on a connection of binary. */
function packed(length: number): Buffer {
  const of = (data: string) => pack({ type: "ping", id: 7, data });
  return of("*".repeat(2 * length - of("*".repeat(length)).length));
}

/** A message in fragments, whole, and then a continuation of nothing. */
const WHOLE_THEN_NOTHING = [
  part(text, MESSAGE.slice(0, 9)),
  whole(continuation, MESSAGE.slice(9)),
  part(continuation, "x"),
  whole(continuation, "y"),
];

async function connected(): Promise<PageConnection> {
  return (await testNode().login("ada")).connection;
}

/** What came back of the frames sent before, by the end of a message that is answered last. */
async function answersTo(connection: PageConnection, bytes: Uint8Array): Promise<RawFrame[]> {
  const before = connection.raw.frames.length;
  connection.raw.write(bytes);
  await connection.ping();
  return connection.raw.frames.slice(before, -1);
}

/** Whether the connection ended without another word after these bytes. */
async function isCut(bytes: Uint8Array): Promise<boolean> {
  const connection = await connected();
  const before = connection.raw.frames.length;
  connection.raw.write(Buffer.concat([bytes, whole(text, MESSAGE)]));
  await connection.closed();
  return connection.raw.frames.length === before;
}

describe("1 framing", () => {
  test.each([125, 126, 127, 128, 32_768, 65_535, 65_536])(
    "1.1 a text message of %d bytes is taken whole",
    async (length) => {
      const [answer] = await answersTo(await connected(), whole(text, message(length)));
      const { data } = JSON.parse(answer!.payload.toString()) as { data: string };
      expect(data).toBe((JSON.parse(message(length)) as { data: string }).data);
    },
  );

  test("1.1 a text message of 65 536 bytes in pieces of 997 bytes is taken whole", async () => {
    const connection = await connected();
    connection.raw.socket.setNoDelay(true);
    const bytes = whole(text, message(65_536));
    for (let at = 0; at < bytes.length; at += 997) {
      connection.raw.write(bytes.subarray(at, at + 997));
    }
    expect((await connection.next("pong"))["id"]).toBe(7);
  });

  test("1.1 an empty message is a malformed frame of the protocol, not a broken one", async () => {
    const connection = await connected();
    connection.raw.write(whole(text, ""));
    expect((await connection.next("error"))["code"]).toBe("protocol.invalid");
    await connection.ping();
  });

  test("1.1 a length may be written in more bytes than it needs, here: it is taken", async () => {
    const short = whole(text, MESSAGE);
    const long = Buffer.concat([Buffer.of(short[0]!, 0xfe, 0, MESSAGE.length), short.subarray(2)]);
    const [answer] = await answersTo(await connected(), long);
    expect(answer?.opcode).toBe(text);
  });

  test("1.1 a length of 8 bytes for what 1 can say is taken, too", async () => {
    const short = whole(text, MESSAGE);
    const long = Buffer.concat([
      Buffer.of(short[0]!, 0xff, 0, 0, 0, 0, 0, 0, 0, MESSAGE.length),
      short.subarray(2),
    ]);
    const [answer] = await answersTo(await connected(), long);
    expect(answer?.opcode).toBe(text);
  });

  test.each([125, 126, 127, 128, 32_768, 65_535, 65_536])(
    "1.2 a binary message of %d bytes is taken whole, and in two fragments",
    async (length) => {
      const { connection } = await testNode().login("ada", { encoding: "msgpack" });
      const bytes = packed(length);
      connection.raw.write(whole(binary, bytes));
      connection.raw.write(part(binary, bytes.subarray(0, 99)));
      connection.raw.write(whole(continuation, bytes.subarray(99)));
      await connection.next("pong", 2);
      const lengths = connection.of("pong").map(({ data }) => (data as string).length);
      expect(lengths).toEqual(Array(2).fill((unpack(bytes) as { data: string }).data.length));
    },
  );

  test("1.2 a text message on a connection of binary is closed with 4204", async () => {
    const { connection } = await testNode().login("ada", { encoding: "msgpack" });
    connection.raw.write(whole(text, MESSAGE));
    expect((await connection.closed()).code).toBe(4204);
  });

  test("1.2 a binary message on a connection of text is closed with 4204", async () => {
    const connection = await connected();
    connection.raw.write(whole(binary, MESSAGE));
    expect((await connection.closed()).code).toBe(4204);
  });
});

describe("2 pings and pongs", () => {
  test.each([
    ["2.1 empty", ""],
    ["2.2 of text", "Hello, world"],
    ["2.3 of bytes that are no text", Buffer.from([0, 255, 254, 253, 252, 251, 0, 255])],
    ["2.4 of 125 bytes", Buffer.alloc(125, 0xfe)],
  ])("a ping %s is answered with the same", async (_, payload) => {
    const [answer] = await answersTo(await connected(), whole(ping, payload));
    expect(answer).toEqual({ opcode: pong, payload: Buffer.from(payload) });
  });

  test("2.5 a ping of 126 bytes is cut", async () => {
    expect(await isCut(whole(ping, Buffer.alloc(126, 0x2a)))).toBe(true);
  });

  test.each([
    ["2.5 a ping", ping, [0xfe, 0, 2]],
    ["2.5 a ping, in 8 bytes", ping, [0xff, 0, 0, 0, 0, 0, 0, 0, 2]],
    ["2.5 a close frame", close, [0xfe, 0, 2]],
  ])("%s with a longer form of length than control frames have is cut", async (_, opcode, form) => {
    expect(await isCut(Buffer.of(0x80 | opcode, ...form, 0, 0, 0, 0, 3, 232))).toBe(true);
  });

  test("2.6 a ping of 125 bytes in TCP segments of one byte is answered", async () => {
    const connection = await connected();
    connection.raw.socket.setNoDelay(true);
    const bytes = whole(ping, Buffer.alloc(125, 0x2a));
    for (const byte of bytes.subarray(0, -1)) connection.raw.write(Buffer.of(byte));
    const [answer] = await answersTo(connection, bytes.subarray(-1));
    expect(answer).toEqual({ opcode: pong, payload: Buffer.alloc(125, 0x2a) });
  });

  test.each([
    ["2.7 empty", [whole(pong, "")]],
    ["2.8 with a payload", [whole(pong, "nobody asked")]],
  ])("a pong that nobody asked for, %s, is passed over", async (_, frames) => {
    expect(await answersTo(await connected(), Buffer.concat(frames))).toEqual([]);
  });

  test("2.9 a pong that nobody asked for does not stand for the answer to a ping", async () => {
    const both = Buffer.concat([whole(pong, "unasked"), whole(ping, "asked")]);
    expect(await answersTo(await connected(), both)).toEqual([
      { opcode: pong, payload: Buffer.from("asked") },
    ]);
  });

  test("2.10 ten pings at once are answered by ten pongs in their order", async () => {
    const numbers = Array.from({ length: 10 }, (_, n) => `ping ${n}`);
    const answers = await answersTo(
      await connected(),
      Buffer.concat(numbers.map((number) => whole(ping, number))),
    );
    expect(answers.map(({ opcode }) => opcode)).toEqual(Array(10).fill(pong));
    expect(answers.map(({ payload }) => payload.toString())).toEqual(numbers);
  });
});

describe("3 reserved bits", () => {
  for (const [number, bits] of [1, 2, 3, 4, 5, 6, 7].entries()) {
    for (const [name, opcode] of Object.entries({ text, binary, ping, pong, close })) {
      test(`3.${number + 1} reserved bits ${bits} of a ${name} frame are cut`, async () => {
        const bytes = maskedFrame(opcode, Buffer.from(""), 0x80 | (bits << 4) | opcode);
        expect(await isCut(bytes)).toBe(true);
      });
    }
  }
});

describe("3 reserved bits later in a message", () => {
  test.each([1, 2, 4])("3.8 reserved bits %d of a last fragment are cut", async (bits) => {
    const last = maskedFrame(continuation, Buffer.from("}"), 0x80 | (bits << 4));
    expect(await isCut(Buffer.concat([part(text, "{"), last]))).toBe(true);
  });
});

describe("4 opcodes", () => {
  test.each([3, 4, 5, 6, 7])("4.1 the reserved data opcode %d is cut", async (opcode) => {
    expect(await isCut(whole(opcode, ""))).toBe(true);
    expect(await isCut(whole(opcode, "reserved"))).toBe(true);
    expect(await isCut(part(opcode, "reserved"))).toBe(true);
    expect(await isCut(Buffer.concat([part(text, "{"), whole(opcode, "}")]))).toBe(true);
  });

  test.each([11, 12, 13, 14, 15])("4.2 the reserved control opcode %d is cut", async (opcode) => {
    expect(await isCut(whole(opcode, ""))).toBe(true);
    expect(await isCut(whole(opcode, "reserved"))).toBe(true);
  });
});

describe("5 fragments", () => {
  test.each([
    ["5.1 a ping", [part(ping, "frag"), whole(continuation, "ment")]],
    ["5.2 a pong", [part(pong, "frag"), whole(continuation, "ment")]],
  ])("%s in fragments is cut", async (_, frames) => {
    expect(await isCut(Buffer.concat(frames))).toBe(true);
  });

  test.each<[string, (first: string, second: string) => Buffer[]]>([
    ["5.3 at once", (a, b) => [Buffer.concat([part(text, a), whole(continuation, b)])]],
    ["5.4 one after the other", (a, b) => [part(text, a), whole(continuation, b)]],
    [
      "5.5 byte by byte",
      (a, b) =>
        [...Buffer.concat([part(text, a), whole(continuation, b)])].map((byte) => Buffer.of(byte)),
    ],
  ])("two fragments are one message: %s", async (_, cut) => {
    const connection = await connected();
    connection.raw.socket.setNoDelay(true);
    for (const bytes of cut(MESSAGE.slice(0, 20), MESSAGE.slice(20))) connection.raw.write(bytes);
    expect((await connection.next("pong"))["id"]).toBe(7);
  });

  test.each([
    ["5.6 at once", 1],
    ["5.7 apart", 3],
    ["5.8 byte by byte", Number.POSITIVE_INFINITY],
  ])("a ping between fragments is answered before their message: %s", async (_, writes) => {
    const connection = await connected();
    connection.raw.socket.setNoDelay(true);
    const frames = [
      part(text, MESSAGE.slice(0, 20)),
      whole(ping, "between"),
      whole(continuation, MESSAGE.slice(20)),
    ];
    const before = connection.raw.frames.length;
    if (writes === 1) connection.raw.write(Buffer.concat(frames));
    else if (writes !== frames.length) {
      for (const byte of Buffer.concat(frames)) connection.raw.write(Buffer.of(byte));
    } else for (const frame of frames) connection.raw.write(frame);
    await connection.next("pong");
    expect(connection.raw.frames.slice(before).map(({ opcode }) => opcode)).toEqual([pong, text]);
  });

  test.each<[string, Buffer[]]>([
    ["5.9 a last fragment of nothing", [whole(continuation, MESSAGE)]],
    ["5.10 a first fragment of nothing", [part(continuation, MESSAGE)]],
    ["5.12 a fragment after the last", [whole(text, MESSAGE), part(continuation, "x")]],
    ["5.15 two messages, the second begun by a continuation", WHOLE_THEN_NOTHING],
    ["5.16 a continuation of nothing, twice", [part(continuation, "x"), ...WHOLE_THEN_NOTHING]],
    ["5.17 a last fragment of nothing, then a message", [whole(continuation, ""), whole(text, "")]],
    ["5.18 a text inside a text", [part(text, "frag"), whole(text, "ment")]],
  ])("%s is cut", async (_, frames) => {
    const connection = await connected();
    connection.raw.write(Buffer.concat([...frames, whole(text, message(64, 8))]));
    await connection.closed();
    expect(connection.closeCode).toBe(undefined);
    expect(connection.of("pong").map(({ id }) => id)).not.toContain(8);
  });

  test("5.18 here: a binary message inside a text is closed as the wrong kind", async () => {
    const connection = await connected();
    connection.raw.write(Buffer.concat([part(text, MESSAGE), whole(binary, "x")]));
    expect((await connection.closed()).code).toBe(4204);
  });

  test("5.18 here: a binary message inside another is taken for its last fragment", async () => {
    const { connection } = await testNode().login("ada", { encoding: "msgpack" });
    const bytes = packed(64);
    connection.raw.write(part(binary, bytes.subarray(0, 30)));
    connection.raw.write(whole(binary, bytes.subarray(30)));
    expect(await connection.next("pong")).toMatchObject({ id: 7 });
    // What follows of the first one is a message of its own.
    connection.raw.write(whole(continuation, bytes));
    await connection.next("pong", 2);
    await connection.ping();
  });

  test("5.11 a first fragment of nothing is cut byte by byte as well", async () => {
    const connection = await connected();
    connection.raw.socket.setNoDelay(true);
    const before = connection.raw.frames.length;
    for (const byte of part(continuation, MESSAGE)) connection.raw.write(Buffer.of(byte));
    await connection.closed();
    expect(connection.raw.frames).toHaveLength(before);
  });

  test("5.20 65 536 bytes in fragments of 1300 are taken, with pings between", async () => {
    const connection = await connected();
    const bytes = Buffer.from(message(65_536));
    const before = connection.raw.frames.length;
    let pings = 0;
    for (let at = 0; at < bytes.length; at += 1300) {
      const piece = bytes.subarray(at, at + 1300);
      const opcode = at === 0 ? text : continuation;
      connection.raw.write(at + 1300 < bytes.length ? part(opcode, piece) : whole(opcode, piece));
      if (at % 13_000 !== 0) continue;
      connection.raw.write(whole(ping, String(at)));
      pings += 1;
    }
    await connection.next("pong");
    const opcodes = connection.raw.frames.slice(before).map(({ opcode }) => opcode);
    expect(opcodes).toEqual([...Array(pings).fill(pong), text]);
  });

  test("5.19 pings among five fragments are answered, and the message is whole", async () => {
    const connection = await connected();
    const before = connection.raw.frames.length;
    const [a, b, c, d, e] = [0, 10, 20, 30, 40].map((at, n, all) => MESSAGE.slice(at, all[n + 1]));
    const frames = [
      part(text, a!),
      part(continuation, b!),
      whole(ping, "pongme 1!"),
      part(continuation, c!),
      part(continuation, d!),
      whole(ping, "pongme 2!"),
      whole(continuation, e!),
    ];
    connection.raw.write(Buffer.concat(frames));
    expect(await connection.next("pong")).toMatchObject({ id: 7 });
    const got = connection.raw.frames.slice(before);
    expect(got.map(({ opcode }) => opcode)).toEqual([pong, pong, text]);
    expect(got[1]?.payload.toString()).toBe("pongme 2!");
  });
});
