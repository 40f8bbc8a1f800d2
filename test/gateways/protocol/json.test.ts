import { expect, test } from "vitest";
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
