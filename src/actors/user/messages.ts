import type { Outcome } from "../../core/ledger.ts";
import type { Inbox, InboxItem } from "../../persistence/ports/inbox.ts";
import type { Ref } from "../kernel/actor.ts";
import type { Push, SessionMessage } from "../session/messages.ts";

/** What a user actor tells a session of its inbox, once it has been read. */
export interface InboxView {
  readonly head: number;
  readonly forgotten: number;
  readonly items: readonly Push[];
}

/** What anyone may send to a user: the owner of the user's sessions and inbox. */
export type UserMessage =
  /** A session of this user begins; a session of the same device is replaced. */
  | {
      readonly type: "open-session";
      readonly session: Ref<SessionMessage>;
      readonly sessionId: string;
      readonly device: string;
    }
  | { readonly type: "close-session"; readonly sessionId: string }
  /** Items that the inbox has recorded for this user, by offset. */
  | { readonly type: "deliver"; readonly items: readonly InboxItem[] }
  /** A device confirmed these, or they were written to it and want no confirmation. */
  | {
      readonly type: "settled";
      readonly offsets: readonly number[];
      readonly outcome: Outcome;
    }
  /** The inbox as the store has it, or undefined when it could not be read. */
  | { readonly type: "inbox-read"; readonly inbox: Inbox | undefined }
  | { readonly type: "volatile"; readonly push: Push }
  | { readonly type: "kick"; readonly device: string | undefined };
