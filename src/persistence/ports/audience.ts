import type { Condition } from "../../core/condition.ts";
import type { Exclusions } from "./members.ts";

/** Where a collected audience comes from. */
export type AudienceSource =
  | {
      readonly type: "condition";
      readonly condition: Condition;
      /** The attribute that holds the address, when that is not the member's id. */
      readonly address?: string;
      /** Attributes that become variables; absent: all of them. */
      readonly variables?: readonly string[];
    }
  | {
      readonly type: "union" | "intersection" | "difference";
      /** Frozen audiences; a difference takes all others away from the first. */
      readonly audiences: readonly string[];
    };

/** One member of an audience, with the variables that a template may use. */
export interface Recipient {
  readonly member: string;
  readonly vars?: Readonly<Record<string, string>>;
}

/**
 * A frozen list of recipients, partitioned by hash and cut into pages.
 *
 * Nobody changes it once it is `ready`; `hash` covers every recipient in page order.
 */
export interface Audience {
  readonly id: string;
  readonly name: string;
  /** `importing`: it is fed from outside. `collecting`: it is made of what Herald has. */
  readonly state: "importing" | "collecting" | "ready" | "failed";
  /** Why it failed; empty otherwise. */
  readonly failure: string;
  readonly createdAt: number;
  /** Recipients after duplicates were dropped. */
  readonly size: number;
  readonly pages: number;
  /** Recipients per page, but for the last page of a partition. */
  readonly pageSize: number;
  readonly partitions: number;
  /** Lines read, including those with errors; the header is not counted. */
  readonly lines: number;
  readonly duplicates: number;
  readonly invalid: number;
  /** SHA-256 in hex over the hashes of all partitions; empty until ready. */
  readonly hash: string;
  /** Of a collected audience. */
  readonly source?: AudienceSource;
  /** Members that the source has and the audience has not. Of a collected audience. */
  readonly excluded?: Exclusions;
}

/** A line that was left out, and why. Line 1 is the first line of the file. */
export interface LineError {
  readonly line: number;
  readonly field: string;
  readonly expected: string;
  readonly got: string;
}

/** Which page: its number within its partition. The id is deterministic: `audience/partition/k`. */
export interface PageId {
  readonly partition: number;
  readonly k: number;
}

export interface Page extends PageId {
  /** The IANA time zone of all its recipients; empty or absent when not known. */
  readonly zone?: string;
  readonly recipients: readonly Recipient[];
  /** The recipients as JSON text, where a writer has it at hand. A page that is read has none. */
  readonly text?: string;
}

/** A group of recipients of one partition, in arrival order, before pages are cut. */
export interface SpillChunk {
  readonly partition: number;
  readonly recipients: readonly Recipient[];
}

/** A slice of a list: at most `limit` rows after the cursor. */
export interface PageRequest {
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface PageOf<T> {
  readonly items: readonly T[];
  /** Give it as `after` for the next page; undefined at the end. */
  readonly next: string | undefined;
}

/**
 * Audiences, their pages, and the heap of recipients from which pages are cut.
 *
 * Lists: `store.cursor` when `after` is not a cursor that this list has given.
 */
export interface AudienceStore {
  /** @throws RuntimeError `store.conflict` when the id is taken. */
  create(audience: Audience): Promise<void>;
  read(id: string): Promise<Audience | undefined>;
  /** Newest first. */
  list(request: PageRequest): Promise<PageOf<Audience>>;
  /** Replaces the record (not the pages). @throws RuntimeError `audience.unknown`. */
  update(audience: Audience): Promise<void>;
  /** Adds to the heap. Durable when it resolves. @throws RuntimeError `audience.unknown`. */
  spill(id: string, chunks: readonly SpillChunk[]): Promise<void>;
  /** Everything spilled for one partition, in arrival order. */
  readSpill(id: string, partition: number): Promise<readonly Recipient[]>;
  /**
   * Writes all pages of a partition and removes its heap, in one step. A sealed partition keeps
   * its pages: repeating it changes nothing.
   *
   * @throws RuntimeError `audience.unknown`.
   */
  seal(id: string, partition: number, pages: readonly Page[]): Promise<void>;
  page(id: string, page: PageId): Promise<Page | undefined>;
  /**
   * Keeps at most the first 1 000 errors of an audience; counting them is the importer's part.
   *
   * @throws RuntimeError `audience.unknown`.
   */
  addErrors(id: string, errors: readonly LineError[]): Promise<void>;
  /** In the order in which they were added. */
  errors(id: string, request: PageRequest): Promise<PageOf<LineError>>;
  /** Marks what a dead node left `importing` as `failed`, drops its heap; returns how many. */
  failInterrupted(why: string): Promise<number>;
}
