import type { Result } from "../../core/result.ts";
import type {
  Audience,
  LineError,
  PageOf,
  PageRequest,
  Recipient,
} from "../../persistence/ports/audience.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";

export type {
  Audience,
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

/** What anyone may send to the audience desk. */
export type AudienceMessage =
  /** Begins a CSV import of about `bytes` bytes (0 when not known). */
  | {
      readonly type: "begin-import";
      readonly name: string;
      readonly bytes: number;
      readonly replyTo: Ref<Result<ImportHandle>>;
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
