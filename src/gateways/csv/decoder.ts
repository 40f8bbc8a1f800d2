import { isUtf8 } from "node:buffer";
import { parse } from "csv-parse/sync";

/** One record of a CSV file, and the number of the line that it starts on, from 1. */
export interface CsvRow {
  readonly line: number;
  readonly fields: readonly string[];
}

/** A line that is no record, and why. */
export interface CsvProblem {
  readonly line: number;
  readonly field: string;
  readonly expected: string;
  readonly got: string;
}

/** What came out of some bytes, each list in the order of the file. */
export interface CsvBatch {
  readonly rows: readonly CsvRow[];
  readonly problems: readonly CsvProblem[];
}

/** A record may be this long, its line breaks included. */
export const RECORD_BYTES_MAX = 65_536;

/** Records of quoted fields over several lines. */
interface OpenRecord {
  readonly line: number;
  readonly parts: string[];
  bytes: number;
}

/**
 * Turns the bytes of a CSV file (RFC 4180, UTF-8, commas) into records, chunk by chunk.
 *
 * Chunks may cut lines and characters anywhere; the result does not depend on where. An error
 * costs one line: an unbalanced quote does not swallow the lines after it, because a record that
 * does not parse is given up at its first line and the next line is read afresh. Blank lines are
 * skipped. Memory is bounded by the chunk and `RECORD_BYTES_MAX`.
 *
 * Lines without a quote, which are most, are cut at their commas; the rest goes through csv-parse
 * in one call per chunk, which is twenty times faster than one call per line.
 */
export class CsvDecoder {
  #line = 0;
  #carry: Uint8Array[] = [];
  #carryBytes = 0;
  /** The line under way is too long: only its end is looked for. */
  #skipping = false;
  #open: OpenRecord | undefined;
  #rows: { line: number; fields: readonly string[] }[] = [];
  #problems: CsvProblem[] = [];
  /** Rows of this batch that csv-parse has still to read, and their texts. */
  #quoted: { row: { line: number; fields: readonly string[] }; text: string }[] = [];

  feed(bytes: Uint8Array): CsvBatch {
    const last = bytes.lastIndexOf(10);
    if (last < 0) {
      this.#keep(bytes);
      return this.#take();
    }
    const first = bytes.indexOf(10);
    this.#keep(bytes.subarray(0, first));
    this.#endCarry();
    if (last > first) this.#block(bytes.subarray(first + 1, last));
    this.#keep(bytes.subarray(last + 1));
    return this.#take();
  }

  /** The last line may have no line break, and an open quote is an error now. */
  finish(): CsvBatch {
    if (this.#carryBytes > 0) this.#endCarry();
    while (this.#open !== undefined) this.#giveUp("a closing quote");
    return this.#take();
  }

  #keep(bytes: Uint8Array): void {
    this.#carryBytes += bytes.length;
    if (this.#skipping || bytes.length === 0) return;
    if (this.#carryBytes > RECORD_BYTES_MAX) {
      this.#skipping = true;
      this.#carry = [];
      return;
    }
    // A copy: the caller may use its buffer again.
    this.#carry.push(Uint8Array.from(bytes));
  }

  #endCarry(): void {
    const bytes = Buffer.concat(this.#carry);
    const length = this.#carryBytes;
    const skipped = this.#skipping;
    this.#carry = [];
    this.#carryBytes = 0;
    this.#skipping = false;
    if (skipped) this.#tooLong(length);
    else this.#block(bytes);
  }

  /** Whole lines, without the last line break. */
  #block(bytes: Uint8Array): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    if (isUtf8(buffer)) {
      const text = buffer.toString("utf8");
      const quotes = text.includes('"');
      for (const line of text.split("\n")) this.#text(line, quotes);
      return;
    }
    for (let start = 0; start <= buffer.length; ) {
      const found = buffer.indexOf(10, start);
      const end = found < 0 ? buffer.length : found;
      const line = buffer.subarray(start, end);
      if (isUtf8(line)) this.#text(line.toString("utf8"), true);
      else this.#invalid(line);
      start = end + 1;
    }
  }

  #text(text: string, quotes: boolean): void {
    const bare = this.#line === 0 && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
    // A third of the limit in UTF-16 units cannot be over it in bytes.
    if (bare.length * 3 > RECORD_BYTES_MAX && Buffer.byteLength(bare) > RECORD_BYTES_MAX) {
      return this.#tooLong(Buffer.byteLength(bare));
    }
    this.#line += 1;
    this.#entry(this.#line, bare.endsWith("\r") ? bare.slice(0, -1) : bare, quotes);
  }

  #entry(line: number, text: string, quotes: boolean): void {
    if (this.#open !== undefined) return this.#continue(text);
    if (text === "") return;
    if (!quotes || !text.includes('"')) {
      this.#rows.push({ line, fields: text.split(",") });
    } else if (hasOddQuotes(text)) {
      this.#open = { line, parts: [text], bytes: Buffer.byteLength(text) };
    } else {
      const row = { line, fields: [] };
      this.#rows.push(row);
      this.#quoted.push({ row, text });
    }
  }

  #continue(text: string): void {
    const open = this.#open!;
    open.parts.push(text);
    open.bytes += Buffer.byteLength(text) + 1;
    if (open.bytes > RECORD_BYTES_MAX) {
      this.#giveUp(`a closing quote within ${RECORD_BYTES_MAX} bytes`);
    } else if (hasOddQuotes(text)) {
      const { fields, problem } = parseOne(open.parts.join("\n"));
      if (fields === undefined) return this.#giveUp(problem);
      this.#open = undefined;
      this.#rows.push({ line: open.line, fields });
    }
  }

  /** Reports the first line of the open record, and reads those after it afresh. */
  #giveUp(expected: string): void {
    const { line, parts } = this.#open!;
    this.#open = undefined;
    this.#problem(line, expected, parts[0]!);
    for (let index = 1; index < parts.length; index += 1) {
      this.#entry(line + index, parts[index]!, true);
    }
  }

  #invalid(bytes: Uint8Array): void {
    this.#line += 1;
    // An open record cannot go on through a line that is no text.
    while (this.#open !== undefined) this.#giveUp("a closing quote before a line that is no text");
    this.#problem(this.#line, "valid UTF-8", Buffer.from(bytes).toString("utf8"));
  }

  #tooLong(bytes: number): void {
    this.#line += 1;
    while (this.#open !== undefined) this.#giveUp("a closing quote");
    this.#problem(this.#line, `at most ${RECORD_BYTES_MAX} bytes`, `${bytes} bytes`);
  }

  #problem(line: number, expected: string, got: string): void {
    this.#problems.push({ line, field: "", expected, got: excerpt(got) });
  }

  #take(): CsvBatch {
    const failed = this.#readQuoted();
    const rows = failed.size === 0 ? this.#rows : this.#rows.filter((row) => !failed.has(row));
    const problems = this.#problems.sort((a, b) => a.line - b.line);
    this.#rows = [];
    this.#problems = [];
    this.#quoted = [];
    return { rows, problems };
  }

  /** Fills in the fields of quoted rows; returns the rows that are none. */
  #readQuoted(): Set<CsvRow> {
    const failed = new Set<CsvRow>();
    const quoted = this.#quoted;
    if (quoted.length === 0) return failed;
    const records = parseAll(quoted.map(({ text }) => text).join("\n"));
    if (records?.length === quoted.length) {
      for (const [index, { row }] of quoted.entries()) row.fields = records[index]!;
      return failed;
    }
    // At least one of them is wrong: find out which.
    for (const { row, text } of quoted) {
      const { fields, problem } = parseOne(text);
      if (fields === undefined) {
        failed.add(row);
        this.#problem(row.line, problem, text);
      } else row.fields = fields;
    }
    return failed;
  }
}

type Parsed =
  | { readonly fields: readonly string[]; readonly problem: "" }
  | { readonly fields: undefined; readonly problem: string };

const PARSE_OPTIONS = {
  relax_column_count: true,
  record_delimiter: "\n",
  // Two characters beyond the limit, for quotes and a line break that were counted elsewhere.
  max_record_size: RECORD_BYTES_MAX + 2,
} as const;

function parseAll(text: string): string[][] | undefined {
  try {
    return parse(text, PARSE_OPTIONS);
  } catch {
    return undefined;
  }
}

function parseOne(text: string): Parsed {
  const records = parseAll(text);
  return records?.length === 1
    ? { fields: records[0]!, problem: "" }
    : { fields: undefined, problem: "quotes around a whole field, and doubled inside it" };
}

function hasOddQuotes(text: string): boolean {
  let odd = false;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) odd = !odd;
  return odd;
}

/** So much of a bad line as helps to find it. */
function excerpt(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 60)}...`;
}
