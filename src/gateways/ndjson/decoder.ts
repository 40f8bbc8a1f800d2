import { isUtf8 } from "node:buffer";

/** One line of a file and what it holds. */
export interface Line<Value> {
  /** Line 1 is the first line of the file. */
  readonly line: number;
  readonly value: Value;
}

/** A line that was left out, and why. */
export interface LineFault {
  readonly line: number;
  readonly field: string;
  readonly expected: string;
  readonly got: string;
}

/** What came out of some bytes, each list in the order of the file. */
export interface LineBatch<Value> {
  readonly lines: readonly Line<Value>[];
  readonly faults: readonly LineFault[];
}

/** A line may be this long. */
export const LINE_BYTES_MAX = 65_536;

const SHOWN_MAX = 60;
const LINE_FEED = 10;

/**
 * Turns bytes into lines of UTF-8, chunk by chunk, and each line into a value.
 *
 * Chunks may cut lines and characters anywhere. A line that is too long, no UTF-8, or refused by
 * `read` is left out with its number; blank lines are skipped, but they count. Memory is bounded
 * by the chunk and `LINE_BYTES_MAX`.
 */
export class LineDecoder<Value> {
  readonly #read: (text: string) => Value;
  readonly #expected: string;
  #line = 0;
  #carry: Uint8Array[] = [];
  #carryBytes = 0;
  #lines: Line<Value>[] = [];
  #faults: LineFault[] = [];

  /** `read` throws for a text that is not what is `expected`. */
  constructor(read: (text: string) => Value, expected: string) {
    this.#read = read;
    this.#expected = expected;
  }

  feed(bytes: Uint8Array): LineBatch<Value> {
    const last = bytes.lastIndexOf(LINE_FEED);
    if (last < 0) {
      this.#keep(bytes);
      return this.#take();
    }
    let start = 0;
    if (this.#carryBytes > 0) {
      start = bytes.indexOf(LINE_FEED) + 1;
      this.#keep(bytes.subarray(0, start - 1));
      this.#endCarry();
    }
    if (start <= last) this.#block(bytes.subarray(start, last));
    this.#keep(bytes.subarray(last + 1));
    return this.#take();
  }

  /** The last line may have no line break. */
  finish(): LineBatch<Value> {
    if (this.#carryBytes > 0) this.#endCarry();
    return this.#take();
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#carryBytes += bytes.length;
    if (this.#carryBytes > LINE_BYTES_MAX) this.#carry = [];
    // A copy: the caller may use its buffer again.
    else this.#carry.push(Uint8Array.from(bytes));
  }

  #endCarry(): void {
    const bytes = this.#carry;
    const length = this.#carryBytes;
    this.#carry = [];
    this.#carryBytes = 0;
    if (length <= LINE_BYTES_MAX) return this.#block(Buffer.concat(bytes));
    this.#line += 1;
    this.#fault(`at most ${LINE_BYTES_MAX} bytes in a line`, `${length} bytes`);
  }

  /** Whole lines, without the last line break. */
  #block(bytes: Uint8Array): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    if (isUtf8(buffer)) {
      for (const text of buffer.toString("utf8").split("\n")) this.#text(text);
      return;
    }
    for (let start = 0; start <= buffer.length; ) {
      const found = buffer.indexOf(LINE_FEED, start);
      const end = found < 0 ? buffer.length : found;
      const line = buffer.subarray(start, end);
      if (isUtf8(line)) this.#text(line.toString("utf8"));
      else {
        this.#line += 1;
        this.#fault("text in UTF-8", "other bytes");
      }
      start = end + 1;
    }
  }

  #text(line: string): void {
    this.#line += 1;
    const isBlank = line === "" || line.trim() === "";
    if (isBlank) return;
    // A file from Windows may begin with a mark of its encoding.
    const text = this.#line === 1 && line.startsWith("\ufeff") ? line.slice(1) : line;
    if (text.length > LINE_BYTES_MAX) {
      return this.#fault(`at most ${LINE_BYTES_MAX} bytes in a line`, `${text.length} characters`);
    }
    try {
      this.#lines.push({ line: this.#line, value: this.#read(text) });
    } catch {
      this.#fault(this.#expected, shown(text));
    }
  }

  #fault(expected: string, got: string): void {
    this.#faults.push({ line: this.#line, field: "", expected, got });
  }

  #take(): LineBatch<Value> {
    const batch = { lines: this.#lines, faults: this.#faults };
    this.#lines = [];
    this.#faults = [];
    return batch;
  }
}

/** NDJSON: a JSON value per line. */
export function jsonLines(): LineDecoder<unknown> {
  return new LineDecoder<unknown>(JSON.parse, "a JSON value");
}

/** One text per line. */
export function textLines(): LineDecoder<string> {
  return new LineDecoder<string>((text) => text.trim(), "a text");
}

/** A value as an error may show it: short, and on one line. */
function shown(value: string): string {
  const short = value.length > SHOWN_MAX ? `${value.slice(0, SHOWN_MAX)}...` : value;
  return short.replaceAll(/[\p{Cc}\p{Cs}]/gu, "\u{fffd}");
}
