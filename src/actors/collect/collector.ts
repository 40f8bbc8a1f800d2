import { RuntimeError } from "../../core/errors.ts";
import type { Audience, LineError, Recipient } from "./messages.ts";
import { groupRows, partitionsFor, partitionsForRows } from "./partitions.ts";
import { type Columns, isRecipient, readHeader, readLine, readValue } from "./recipients.ts";
import type { Spill } from "./store.ts";

/** Rows of this many make one call to the store; at most twice as many wait in memory. */
export const SPILL_ROWS = 25_000;
/** Errors kept per audience; more are counted only. */
const ERRORS_MAX = 1_000;

/** What turns bytes into records; the adapters are in `gateways/csv` and `gateways/ndjson`. */
export interface LineDecoder {
  /** False: every line is a recipient, as a value. Default true. */
  readonly hasHeader?: boolean;
  feed(bytes: Uint8Array): DecodedLines;
  finish(): DecodedLines;
}

export interface DecodedLines {
  readonly rows: readonly DecodedRow[];
  readonly problems: readonly LineError[];
}

/**
 * A line as fields, of which the first line's are the header; or as a value of its own, which is
 * an id or `{member, vars}`.
 */
export type DecodedRow =
  | { readonly line: number; readonly fields: readonly string[] }
  | { readonly line: number; readonly value: unknown };

/**
 * Turns the lines of one import into recipients on their way to the heap.
 *
 * Changed in place, inside one import actor that is never restarted: this is the hot path that
 * the benchmark `campaign` measures as `linesPerSecond`.
 */
export class Collector {
  readonly #decoder: LineDecoder;
  readonly #bytes: number;
  #columns: Columns | undefined;
  #rows: Recipient[] = [];
  #errors: LineError[] = [];
  #errorsKept = 0;
  #partitions = 0;
  readonly #used = new Set<number>();
  #hasValues = false;
  lines = 0;
  invalid = 0;

  /** `bytes`: about how long the file is; 0 when that is not known. */
  constructor(decoder: LineDecoder, bytes: number) {
    this.#decoder = decoder;
    this.#bytes = bytes;
  }

  /** Recipients that wait for `takeSpill`. */
  get waiting(): number {
    return this.#rows.length;
  }

  /** Partitions that something was spilled for, in order. */
  get used(): number[] {
    return [...this.#used].sort((a, b) => a - b);
  }

  /** Returns what makes the whole file useless: a bad header. */
  feed(bytes: Uint8Array): RuntimeError | undefined {
    return this.#take(this.#decoder.feed(bytes));
  }

  finish(): RuntimeError | undefined {
    const error = this.#take(this.#decoder.finish());
    const isRead = this.#columns !== undefined || this.#hasValues || this.lines > 0;
    if (error !== undefined || isRead) return error;
    return new RuntimeError("audience.invalid", "the file is empty: expected a header line");
  }

  /**
   * What goes to the store next. The number of partitions is decided with the first spill: by
   * the rows of a file that is through by then (`last`), by its size otherwise.
   */
  takeSpill(last: boolean): Spill {
    if (this.#partitions === 0) {
      const whole = last && this.#rows.length < SPILL_ROWS;
      const rows = this.#rows.length;
      this.#partitions = whole ? partitionsForRows(rows) : partitionsFor(this.#bytes);
    }
    const chunks = groupRows(this.#rows, this.#partitions);
    for (const { partition } of chunks) this.#used.add(partition);
    const errors = this.#errors;
    this.#rows = [];
    this.#errors = [];
    return { chunks, errors };
  }

  /** The audience's record as it stands. */
  record(audience: Audience): Audience {
    const { lines, invalid } = this;
    return { ...audience, lines, invalid, partitions: this.#partitions };
  }

  #take({ rows, problems }: DecodedLines): RuntimeError | undefined {
    for (const problem of problems) {
      // A first line that is none cannot be the header.
      const isHeader = this.#columns === undefined && !this.#hasValues && problem.line === 1;
      if (isHeader && this.#decoder.hasHeader !== false) return headerError(problem);
      this.#addError(problem);
    }
    for (const row of rows) {
      const { line } = row;
      if ("value" in row) {
        this.#hasValues = true;
        this.#add(readValue(line, row.value));
        continue;
      }
      const { fields } = row;
      if (this.#columns === undefined) {
        const header = readHeader(fields);
        if (!header.ok) return header.error;
        this.#columns = header.value;
        continue;
      }
      this.#add(readLine(this.#columns, line, fields));
    }
    return undefined;
  }

  #add(read: Recipient | LineError): void {
    if (!isRecipient(read)) return this.#addError(read);
    this.lines += 1;
    this.#rows.push(read);
  }

  #addError(error: LineError): void {
    this.lines += 1;
    this.invalid += 1;
    if (this.#errorsKept >= ERRORS_MAX) return;
    this.#errorsKept += 1;
    this.#errors.push(error);
  }
}

function headerError({ line, field, expected, got }: LineError): RuntimeError {
  const message = `header, line ${line}: expected ${expected}, got ${got}`;
  return new RuntimeError("audience.invalid", message, {
    problems: [{ path: field, expected, got }],
  });
}
