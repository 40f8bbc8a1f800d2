/**
 * The rest of the conformance cases: UTF-8, closing, limits. See `conformance.test.ts` for what
 * `cut` and "here:" mean.
 */
import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { maskedFrame, OPCODE } from "../../testkit/raw-socket.ts";
import { testNode } from "./node.ts";
import type { PageConnection } from "./page-client.ts";

const { continuation, text, close, ping } = OPCODE;
const whole = (opcode: number, payload: Uint8Array | string) =>
  maskedFrame(opcode, Buffer.from(payload));
const part = (opcode: number, payload: Uint8Array | string) =>
  maskedFrame(opcode, Buffer.from(payload), opcode);
const closing = (code: number, reason: Uint8Array | string = "") =>
  whole(close, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]));
const hex = (digits: string) => Buffer.from(digits.replaceAll(" ", ""), "hex");
const pingWith = (data: Uint8Array) =>
  Buffer.concat([Buffer.from('{"type":"ping","id":7,"data":"'), data, Buffer.from('"}')]);

async function connected(): Promise<PageConnection> {
  return (await testNode().login("ada")).connection;
}

/** The close code that came after these bytes: `cut` without a close frame, else its code. */
async function endOf(bytes: Uint8Array): Promise<number | "cut" | "no code"> {
  const connection = await connected();
  const before = connection.raw.frames.length;
  connection.raw.write(bytes);
  await connection.closed();
  const last = connection.raw.frames.slice(before).find(({ opcode }) => opcode === close);
  return last === undefined ? "cut" : (connection.closeCode ?? "no code");
}

describe("6 UTF-8", () => {
  test.each([
    ["6.2 two to four bytes", "48 c3 a4 e6 b0 b4 f0 9f 99 82"],
    ["6.5 five Greek letters", "ce ba e1 bd b9 cf 83 ce bc ce b5"],
    ["6.6 the last before the surrogates", "ed 9f bf"],
    ["6.7 the first after them", "ee 80 80"],
    ["6.9 the last of all", "f4 8f bf bf"],
    ["6.11 no characters, but code points", "ef bf be ef bf bf f0 9f bf be"],
    ["6.22 the replacement character", "ef bf bd"],
  ])("%s is taken, whole and in fragments of one byte", async (_, digits) => {
    const connection = await connected();
    const bytes = pingWith(hex(digits));
    connection.raw.write(whole(text, bytes));
    const parts = [...bytes].map((byte, n) => part(n === 0 ? text : continuation, Buffer.of(byte)));
    connection.raw.write(Buffer.concat([...parts, whole(continuation, "")]));
    const expected = hex(digits).toString("utf8");
    await connection.next("pong", 2);
    expect(connection.of("pong").map(({ data }) => data)).toEqual([expected, expected]);
  });

  test.each([
    ["6.3 a surrogate inside a text", "ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64"],
    ["6.8 five and six bytes", "f8 88 80 80 80"],
    ["6.10 beyond the last code point", "f4 90 80 80"],
    ["6.12 a continuation byte alone", "80"],
    ["6.13 a first byte alone", "c3"],
    ["6.14 two of three bytes", "e1 bd"],
    ["6.15 several that lack their end", "c0 e0 80 f0 80 80 f8 80 80 80"],
    ["6.16 the bytes that never are", "fe ff"],
    ["6.17 an overlong slash", "c0 af"],
    ["6.18 an overlong NUL", "e0 80 80"],
    ["6.19 a low surrogate", "ed bf bf"],
    ["6.20 a pair of surrogates", "ed a0 80 ed b0 80"],
    ["6.21 a first byte and a letter", "c3 28"],
  ])("%s is cut, whole and in fragments", async (_, digits) => {
    const bytes = pingWith(hex(digits));
    expect(await endOf(whole(text, bytes))).toBe("cut");
    const middle = bytes.length - 3;
    const parts = [
      part(text, bytes.subarray(0, middle)),
      whole(continuation, bytes.subarray(middle)),
    ];
    expect(await endOf(Buffer.concat(parts))).toBe("cut");
  });

  test("6.1 a ping may stand inside a letter", async () => {
    const connection = await connected();
    const bytes = pingWith(Buffer.from("é"));
    const inside = bytes.indexOf(0xa9);
    const frames = [
      part(text, bytes.subarray(0, inside)),
      whole(ping, Buffer.of(0xc3)),
      whole(continuation, bytes.subarray(inside)),
    ];
    connection.raw.write(Buffer.concat(frames));
    expect(await connection.next("pong")).toMatchObject({ data: "é" });
  });

  test("6.23 a byte order mark is no part of JSON: the frame is malformed", async () => {
    const connection = await connected();
    connection.raw.write(whole(text, Buffer.concat([hex("ef bb bf"), pingWith(hex("61"))])));
    expect((await connection.next("error"))["code"]).toBe("protocol.invalid");
    await connection.ping();
  });

  test("6.4 here: what is no UTF-8 is found when its message ends, not before", async () => {
    const connection = await connected();
    const before = connection.raw.frames.length;
    const bad = pingWith(hex("f4 90 80 80"));
    connection.raw.write(Buffer.concat([part(text, bad), whole(ping, "still here?")]));
    await connection.raw.until(() => connection.raw.frames.length > before);
    expect(connection.raw.frames.at(-1)?.payload.toString()).toBe("still here?");
    connection.raw.write(whole(continuation, ""));
    await connection.closed();
    expect(connection.closeCode).toBe(undefined);
    expect(connection.of("pong")).toEqual([]);
  });
});

describe("7 closing", () => {
  test("7.1 after a close frame nothing is read any more", async () => {
    const connection = await connected();
    const after = [whole(text, pingWith(Buffer.from("late"))), whole(ping, "late"), closing(1001)];
    const before = connection.raw.frames.length;
    connection.raw.write(Buffer.concat([closing(1000), ...after]));
    await connection.closed();
    expect(connection.raw.frames.slice(before).map(({ opcode }) => opcode)).toEqual([close]);
    expect(connection.closeCode).toBe(1000);
  });

  test("7.1 what was sent before a close frame is answered before it", async () => {
    const connection = await connected();
    const before = connection.raw.frames.length;
    const large = whole(text, pingWith(Buffer.alloc(60_000, 0x2a)));
    connection.raw.write(Buffer.concat([large, whole(ping, "p"), closing(1000), whole(ping, "q")]));
    await connection.closed();
    const got = connection.raw.frames.slice(before).map(({ opcode }) => opcode);
    expect(got.at(-1)).toBe(close);
    expect(got.filter((opcode) => opcode === OPCODE.pong)).toHaveLength(1);
  });

  test("7.2 a close frame between fragments is answered, and their message is not", async () => {
    const frames = [part(text, pingWith(Buffer.from("a"))), closing(1000), whole(continuation, "")];
    expect(await endOf(Buffer.concat(frames))).toBe(1000);
  });

  test("7.3 a close frame without a code is answered by one without a code", async () => {
    expect(await endOf(whole(close, ""))).toBe("no code");
  });

  test("7.3 here: a close frame of one byte is answered without a code", async () => {
    expect(await endOf(whole(close, Buffer.of(3)))).toBe("no code");
  });

  test.each([
    ["a reason", "good-bye"],
    ["the longest reason", "*".repeat(123)],
    ["a reason of letters of two to four bytes", "é水🙂"],
  ])("7.3 a close frame with %s is answered with its code", async (_, reason) => {
    expect(await endOf(closing(1000, reason))).toBe(1000);
  });

  test("7.3 a close frame of 126 bytes is cut", async () => {
    expect(await endOf(closing(1000, "*".repeat(124)))).toBe("cut");
  });

  test.each([
    ["holds a surrogate", "ce ba e1 bd b9 ed a0 80"],
    ["ends inside a letter", "e6 b0"],
    ["begins inside a letter", "b0 b4"],
  ])("7.5 here: a reason that %s is answered without a code", async (_, digits) => {
    expect(await endOf(closing(1000, hex(digits)))).toBe("no code");
  });

  test.each([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 4000, 4999])(
    "7.7 the code %d is answered with itself",
    async (code) => {
      expect(await endOf(closing(code))).toBe(code);
    },
  );

  test.each([1012, 1013, 1014, 3000, 3999])(
    "7.7 here: the code %d, registered since, is answered without a code",
    async (code) => {
      expect(await endOf(closing(code))).toBe("no code");
    },
  );

  test.each([0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])(
    "7.9 the code %d, which nobody may send, is answered without a code",
    async (code) => {
      expect(await endOf(closing(code))).toBe("no code");
    },
  );
});

describe("9 limits", () => {
  test("9.1 a message a byte over the limit is closed with 4205", async () => {
    expect(await endOf(whole(text, " ".repeat(65_537)))).toBe(4205);
  });

  test("9.2 a message over twice the limit is cut as soon as its length is read", async () => {
    const header = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 2, 0, 1, 1, 2, 3, 4]);
    expect(await endOf(header)).toBe("cut");
  });

  test("9.3 fragments that together are over twice the limit are cut, unfinished", async () => {
    const parts = [part(text, " ".repeat(60_000))];
    for (let n = 0; n < 3; n += 1) parts.push(part(continuation, " ".repeat(60_000)));
    expect(await endOf(Buffer.concat(parts))).toBe("cut");
  });

  test("9.4 a thousand empty fragments cost nothing", async () => {
    const connection = await connected();
    const empty = Array.from({ length: 1000 }, () => part(continuation, ""));
    const bytes = pingWith(Buffer.from("whole"));
    connection.raw.write(Buffer.concat([part(text, bytes), ...empty, whole(continuation, "")]));
    expect(await connection.next("pong")).toMatchObject({ data: "whole" });
  });
});

describe("10 masks", () => {
  test("10.1 a mask of zeros is a mask", async () => {
    const connection = await connected();
    const bytes = pingWith(Buffer.from("plain"));
    connection.raw.write(Buffer.concat([Buffer.of(0x81, 0x80 | bytes.length, 0, 0, 0, 0), bytes]));
    expect(await connection.next("pong")).toMatchObject({ data: "plain" });
  });

  test("10.2 here: a frame without a mask is read as if it had one, and soon cut", async () => {
    const connection = await connected();
    const bytes = pingWith(Buffer.from("no mask"));
    const bare = Buffer.concat([Buffer.of(0x81, bytes.length), bytes]);
    connection.raw.write(Buffer.concat(Array.from({ length: 20 }, () => bare)));
    await connection.closed();
    expect(connection.of("pong")).toEqual([]);
  });
});
