import { expect, test } from "vitest";
import { seededRandom } from "../../../src/core/random.ts";
import type { CsvBatch, CsvRow } from "../../../src/gateways/csv/decoder.ts";
import { CsvDecoder, RECORD_BYTES_MAX } from "../../../src/gateways/csv/decoder.ts";

function decode(input: string | Uint8Array, sizes: () => number = () => 1 << 20): CsvBatch {
  const bytes = typeof input === "string" ? Buffer.from(input) : input;
  const decoder = new CsvDecoder();
  const batches: CsvBatch[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = sizes();
    batches.push(decoder.feed(bytes.subarray(at, at + size)));
    at += size;
  }
  batches.push(decoder.finish());
  return {
    rows: batches.flatMap(({ rows }) => rows),
    problems: batches.flatMap(({ problems }) => problems),
  };
}

const plain = (rows: readonly CsvRow[]): unknown[] =>
  rows.map(({ line, fields }) => [line, fields]);

test("each line is a record with its number", () => {
  expect(plain(decode("member,name\na,Ann\nb,Bob\n").rows)).toEqual([
    [1, ["member", "name"]],
    [2, ["a", "Ann"]],
    [3, ["b", "Bob"]],
  ]);
});

test("a byte order mark, CRLF, blank lines and a missing last line break are tolerated", () => {
  expect(plain(decode("\u{feff}id\r\n\r\na\r\n\nb").rows)).toEqual([
    [1, ["id"]],
    [3, ["a"]],
    [5, ["b"]],
  ]);
});

test("a quoted field may hold commas, quotes and line breaks", () => {
  expect(plain(decode('a,"x, ""y"""\n"b\nc",z\n"",""\n').rows)).toEqual([
    [1, ["a", 'x, "y"']],
    [2, ["b\nc", "z"]],
    [4, ["", ""]],
  ]);
});

test("an unbalanced quote costs its own line and no other", () => {
  const { rows, problems } = decode('a,1\nb,"2\nc,3\nd,4\n');
  expect(plain(rows)).toEqual([
    [1, ["a", "1"]],
    [3, ["c", "3"]],
    [4, ["d", "4"]],
  ]);
  expect(problems).toEqual([{ line: 2, field: "", expected: "a closing quote", got: 'b,"2' }]);
});

test("an unbalanced quote does not swallow the lines up to the next quoted one", () => {
  const { rows, problems } = decode('b,"2\nc,3\nd,"4"\n"e\ne",5\nf,"6"\n');
  expect(rows.map(({ line }) => line)).toEqual([2, 3, 4, 6]);
  expect(problems.map(({ line }) => line)).toEqual([1]);
});

test("quotes in the middle of a field are an error of that line", () => {
  const { rows, problems } = decode('a,1\nb,x"y"z\nc,"3"\nd,"4"x\n');
  expect(rows.map(({ line }) => line)).toEqual([1, 3]);
  expect(problems.map(({ line }) => line)).toEqual([2, 4]);
});

test("a line that is no UTF-8 is an error of that line", () => {
  const bytes = Buffer.concat([Buffer.from("a\nb"), Buffer.from([0xff]), Buffer.from("\nç\n")]);
  const { rows, problems } = decode(bytes);
  expect(plain(rows)).toEqual([
    [1, ["a"]],
    [3, ["ç"]],
  ]);
  expect(problems).toEqual([{ line: 2, field: "", expected: "valid UTF-8", got: "b\u{fffd}" }]);
});

test("a line over 64 KiB is an error of that line, and is not held in memory", () => {
  const long = "x".repeat(RECORD_BYTES_MAX * 4);
  for (const size of [1 << 20, 10_000]) {
    const { rows, problems } = decode(
      `a\n${long}\nb\n${"y".repeat(RECORD_BYTES_MAX)}\n`,
      () => size,
    );
    expect(rows.map(({ line }) => line)).toEqual([1, 3, 4]);
    expect(problems).toEqual([
      { line: 2, field: "", expected: "at most 65536 bytes", got: `${long.length} bytes` },
    ]);
  }
});

test("a quote that is not closed within 64 KiB gives its lines back", () => {
  const lines = Array.from({ length: 10_000 }, (_, index) => `user-${index},x`);
  const { rows, problems } = decode(`a,"open\n${lines.join("\n")}\n`, () => 4_096);
  expect(rows.length).toBe(10_000);
  expect(problems.map(({ line }) => line)).toEqual([1]);
});

test("the result does not depend on where chunks are cut", () => {
  const random = seededRandom(20_261);
  const pieces = [
    "a,b",
    "é,日本",
    '"q","👍"',
    '"two\nlines",x',
    '"bad',
    'x"y',
    "",
    "a\r",
    "\u0000",
  ];
  for (let round = 0; round < 200; round += 1) {
    const text = Array.from({ length: 30 }, () => pieces[Math.floor(random() * pieces.length)]!);
    const bytes = Buffer.from(text.join("\n"));
    if (random() < 0.3) bytes[Math.floor(random() * bytes.length)] = 0xff;
    const whole = decode(bytes);
    const cut = decode(bytes, () => 1 + Math.floor(random() * 7));
    expect(plain(cut.rows), `round ${round}`).toEqual(plain(whole.rows));
    const byLine = (batch: CsvBatch) => [...batch.problems].sort((a, b) => a.line - b.line);
    expect(byLine(cut), `round ${round}`).toEqual(byLine(whole));
  }
});
