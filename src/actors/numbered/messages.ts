import type { Result } from "../../core/result.ts";
import type { NumberedRecord } from "../../persistence/ports/numbered.ts";
import type { Ref } from "../kernel/actor.ts";

export type { NumberedRecord } from "../../persistence/ports/numbered.ts";

/** What anyone may send to the desk of numbered records. */
export type NumberedMessage =
  | {
      readonly type: "add-record";
      readonly kind: string;
      readonly body: string;
      readonly replyTo: Ref<Result<number>>;
    }
  | {
      readonly type: "read-record";
      readonly kind: string;
      readonly id: number;
      readonly replyTo: Ref<Result<NumberedRecord | undefined>>;
    }
  /** Answers false when somebody else has changed it meanwhile. */
  | {
      readonly type: "replace-record";
      readonly kind: string;
      readonly record: NumberedRecord;
      readonly replyTo: Ref<Result<boolean>>;
    }
  | {
      readonly type: "list-records";
      readonly kind: string;
      readonly request: { readonly offset: number; readonly limit: number };
      readonly replyTo: Ref<
        Result<{ readonly items: readonly NumberedRecord[]; readonly total: number }>
      >;
    };
