import type { Result } from "../../core/result.ts";
import type { InboxRead } from "../inbox/messages.ts";
import type { Context, Ref } from "../kernel/actor.ts";
import type { SessionMessage } from "../session/messages.ts";
import type { UserMessage } from "./messages.ts";

/** A session as its user knows it. */
export interface OpenSession {
  readonly id: string;
  readonly device: string;
  readonly ref: Ref<SessionMessage>;
  /** Whether it waits for `opened`; until then no push goes to it. */
  waiting: boolean;
}

/**
 * A user who is here, with one session or more; it ends with the last of them.
 *
 * It keeps no inbox: what is unsettled is in the store and in the sessions. Changed in place:
 * every push for the user changes it (see `bench/sessions.ts`), and a user that crashes is not
 * started again, its sessions introduce themselves to the next one.
 */
export interface UserState {
  readonly id: string;
  sessions: OpenSession[];
  /** The highest offset that went to the sessions; -1 before the inbox was read. */
  head: number;
  /** Whether the inbox is being read, or will be after a pause. */
  reading: boolean;
  /** How often in a row that failed. */
  failures: number;
  /** The highest offset that was heard of: an inbox that ends before it is out of date. */
  latest: number;
  /** Whether the last session has closed and the actor is about to end. */
  ending: boolean;
}

export interface UserLimits {
  /** When a read without answer counts as failed, in milliseconds. Default 5 000. */
  readonly readDeadlineMs: number;
  /** Pause after the first failed read, doubled with each further one. Default 100 to 5 000 ms. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

export const USER_LIMITS: UserLimits = {
  readDeadlineMs: 5_000,
  retryMinMs: 100,
  retryMaxMs: 5_000,
};

export type Message =
  | UserMessage
  | { readonly type: "read-done"; readonly outcome: Result<Result<InboxRead>> }
  | { readonly type: "read-again" };

export type Ctx = Context<Message>;

export function newUser(id: string): UserState {
  return {
    id,
    sessions: [],
    head: -1,
    reading: false,
    failures: 0,
    latest: 0,
    ending: false,
  };
}
