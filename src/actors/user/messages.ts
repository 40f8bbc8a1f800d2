import type { InboxItem } from "../../persistence/ports/inbox.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";
import type { Push, SessionMessage } from "../session/messages.ts";

/** A user is found by its id, and is here only while it has sessions. */
export const userKind = kind<UserMessage>("user");

/** What anyone may send to a user: the owner of the user's sessions and inbox. */
export type UserMessage =
  /**
   * A session begins, or wants the inbox (again); answered by `opened`, with every later item
   * following as `push`. Another session of the same device is closed as `replaced`.
   */
  | {
      readonly type: "open-session";
      readonly session: Ref<SessionMessage>;
      readonly sessionId: string;
      readonly device: string;
    }
  | { readonly type: "close-session"; readonly sessionId: string }
  /** Items that the inbox has recorded for this user, by offset; none means: look again. */
  | { readonly type: "deliver"; readonly items: readonly InboxItem[] }
  /** Goes to the sessions that are connected, and is not kept. */
  | { readonly type: "volatile"; readonly push: Push }
  /** Ends the sessions of one device, or all of them. */
  | { readonly type: "kick"; readonly device: string | undefined };
