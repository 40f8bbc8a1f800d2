import type { Result } from "../../core/result.ts";
import type { NewUpload } from "../../persistence/ports/outbox.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";

/** The uploads clerk is found by this kind and the name `UPLOADS`. */
export const uploadsKind = kind<UploadsMessage>("uploads");

export const UPLOADS = "uploads";

/** What anyone may send to the uploads clerk: what comes at once is published as one batch. */
export type UploadsMessage = {
  readonly type: "upload";
  readonly upload: NewUpload;
  /** Answered once the broker has it, or with why not. */
  readonly replyTo: Ref<Result<true>>;
};
