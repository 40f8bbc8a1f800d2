import type { Condition } from "../../core/condition.ts";
import type { TaskState } from "../../core/task.ts";
import type { Exclusions } from "./members.ts";

/** How a member API tells where its next page is. */
export type PullPaging =
  /** The answer's field `next` holds what the parameter `param` says of the next page. */
  | { readonly type: "cursor"; readonly param: string; readonly next: string }
  /** The parameter `param` counts members; a page without any is the end. */
  | { readonly type: "offset"; readonly param: string }
  /** The parameter `param` counts pages from `first`; one without members is the end. */
  | { readonly type: "page"; readonly param: string; readonly first: number }
  /** The answer's header `Link` has the address of the next page, as `rel="next"`. */
  | { readonly type: "link" };

/** A user's own HTTP API that lists members, page by page. */
export interface PullSource {
  readonly type: "pull";
  readonly url: string;
  /** Sent with every request. Secrets, as a rule: nobody is shown their values. */
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as the parameter `sizeParam`; 0: neither is sent. */
  readonly pageSize: number;
  readonly sizeParam: string;
  readonly paging: PullPaging;
  /** The answer's field that holds the members; empty: the answer is the list. */
  readonly items: string;
  /** The field of a member that holds its id. */
  readonly member: string;
  /** How long one request may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** Where a collected audience comes from. */
export type AudienceSource =
  | PullSource
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
 * A list of recipients, partitioned by hash and cut into pages, and the task of making it.
 *
 * It is frozen once it is `finished`; `hash` covers every recipient in page order. A start anew,
 * which nothing may use it for, makes it again in the next epoch.
 */
export interface Audience {
  readonly id: string;
  readonly name: string;
  readonly state: TaskState;
  /** Who brought it into this state, why, and when. */
  readonly by: string;
  readonly why: string;
  readonly changedAt: number;
  /** How often it was begun. */
  readonly epoch: number;
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
  /** SHA-256 in hex over the hashes of all partitions; empty until finished. */
  readonly hash: string;
  /** Of a collected audience; one that was fed from outside has none. */
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

/** Which audience somebody means to change: it is so only in that state and epoch. */
export interface AudienceAt {
  readonly state: TaskState;
  readonly epoch: number;
}

/** One change of a task's state. */
export interface TaskTransition {
  readonly from: TaskState;
  readonly to: TaskState;
  readonly epoch: number;
  readonly by: string;
  readonly why: string;
  readonly at: number;
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

/** Pages of a partition that follow each other. */
export interface PageRun {
  readonly zone: string;
  readonly first: number;
  readonly pages: number;
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
  /**
   * Replaces the record (not the pages); another state than it had is a line of its log.
   *
   * @throws RuntimeError `audience.unknown`.
   */
  update(audience: Audience): Promise<void>;
  /** How its state has changed, oldest first; it begins with the state it was created in. */
  log(id: string, request: PageRequest): Promise<PageOf<TaskTransition>>;
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
  /** The runs of a partition's pages that are sorted by member, in page order: one per zone. */
  runs(id: string, partition: number): Promise<readonly PageRun[]>;
  /**
   * Keeps at most the first 1 000 errors of an audience; counting them is the importer's part.
   *
   * @throws RuntimeError `audience.unknown`.
   */
  addErrors(id: string, errors: readonly LineError[]): Promise<void>;
  /** In the order in which they were added. */
  errors(id: string, request: PageRequest): Promise<PageOf<LineError>>;
  /**
   * Marks what a dead node was being fed with as `failed` and drops its heap; returns how many.
   * What is collected has a source, and stays as it is.
   */
  failInterrupted(change: { readonly why: string; readonly at: number }): Promise<number>;
}
