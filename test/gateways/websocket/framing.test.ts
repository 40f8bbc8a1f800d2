/** What RFC 6455 allows is taken, and what it forbids ends the connection and nothing else. */
import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { type Labels, noMetrics } from "../../../src/core/metrics.ts";
import { maskedFrame, OPCODE } from "../../testkit/raw-socket.ts";
import { testNode } from "./node.ts";

const { continuation, text, close, ping, pong } = OPCODE;
const PING = Buffer.from('{"type":"ping","id":5,"data":"é"}');
/** Inside the two bytes of the letter. */
const INSIDE = PING.indexOf(0xa9);

const part = (opcode: number, payload: Uint8Array) => maskedFrame(opcode, payload, opcode);
const whole = (opcode: number, payload: Uint8Array | string) =>
  maskedFrame(opcode, Buffer.from(payload));
const reserved = (bit: number) => maskedFrame(text, PING, 0x80 | bit | text);
const closing = (code: number, reason: Uint8Array = Buffer.alloc(0)) =>
  whole(close, Buffer.concat([Buffer.from([code >> 8, code & 255]), reason]));
const unmasked = (opcode: number, payload: Uint8Array) =>
  Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload]);
/** A header that claims a length of 64 bits, and some bytes after it. */
const claiming = (length: bigint) => {
  const header = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6]);
  header.writeBigUInt64BE(length, 2);
  return header;
};

test.each<[string, Buffer[]]>([
  [
    "three fragments, cut inside a letter",
    [
      part(text, PING.subarray(0, 3)),
      part(continuation, PING.subarray(3, INSIDE)),
      whole(continuation, PING.subarray(INSIDE)),
    ],
  ],
  ["empty fragments", [part(text, Buffer.alloc(0)), part(0, Buffer.alloc(0)), whole(0, PING)]],
  ["one fragment per byte", [...PING].map((byte, n) => part(n === 0 ? text : 0, Buffer.of(byte)))],
])("a message may come in fragments: %s", async (_, frames) => {
  const node = testNode();
  const { connection } = await node.login("ada");
  connection.raw.write(Buffer.concat(frames));
  // The last of the fragments per byte has no end: an empty one gives it.
  if (frames.length === PING.length) connection.raw.write(whole(continuation, ""));
  expect(await connection.next("pong")).toEqual({ type: "pong", id: 5, data: "é" });
});

test("a message may come in TCP segments of one byte", async () => {
  const { connection } = await testNode().login("ada");
  connection.raw.socket.setNoDelay(true);
  for (const byte of whole(text, PING)) connection.raw.write(Buffer.of(byte));
  expect((await connection.next("pong"))["id"]).toBe(5);
});

test("control frames between fragments are answered before the message", async () => {
  const { connection } = await testNode().login("ada");
  const longest = "p".repeat(125);
  connection.raw.write(
    Buffer.concat([
      part(text, PING.subarray(0, 9)),
      whole(ping, longest),
      whole(pong, "nobody asked"),
      whole(ping, ""),
      whole(continuation, PING.subarray(9)),
    ]),
  );
  await connection.next("pong");
  const [first, second, third] = connection.raw.frames.slice(-3);
  expect([first, second].map((frame) => frame?.opcode)).toEqual([pong, pong]);
  expect([first, second].map((frame) => frame?.payload.toString())).toEqual([longest, ""]);
  expect(third?.opcode).toBe(text);
});

test.each<[string, Buffer]>([
  ["a control frame that is too long", whole(ping, "x".repeat(126))],
  ["a fragmented ping", part(ping, Buffer.from("x"))],
  ["a fragmented close", part(close, Buffer.from([3, 232]))],
  ["a close that is too long", closing(1000, Buffer.alloc(124, 0x78))],
  ["a continuation of nothing", whole(continuation, PING)],
  ["a message inside another", Buffer.concat([part(text, PING), whole(text, PING)])],
  ["text that is not UTF-8", whole(text, Buffer.from([0x22, 0xc3, 0x28, 0x22]))],
  ["text that ends inside a letter", whole(text, PING.subarray(0, INSIDE))],
  ["a surrogate in UTF-8", whole(text, Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))],
  ["an overlong letter", whole(text, Buffer.from([0x22, 0xc0, 0xaf, 0x22]))],
  [
    "fragments that together are not UTF-8",
    Buffer.concat([part(text, Buffer.from([0x22, 0xc3])), whole(0, Buffer.from([0x28, 0x22]))]),
  ],
  ["reserved bit 1, that is compression", reserved(0x40)],
  ["reserved bit 2", reserved(0x20)],
  ["reserved bit 3", reserved(0x10)],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): [string, Buffer] => [
    `opcode ${opcode}`,
    whole(opcode, PING),
  ]),
  ["a length of 2^63", claiming(2n ** 63n)],
  ["a length of 2^32 + 5", claiming(2n ** 32n + 5n)],
  ["a length of 2^64 - 1", claiming(2n ** 64n - 1n)],
])("a broken frame ends the connection without a word: %s", async (_, bytes) => {
  const node = testNode();
  const device = await node.login("ada");
  await node.push("ada", { n: 1 });
  await device.pushes(1);
  const frames = device.connection.raw.frames.length;
  device.connection.raw.write(Buffer.concat([bytes, whole(text, PING)]));
  expect((await device.connection.closed()).code).toBe(undefined);
  expect(device.connection.raw.frames).toHaveLength(frames);
  // It was no good-bye: the session is still there.
  const { session } = await device.connection.next("welcome");
  expect((await device.connect())["session"]).toBe(session);
  await node.serves();
});

test.each([
  [1000, 1000],
  [1001, 1001],
  [1003, 1003],
  [4999, 4999],
  [0, undefined],
  [999, undefined],
  [1004, undefined],
  [1005, undefined],
  [1006, undefined],
  [1015, undefined],
  [5000, undefined],
  [65_535, undefined],
])("a close frame with code %d is answered, with the code if it is one", async (code, answer) => {
  const node = testNode();
  const { connection } = await node.login("ada");
  connection.raw.write(Buffer.concat([closing(code), whole(text, PING)]));
  expect((await connection.closed()).code).toBe(answer);
  expect(connection.raw.frames.at(-1)?.opcode).toBe(close);
  expect(connection.of("pong")).toEqual([]);
  expect(node.gateway.connections).toBe(0);
});

test.each<[string, Buffer]>([
  ["of half a code", whole(close, Buffer.of(3))],
  ["with a reason that is not UTF-8", closing(1000, Buffer.from([0xff, 0xfe]))],
])("a close frame %s is no good-bye", async (_, bytes) => {
  const node = testNode();
  const device = await node.login("ada");
  const { session } = await device.connection.next("welcome");
  device.connection.raw.write(bytes);
  expect((await device.connection.closed()).code).toBe(undefined);
  expect((await device.connect())["session"]).toBe(session);
});

test("what is not masked is never understood, and soon ends the connection", async () => {
  const node = testNode();
  const device = await node.login("ada");
  await node.push("ada", { n: 1 });
  await device.pushes(1);
  const ack = Buffer.from('{"type":"ack","upTo":1}');
  const many = Array.from({ length: 20 }, () => unmasked(text, ack));
  device.connection.raw.write(Buffer.concat(many));
  await device.connection.closed();
  expect(await node.inbox.ledger("push")).toMatchObject({ acked: 0, pending: 1 });
  await node.serves();
});

test("bytes of another protocol after the upgrade end the connection", async () => {
  const node = testNode();
  for (const bytes of ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00"]) {
    const connection = await node.open();
    connection.raw.write(Buffer.from(bytes.repeat(50), "latin1"));
    await connection.closed();
  }
  expect(node.gateway.connections).toBe(0);
  await node.serves();
});

test("ends are counted by their reason, also where the socket library makes them", async () => {
  const ends: string[] = [];
  const metrics = {
    ...noMetrics,
    counter: (name: string, _help: string, labels: Labels = {}) => ({
      add: () => void (name === "herald_ws_closes_total" && ends.push(labels["reason"]!)),
    }),
  };
  const node = testNode({ metrics });
  const endings: readonly [reason: string, bytes: Buffer][] = [
    ["good-bye", closing(1000)],
    ["going-away", closing(1001)],
    ["other", closing(4000)],
    ["other", whole(close, Buffer.of(3))],
    ["invalid-frame", reserved(0x40)],
    ["invalid-frame", whole(text, Buffer.of(0xff))],
    ["invalid-frame", whole(OPCODE.binary, "x")],
    ["too-large", claiming(2n ** 40n)],
    ["too-large", whole(text, " ".repeat(65_537))],
  ];
  for (const [, bytes] of endings) {
    const { connection } = await node.login("ada");
    connection.raw.write(bytes);
    await connection.closed();
  }
  expect(ends).toEqual(endings.map(([reason]) => reason));
});
