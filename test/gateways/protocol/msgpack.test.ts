import { Packr, Unpackr } from "msgpackr";
import { expect, test } from "vitest";
import { seededRandom } from "../../../src/core/random.ts";
import { msgpackCodec } from "../../../src/gateways/protocol/msgpack.ts";
import { readMsgpack } from "../../../src/gateways/protocol/msgpack-reader.ts";
import { bufferOf, codecConformance, pushOf } from "../../conformance/codec.ts";

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: "number" });
const write = (value: unknown): Uint8Array => Uint8Array.from(packr.pack(value));

codecConformance("the MessagePack codec", msgpackCodec, {
  write,
  read: (encoded) => unpackr.unpack(encoded as Uint8Array) as unknown,
});

const read = (...bytes: number[]): unknown => readMsgpack(Uint8Array.from(bytes).buffer);

test("every form that the specification has for the JSON model is read", () => {
  expect(read(0xcc, 200)).toBe(200);
  expect(read(0xcd, 0xff, 0xfe)).toBe(65_534);
  expect(read(0xce, 0xff, 0xff, 0xff, 0xff)).toBe(4_294_967_295);
  expect(read(0xcf, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)).toBe(Number.MAX_SAFE_INTEGER);
  expect(read(0xd0, 0x80)).toBe(-128);
  expect(read(0xd1, 0x80, 0)).toBe(-32_768);
  expect(read(0xd2, 0x80, 0, 0, 0)).toBe(-2_147_483_648);
  expect(read(0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)).toBe(-1);
  expect(read(0xd3, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 0)).toBe(-(2 ** 33));
  expect(read(0xff)).toBe(-1);
  expect(read(0xe0)).toBe(-32);
  expect(read(0xca, 0x3f, 0xc0, 0, 0)).toBe(1.5);
  expect(read(0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0)).toBe(1.5);
  expect(read(0xc0)).toBe(null);
  expect(read(0xd9, 1, 97)).toBe("a");
  expect(read(0xda, 0, 1, 97)).toBe("a");
  expect(read(0xdb, 0, 0, 0, 1, 97)).toBe("a");
  expect(read(0xdc, 0, 1, 0xc3)).toEqual([true]);
  expect(read(0xdd, 0, 0, 0, 1, 0xc2)).toEqual([false]);
  expect(read(0xde, 0, 1, 0xa1, 97, 1)).toEqual({ a: 1 });
  expect(read(0xdf, 0, 0, 0, 1, 0xa1, 97, 1)).toEqual({ a: 1 });
});

test.each([
  ["an integer beyond 2^53", [0xcf, 0, 0x20, 0, 0, 0, 0, 0, 0]],
  ["an integer below -2^53", [0xd3, 0xff, 0xd0, 0, 0, 0, 0, 0, 0]],
  ["not a number", [0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]],
  ["infinity", [0xca, 0x7f, 0x80, 0, 0]],
  ["the unused byte", [0xc1]],
  ["binary", [0xc4, 1, 0]],
  ["an extension", [0xd4, 1, 0]],
  ["a record of msgpackr", [0xd4, 0x72, 0x40]],
  ["a key that is no string", [0x81, 1, 1]],
  ["a key __proto__", [0x81, 0xa9, ...Buffer.from("__proto__"), 0x80]],
  ["a string that is not UTF-8", [0xa2, 0xc3, 0x28]],
  ["a value and one more", [1, 1]],
  ["an array of four billion", [0xdd, 0xff, 0xff, 0xff, 0xff]],
  ["a map of four billion", [0xdf, 0xff, 0xff, 0xff, 0xff]],
  ["a string of four billion", [0xdb, 0xff, 0xff, 0xff, 0xff]],
  ["a number cut short", [0xce, 0, 0]],
])("%s is refused", (_, bytes) => {
  expect(() => read(...bytes)).toThrow();
});

test("what msgpackr writes of the JSON model is read as it was", () => {
  const random = seededRandom(11);
  const value = (depth: number): unknown => {
    const kind = Math.floor(random() * (depth > 3 ? 6 : 8));
    const length = Math.floor(random() * 20);
    switch (kind) {
      case 0:
        return Math.floor((random() - 0.5) * 2 ** Math.floor(random() * 54));
      case 1:
        return random() * 1e9;
      case 2:
        return "é🙂a".repeat(length);
      case 3:
        return "plain ".repeat(length);
      case 4:
        return random() < 0.5;
      case 5:
        return null;
      case 6:
        return Array.from({ length }, () => value(depth + 1));
      default:
        return Object.fromEntries(Array.from({ length }, (_, at) => [`k${at}`, value(depth + 1)]));
    }
  };
  for (let round = 0; round < 100; round += 1) {
    const original = value(0);
    expect(readMsgpack(bufferOf(write(original)))).toEqual(original);
  }
});

test("the protocol's own integers are written as integers, however large", () => {
  const bytes = Buffer.from(
    msgpackCodec.encodePush(pushOf({ offset: 5_000_000_000, expiresAt: 1_800_000_000_000 }), false),
  );
  const after = (name: string) => bytes[bytes.indexOf(name) + name.length];
  expect(after("offset")).toBe(0xcf);
  expect(after("expiresAt")).toBe(0xcf);
});

test("the payload of a user's push is converted once for all devices of the user", () => {
  const push = pushOf({ offset: 7 });
  msgpackCodec.encodePush(push, false);
  const { msgpack } = push.wire;
  msgpackCodec.encodePush(push, true);
  expect(push.wire.msgpack).toBe(msgpack);
});
