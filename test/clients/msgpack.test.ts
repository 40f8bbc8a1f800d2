import { Packr } from "msgpackr";
import { describe, expect, test } from "vitest";
import { decodeMsgpack, encodeMsgpack } from "../../clients/js/src/msgpack.ts";
import { type Random, seededRandom } from "../../src/core/random.ts";

const SEED = 20_261;
const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: "number" });

/** Numbers at and beside every limit of every integer type. */
const EDGES = [7, 8, 15, 16, 31, 32, 53].flatMap((bits) =>
  [-2, -1, 0, 1].flatMap((near) => [2 ** bits + near, -(2 ** bits) + near]),
);

describe("against another implementation", () => {
  test("what msgpackr writes is read as what it was", () => {
    const random = seededRandom(SEED);
    for (let n = 0; n < 10_000; n += 1) {
      const value = randomValue(random, 0);
      expect(decodeMsgpack(packr.pack(value))).toEqual(value);
    }
  });

  test("what is written is read by msgpackr as what it was", () => {
    const random = seededRandom(SEED + 1);
    for (let n = 0; n < 10_000; n += 1) {
      const value = randomValue(random, 0);
      expect(packr.unpack(encodeMsgpack(value))).toEqual(value);
    }
  });

  test("every length of text, bytes, arrays and maps around a change of form goes through", () => {
    for (const length of [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
      const keys = Array.from({ length }, (_, n) => [`k${n}`, n] as const);
      const bytes = new Uint8Array(length).fill(200);
      const values = ["x".repeat(length), "é".repeat(length), keys.map(([, n]) => n), bytes];
      for (const value of [...values, Object.fromEntries(keys)]) {
        expect(same(decodeMsgpack(encodeMsgpack(value)), value)).toBe(true);
        expect(same(packr.unpack(encodeMsgpack(value)), value)).toBe(true);
        expect(same(decodeMsgpack(packr.pack(value)), value)).toBe(true);
      }
    }
  });
});

test("numbers keep their value at every limit of every type", () => {
  const safe = EDGES.filter((edge) => Math.abs(edge) <= 2 ** 53);
  for (const value of [...safe, 0, -0, 0.5, -1.25e300, 5e-324, 2 ** 60]) {
    expect(Object.is(decodeMsgpack(encodeMsgpack(value)), value)).toBe(true);
  }
});

test("integers take as few bytes as they need", () => {
  const sizes = [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, -1, -32, -33, -129];
  expect(sizes.map((value) => encodeMsgpack(value).length)).toEqual([
    1, 1, 2, 2, 3, 3, 5, 5, 9, 1, 1, 2, 3,
  ]);
});

test("every form of a number that the specification has is read", () => {
  expect(decodeMsgpack(new Uint8Array([0xca, 0x3f, 0xc0, 0, 0]))).toBe(1.5);
  expect(decodeMsgpack(new Uint8Array([0xd3, 255, 255, 255, 255, 255, 255, 255, 254]))).toBe(-2);
  expect(decodeMsgpack(new Uint8Array([0xcf, 0, 0, 0, 1, 0, 0, 0, 0]))).toBe(2 ** 32);
  expect(decodeMsgpack(new Uint8Array([0xd0, 0x80]))).toBe(-128);
});

test("an integer that a number cannot hold exactly is refused", () => {
  const tooLarge = new Uint8Array([0xcf, 0, 32, 0, 0, 0, 0, 0, 0]);
  expect(() => decodeMsgpack(tooLarge)).toThrow("9007199254740992 is not a safe integer");
  const tooSmall = new Uint8Array([0xd3, 128, 0, 0, 0, 0, 0, 0, 0]);
  expect(() => decodeMsgpack(tooSmall)).toThrow(RangeError);
});

test("undefined is left out of maps and is nil elsewhere, as JSON has it", () => {
  expect(decodeMsgpack(encodeMsgpack({ a: undefined, b: [undefined], c: null }))).toEqual({
    b: [null],
    c: null,
  });
});

test("what no frame can hold is refused by name", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1n, () => 1, Symbol("s")]) {
    expect(() => encodeMsgpack({ value })).toThrow("no place in a frame");
  }
  for (const value of [new Date(0), new Map(), /x/]) {
    expect(() => encodeMsgpack(value)).toThrow("only arrays, plain objects and Uint8Array");
  }
});

test("extension types, keys that are not text and text that is not UTF-8 are refused", () => {
  const extensions = [0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8];
  for (const type of extensions) {
    const bytes = new Uint8Array([type, 1, 1, 1, 1, 1]);
    expect(() => decodeMsgpack(bytes)).toThrow(`type 0x${type.toString(16)} has no place`);
  }
  expect(() => decodeMsgpack(new Uint8Array([0x81, 1, 1]))).toThrow("a map key is not a string");
  expect(() => decodeMsgpack(new Uint8Array([0xa1, 0xff]))).toThrow(TypeError);
});

test("a map cannot change a prototype", () => {
  const decoded = decodeMsgpack(encodeMsgpack(JSON.parse('{"__proto__":{"admin":true}}')));
  expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
  expect(JSON.stringify(decoded)).toBe('{"__proto__":{"admin":true}}');
});

test("nesting is limited in both directions, before the stack is", () => {
  const nested = (depth: number): unknown => (depth === 0 ? [] : [nested(depth - 1)]);
  expect(decodeMsgpack(encodeMsgpack(nested(99)))).toEqual(nested(99));
  expect(() => encodeMsgpack(nested(100))).toThrow("more than 100 deep");
  expect(() => decodeMsgpack(new Uint8Array(100_000).fill(0x91))).toThrow("more than 100 deep");
});

test("every cut of a message is refused, and so is what follows one", () => {
  const random = seededRandom(SEED + 2);
  for (let n = 0; n < 150; n += 1) {
    const bytes = encodeMsgpack(randomValue(random, 0));
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeMsgpack(bytes.subarray(0, length))).toThrow(RangeError);
    }
    const longer = new Uint8Array([...bytes, 0]);
    expect(() => decodeMsgpack(longer)).toThrow("1 bytes after the value");
  }
});

test("a length far beyond the message is refused without taking memory for it", () => {
  for (const type of [0xc6, 0xdb, 0xdd, 0xdf]) {
    const bytes = new Uint8Array([type, 0xff, 0xff, 0xff, 0xff, 1]);
    expect(() => decodeMsgpack(bytes)).toThrow("cut short");
  }
});

test("random bytes give a value or a RangeError or TypeError, and nothing else", () => {
  const random = seededRandom(SEED + 3);
  let read = 0;
  for (let n = 0; n < 100_000; n += 1) {
    const length = Math.floor(random() * 24);
    const bytes = Uint8Array.from({ length }, () => Math.floor(random() * 256));
    try {
      decodeMsgpack(bytes);
      read += 1;
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
    }
  }
  expect(read).toBeGreaterThan(1_000);
});

test("bytes are copied, also out of a Buffer", () => {
  const message = Buffer.from(encodeMsgpack(new Uint8Array([1, 2, 3])));
  const decoded = decodeMsgpack(message);
  message.fill(9);
  expect(decoded).toEqual(new Uint8Array([1, 2, 3]));
});

function randomValue(random: Random, depth: number): unknown {
  const pick = <Value>(values: readonly Value[]): Value =>
    values[Math.floor(random() * values.length)]!;
  const many = (): number => Math.floor(random() ** 3 * (depth === 0 ? 40 : 8));
  switch (Math.floor(random() * (depth > 4 ? 6 : 8))) {
    case 0:
      return pick([null, true, false]);
    case 1:
      return pick(EDGES.filter(Number.isSafeInteger));
    case 2:
      return Math.floor((random() - 0.5) * 2 ** Math.floor(random() * 54));
    case 3:
      return (random() - 0.5) * 10 ** Math.floor(random() * 300);
    case 4:
      return pick(["a", "é", "漢", "🚀", "\u0000"]).repeat(many());
    case 5:
      return "plain text ".repeat(many());
    case 6:
      return Array.from({ length: many() }, () => randomValue(random, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: many() }, (_, n) => [`key ${n}`, randomValue(random, depth + 1)]),
      );
  }
}

/** `toEqual` takes seconds for the large ones. */
function same(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return JSON.stringify(a) === JSON.stringify(b);
}
