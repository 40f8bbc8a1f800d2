import type { Result } from "../../core/result.ts";
import type { Appended, Inbox, NewInboxItem, Settlement } from "../../persistence/ports/inbox.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";

/** The clerk is found by this kind and the name `CLERK`. */
export const clerkKind = kind<InboxMessage>("inbox");

export const CLERK = "clerk";

/** The inbox as the store has it. */
export interface InboxRead {
  readonly inbox: Inbox;
  /** Items with this offset or a higher one were never given to any device. */
  readonly newFrom: number;
}

/**
 * What anyone may send to the inbox clerk: the one actor through which every inbox goes to the
 * store, so that what many users ask for at once becomes few store operations.
 */
export type InboxMessage =
  /**
   * Record items durably, then hand them to the users that are here. Of the requests that wait
   * for the store those of a higher priority go first; 0 unless it says.
   */
  | {
      readonly type: "append";
      readonly items: readonly NewInboxItem[];
      readonly priority?: number;
      readonly replyTo?: Ref<Result<readonly Appended[]>> | undefined;
    }
  /** Answered before anything is delivered that was recorded after the reading. */
  | {
      readonly type: "read";
      readonly user: string;
      readonly replyTo: Ref<Result<InboxRead>>;
    }
  | { readonly type: "settle"; readonly settlements: readonly Settlement[] }
  /** Answered, with how many there were, once everything settled before it is durable. */
  | { readonly type: "flush"; readonly replyTo: Ref<Result<number>> };
