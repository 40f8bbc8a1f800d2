import type { Result } from "../../core/result.ts";
import type { ConsumerPlace, OutboxLedger, UploadsRead } from "../../persistence/ports/outbox.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";

export type {
  ConsumerPlace,
  OutboxLedger,
  Upload,
  UploadsRead,
} from "../../persistence/ports/outbox.ts";

/** The outbox desk is found by this kind and the name `OUTBOX`. */
export const outboxKind = kind<OutboxMessage>("outbox");

export const OUTBOX = "outbox-desk";

export interface ReadUploads {
  readonly consumer: string;
  /** From there; undefined: from what the consumer has acknowledged. */
  readonly after?: number | undefined;
  readonly kinds?: readonly string[] | undefined;
  readonly limit: number;
  /** How long to wait for the first, in milliseconds; 0: not. */
  readonly waitMs: number;
}

export interface OutboxView {
  readonly consumers: readonly ConsumerPlace[];
  readonly ledger: OutboxLedger;
}

/** What anyone may send to the outbox desk, through which consumers read what devices uploaded. */
export type OutboxMessage =
  | {
      readonly type: "read-uploads";
      readonly request: ReadUploads;
      readonly replyTo: Ref<Result<UploadsRead>>;
    }
  | {
      readonly type: "ack-uploads";
      readonly consumer: string;
      readonly upTo: number;
      readonly replyTo: Ref<Result<ConsumerPlace>>;
    }
  | { readonly type: "view-outbox"; readonly replyTo: Ref<Result<OutboxView>> }
  | {
      readonly type: "forget-consumer";
      readonly consumer: string;
      readonly replyTo: Ref<Result<{ readonly changed: boolean }>>;
    }
  /** The outbox has more than before: whoever waits is to look. */
  | { readonly type: "grown" }
  /** The node is stopping: nobody waits any longer. */
  | { readonly type: "release" };
