import type { Grants } from "../../core/device-request.ts";
import type { Context, Ref } from "../kernel/actor.ts";
import type { UserMessage } from "../user/messages.ts";
import type { ConnectionMessage, OpenSession, Push, SessionMessage } from "./messages.ts";
import type { PushTally } from "./tally.ts";

/**
 * One device of one user, which outlives the connections that carry it.
 *
 * Changed in place: there may be a million of them and every push changes one (see
 * `bench/sessions.ts` and `bench/fanout.ts`). A session that crashes is not started again, so
 * nobody ever sees a state that a crashed turn left half changed. Nothing is allocated before it
 * is needed.
 */
export interface SessionState {
  readonly id: string;
  readonly user: string;
  readonly device: string;
  owner: Ref<UserMessage> | undefined;
  connection: Ref<ConnectionMessage> | undefined;
  /** What the credential allows beside being here. */
  grants: Grants | undefined;
  /** Whether the user has said what is in the inbox; no connection is welcomed before. */
  opened: boolean;
  /** Whether the user was asked for the inbox and has not answered. */
  asked: boolean;
  /** Whether a replay waits for the connection's `drained`. */
  paused: boolean;
  /** What the connection's device says it has handled everything up to; -1 when it did not say. */
  claimed: number;
  /** The user's highest offset, as far as this session knows. */
  head: number;
  /** Everything up to this came here; what is beyond is in the store only. */
  taken: number;
  /** The highest offset that a device may have received. */
  given: number;
  /** The highest offset that this session can never write again, and no device confirmed. */
  forgotten: number;
  /** What was taken and is not settled, by offset; undefined when empty. */
  backlog: Push[] | undefined;
  /** How many of the backlog, from its start, were written to this connection. */
  cursor: number;
}

export interface SessionLimits {
  /** How long a session waits for a new connection, in milliseconds. Default 60 000. */
  readonly graceMs: number;
  /**
   * Pushes kept in memory per session; further ones stay in the store until confirmations make
   * room. So it is also how many may be unconfirmed at once. Default 1 000.
   */
  readonly retainedMax: number;
  /** A replay pauses after so many pushes or bytes of payload. Default 64 and 32 768. */
  readonly chunkPushes: number;
  readonly chunkBytes: number;
}

export const SESSION_LIMITS: SessionLimits = {
  graceMs: 60_000,
  retainedMax: 1_000,
  chunkPushes: 64,
  chunkBytes: 32_768,
};

/** What all sessions of a node share. */
export interface SessionDeps {
  readonly tally: PushTally;
  readonly limits: SessionLimits;
}

export type Message =
  | SessionMessage
  | { readonly type: "start" }
  /** Time to introduce itself to its user again. */
  | { readonly type: "introduce" }
  | { readonly type: "grace-over" }
  /** The connection did not take a push: it may have ended without this session knowing. */
  | { readonly type: "write-refused"; readonly isVolatile: boolean };

export type Ctx = Context<Message>;

export function newSession(session: Parameters<OpenSession>[0]): SessionState {
  return {
    id: session.id,
    user: session.user,
    device: session.device,
    owner: undefined,
    connection: undefined,
    grants: undefined,
    opened: false,
    asked: false,
    paused: false,
    claimed: -1,
    head: 0,
    taken: 0,
    given: 0,
    forgotten: 0,
    backlog: undefined,
    cursor: 0,
  };
}
