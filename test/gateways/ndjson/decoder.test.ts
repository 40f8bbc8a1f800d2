import { expect, test } from "vitest";
import { seededRandom } from "../../../src/core/random.ts";
import {
  jsonLines,
  LINE_BYTES_MAX,
  type LineDecoder,
  textLines,
} from "../../../src/gateways/ndjson/decoder.ts";

/** Everything that comes out when the bytes come in pieces of these sizes. */
function decode<T>(decoder: LineDecoder<T>, bytes: Uint8Array, size: () => number) {
  const lines: unknown[] = [];
  const faults: unknown[] = [];
  for (let at = 0; at < bytes.length; ) {
    const next = at + size();
    const batch = decoder.feed(bytes.subarray(at, next));
    lines.push(...batch.lines);
    faults.push(...batch.faults);
    at = next;
  }
  const batch = decoder.finish();
  return { lines: [...lines, ...batch.lines], faults: [...faults, ...batch.faults] };
}

test("a value per line, with its number; blank lines count and a last break is not needed", () => {
  const text = '\ufeff{"a":1}\r\n\n  \n[2]\n"é🎉"';
  const { lines, faults } = decode(jsonLines(), Buffer.from(text), () => 99);
  expect(lines).toEqual([
    { line: 1, value: { a: 1 } },
    { line: 4, value: [2] },
    { line: 5, value: "é🎉" },
  ]);
  expect(faults).toEqual([]);
});

test("bad lines are told and cost nobody else", () => {
  const long = `"${"x".repeat(LINE_BYTES_MAX)}"`;
  const bytes = Buffer.concat([
    Buffer.from(`1\nnope\n${long}\n2\n`),
    Buffer.from([0x22, 0xff, 0x22, 0x0a]),
    Buffer.from("3\n{"),
  ]);
  const { lines, faults } = decode(jsonLines(), bytes, () => 1_000);
  expect(lines).toEqual([1, 2, 3].map((value, n) => ({ line: [1, 4, 6][n], value })));
  expect(faults).toMatchObject([
    { line: 2, expected: "a JSON value", got: "nope" },
    { line: 3, got: `${LINE_BYTES_MAX + 2} bytes` },
    { line: 5, expected: "text in UTF-8" },
    { line: 7, got: "{" },
  ]);
});

test("it does not matter where the bytes are cut", () => {
  const random = seededRandom(3);
  const values = Array.from({ length: 300 }, (_, n) => `{"n":${n},"t":"é🎉${"x".repeat(n % 50)}"}`);
  const bytes = Buffer.from(values.map((it, n) => (n % 9 ? it : `${it.slice(1)}\n`)).join("\n"));
  const whole = decode(jsonLines(), bytes, () => bytes.length);
  expect(whole.faults).toHaveLength(34);
  for (let round = 0; round < 20; round += 1) {
    const max = 1 + Math.floor(random() * 200);
    const cut = decode(jsonLines(), bytes, () => 1 + Math.floor(random() * max));
    expect(cut).toEqual(whole);
  }
});

test("lines of text are trimmed", () => {
  const { lines } = decode(textLines(), Buffer.from(" 17 \r\n\n18"), () => 3);
  expect(lines).toEqual([
    { line: 1, value: "17" },
    { line: 3, value: "18" },
  ]);
});
