import { expect, test } from "vitest";
import { seededRandom } from "../../../src/core/random.ts";
import { jsonCodec } from "../../../src/gateways/protocol/json.ts";
import { codecConformance } from "../../conformance/codec.ts";

codecConformance("the JSON codec", jsonCodec, {
  write: (value) => Buffer.from(JSON.stringify(value)),
  read: (encoded) => JSON.parse(Buffer.from(encoded).toString("utf8")) as unknown,
});

const decode = (text: string | Buffer) => {
  const bytes = Uint8Array.from(Buffer.from(text));
  return jsonCodec.decode(bytes.buffer);
};

const readable = (result: ReturnType<typeof decode>): string =>
  JSON.stringify(result.ok ? result.value : result.error.problems);

test("the short way and the long way read the same", () => {
  const random = seededRandom(7);
  const alphabet = [
    '"',
    "\\",
    "}",
    "]",
    ",",
    ":",
    "0",
    "1",
    "9",
    "a",
    " ",
    "é",
    "\n",
    "-",
    ".",
    "e",
  ];
  const shapes = [
    ['{"type":"ping","id":', "}"],
    ['{"type":"ping","id":1,"data":"', '"}'],
    ['{"type":"ack","upTo":', "}"],
    ['{"type":"ack","offsets":[', "]}"],
    ['{"type":"ack","offsets":[1,', "]}"],
  ] as const;
  for (let round = 0; round < 50_000; round += 1) {
    const [head, tail] = shapes[Math.floor(random() * shapes.length)]!;
    let middle = "";
    for (let length = Math.floor(random() * 18); length > 0; length -= 1) {
      middle += alphabet[Math.floor(random() * alphabet.length)];
    }
    const text = head + middle + tail;
    // A space makes it go the long way.
    const [short, long] = [decode(text), decode(` ${text}`)].map(readable);
    if (short !== long) expect(short, text).toBe(long);
  }
});

test("bytes that are not UTF-8 are refused, and so is a byte order mark", () => {
  expect(decode(Buffer.from([0x22, 0xff, 0x22])).ok).toBe(false);
  expect(decode('\uFEFF{"type":"ping","id":1}').ok).toBe(false);
});

test("a key __proto__ is refused on every level, also when it is escaped", () => {
  expect(decode('{"type":"ping","id":1,"__proto__":{}}').ok).toBe(false);
  expect(decode('{"type":"ping","id":1,"data":[{"\\u005f_proto__":{}}]}').ok).toBe(false);
});

test("a text nested to the limit of a frame is refused without harm", () => {
  const deep = "[".repeat(30_000) + "]".repeat(30_000);
  expect(decode(`{"type":"ping","id":1,"data":${deep}}`).ok).toBe(false);
  expect(decode(deep).ok).toBe(false);
});

test("a number beyond a double is refused on every level, instead of coming back as null", () => {
  expect(decode('{"type":"ping","id":1,"data":1e400}').ok).toBe(false);
  expect(decode('{"type":"ping","id":1,"data":[{"a":-1e400}]}').ok).toBe(false);
  expect(decode('{"type":"ping","id":1,"later":1e400}').ok).toBe(false);
  expect(decode('{"type":"ping","id":1,"data":1e308}').ok).toBe(true);
});
