import type { Result } from "../../core/result.ts";
import type {
  Audience,
  AudienceSource,
  LineError,
  PageOf,
  PageRequest,
  Recipient,
} from "../../persistence/ports/audience.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";

export type {
  Audience,
  AudienceSource,
  LineError,
  PageOf,
  PageRequest,
  Recipient,
} from "../../persistence/ports/audience.ts";

/** An import under way: feed it, one chunk at a time. */
export interface ImportHandle {
  readonly audience: string;
  readonly import: Ref<ImportMessage>;
}

/** An audience that is being collected. */
export interface CollectionHandle {
  readonly audience: Audience;
  readonly collection: Ref<CollectionMessage>;
}

/** `lines`: a member's id per line. `ndjson`: an id, or `{member, vars}`, as JSON per line. */
export type ImportFormat = "csv" | "ndjson" | "lines";

/** What anyone may send to the audience desk. */
export type AudienceMessage =
  /** Begins an import of about `bytes` bytes (0 when not known). */
  | {
      readonly type: "begin-import";
      readonly name: string;
      /** Default `csv`. */
      readonly format?: ImportFormat;
      readonly bytes: number;
      readonly replyTo: Ref<Result<ImportHandle>>;
    }
  /** Begins to make an audience of what Herald has. */
  | {
      readonly type: "collect";
      readonly name: string;
      readonly source: AudienceSource;
      readonly replyTo: Ref<Result<CollectionHandle>>;
    }
  | {
      readonly type: "import-list";
      readonly name: string;
      readonly recipients: readonly Recipient[];
      readonly replyTo: Ref<Result<Audience>>;
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
  /** No more chunks. Answers when the audience is ready or has failed. */
  | { readonly type: "end"; readonly replyTo: Ref<Result<Audience>> }
  | { readonly type: "abort"; readonly why: string };

/** What anyone may send to a collection under way. */
export type CollectionMessage =
  /** Answers when the audience is ready or has failed. */
  | { readonly type: "wait"; readonly replyTo: Ref<Result<Audience>> }
  /** Leaves a failed audience behind. */
  | { readonly type: "stop"; readonly why: string };

/** Collections under way, by the id of their audience. */
export const collectionKind = kind<CollectionMessage>("collection");
