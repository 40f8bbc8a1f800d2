import type { Result } from "../../core/result.ts";
import type { TaskCommand, TaskState } from "../../core/task.ts";
import type {
  Audience,
  AudienceSource,
  LineError,
  PageOf,
  PageRequest,
  PullSource,
  Recipient,
  TaskTransition,
} from "../../persistence/ports/audience.ts";
import type { Exclusions } from "../../persistence/ports/members.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";

export type {
  Audience,
  AudienceSource,
  LineError,
  PageOf,
  PageRequest,
  PullSource,
  Recipient,
  TaskTransition,
} from "../../persistence/ports/audience.ts";

/** An import under way: feed it, one chunk at a time. */
export interface ImportHandle {
  readonly audience: string;
  readonly import: Ref<ImportMessage>;
}

/** A command's honest answer: what it was, what it is, and whether this command changed it. */
export interface AudienceAnswer {
  readonly before: TaskState;
  readonly audience: Audience;
  readonly changed: boolean;
}

/** How far the making of an audience is. */
export interface AudienceProgress {
  readonly id: string;
  readonly state: TaskState;
  readonly why: string;
  readonly epoch: number;
  /** 0 until it is known how it is collected. */
  readonly partitions: number;
  readonly partitionsDone: number;
  /** Recipients in the partitions that are done. */
  readonly size: number;
  readonly duplicates: number;
  readonly excluded: Exclusions;
  /** What came from a member API so far. */
  readonly pulled: { readonly pages: number; readonly items: number; readonly invalid: number };
  /** What holds it up at this moment, as the page of a member API that failed; empty: nothing. */
  readonly trouble: string;
  /** Members per second since this run began, or went on. */
  readonly rate: number;
  readonly at: number;
}

/** One page of a member API. */
export interface MemberPage {
  readonly items: readonly unknown[];
  /** Where the next one is, in the words of the source's paging; undefined: this was the last. */
  readonly next: string | undefined;
}

/** A port: a user's own API that lists members. */
export interface MemberApi {
  /** Throws `pull.refused` when this node may not call such an address. */
  check(source: PullSource): void;
  /**
   * Asks for one page; `cursor` is `next` of the page before it, and empty for the first.
   *
   * Rejects with `pull.failed`, which may pass, and may say `retryAfterMs`; with `pull.refused`
   * when the same request would be answered so again.
   */
  page(source: PullSource, cursor: string, signal: AbortSignal): Promise<MemberPage>;
}

/** `lines`: a member's id per line. `ndjson`: an id, or `{member, vars}`, as JSON per line. */
export type ImportFormat = "csv" | "ndjson" | "lines";

/** What anyone may send to the audience desk. An audience gets the `id` that is said, if one is. */
export type AudienceMessage =
  /** Begins an import of about `bytes` bytes (0 when not known). */
  | {
      readonly type: "begin-import";
      readonly id?: string | undefined;
      readonly name: string;
      readonly by: string;
      /** Default `csv`. */
      readonly format?: ImportFormat;
      readonly bytes: number;
      readonly replyTo: Ref<Result<ImportHandle>>;
    }
  /** Creates an audience that is collected from a source, and starts it when that is asked for. */
  | {
      readonly type: "create-audience";
      readonly id?: string | undefined;
      readonly name: string;
      readonly source: AudienceSource;
      readonly start: boolean;
      readonly by: string;
      readonly why: string;
      readonly replyTo: Ref<Result<Audience>>;
    }
  | {
      readonly type: "import-list";
      readonly id?: string | undefined;
      readonly name: string;
      readonly recipients: readonly Recipient[];
      readonly by: string;
      readonly replyTo: Ref<Result<Audience>>;
    }
  | {
      readonly type: "command-audience";
      readonly id: string;
      /** `proceed` is the field's word for `resume`. */
      readonly command: TaskCommand | "proceed";
      readonly by: string;
      readonly why: string;
      readonly replyTo: Ref<Result<AudienceAnswer>>;
    }
  /** Answers once it rests; with `audience.failed` when it has failed. */
  | {
      readonly type: "wait-audience";
      readonly id: string;
      readonly replyTo: Ref<Result<Audience>>;
    }
  | {
      readonly type: "read-audience-progress";
      readonly id: string;
      readonly replyTo: Ref<Result<AudienceProgress>>;
    }
  /** Sends progress at every transition, and twice a second while it changes. */
  | {
      readonly type: "watch-audience";
      readonly id: string;
      readonly subscriber: Ref<AudienceProgress>;
      readonly replyTo: Ref<Result<AudienceProgress>>;
    }
  | {
      readonly type: "list-audience-log";
      readonly id: string;
      readonly request: PageRequest;
      readonly replyTo: Ref<Result<PageOf<TaskTransition>>>;
    }
  | {
      readonly type: "read-audience";
      readonly id: string;
      readonly replyTo: Ref<Result<Audience>>;
    }
  | {
      readonly type: "list-audiences";
      readonly request: PageRequest;
      readonly replyTo: Ref<Result<PageOf<Audience>>>;
    }
  | {
      readonly type: "list-errors";
      readonly id: string;
      readonly request: PageRequest;
      readonly replyTo: Ref<Result<PageOf<LineError>>>;
    };

/** The audience desk; there is one. */
export const audienceDeskKind = kind<AudienceMessage>("audiences");

/** Lines and recipients of an import so far. */
export interface ImportProgress {
  readonly lines: number;
  readonly invalid: number;
}

/** What the feeder of an import may send to it. */
export type ImportMessage =
  /** The answer means: taken, send the next one. Chunks may cut lines and characters anywhere. */
  | {
      readonly type: "chunk";
      readonly bytes: Uint8Array;
      readonly replyTo: Ref<Result<ImportProgress>>;
    }
  /** No more chunks. Answers when the audience is finished or has failed. */
  | { readonly type: "end"; readonly replyTo: Ref<Result<Audience>> }
  | { readonly type: "abort"; readonly why: string };

/** What the desk says to the collection of one audience. */
export type CollectionMessage =
  | Extract<
      AudienceMessage,
      {
        readonly type:
          | "command-audience"
          | "wait-audience"
          | "read-audience-progress"
          | "watch-audience";
      }
    >
  /** Go on with what the store says. */
  | { readonly type: "wake" };

/** The collection of an audience, by the audience's id. */
export const collectionKind = kind<CollectionMessage>("collection");
