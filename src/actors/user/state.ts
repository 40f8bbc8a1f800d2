import type { PrincipalKind } from "../../core/address.ts";
import type { Reach } from "../../core/relations.ts";
import type { Result } from "../../core/result.ts";
import type { Appended } from "../../persistence/ports/inbox.ts";
import type { InboxRead } from "../inbox/messages.ts";
import type { Context, Ref } from "../kernel/actor.ts";
import type { Parcel, SessionMessage } from "../session/messages.ts";
import type { UserMessage } from "./messages.ts";

/** A session as its user knows it. */
export interface OpenSession {
  readonly id: string;
  readonly device: string;
  readonly ref: Ref<SessionMessage>;
  /** Whether it has a connection. */
  attached: boolean;
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
  /** Whom it may reach; undefined for nobody, which is what most may. */
  reach: Reach | undefined;
  reachIs: "unknown" | "asked" | "known";
  /** What waits until the reach is known; undefined when nothing. */
  parked: Parked[] | undefined;
  /** Its questions that are not answered yet; undefined without any. */
  looks: Set<Look> | undefined;
  /** Whether a session of it has a connection. */
  present: boolean;
  /** What was announced of that; undefined for who has nobody to tell. */
  presence: Presence | undefined;
  /** The devices behind a board; undefined before the first. */
  subs: Subs | undefined;
}

/** What cannot be done before it is known whom the principal may reach. */
export type Parked = Extract<UserMessage, { type: "route" | "who" }>;

/** One question of a session, until it is answered. */
export interface Look {
  readonly request: Extract<UserMessage, { type: "who" }>;
  /** The keys of those who are told of, and how many of the sessions of each are connected. */
  readonly keys: readonly string[];
  readonly sessions: number[];
  /** When those who are offline were last here, by key; absent: unknown, or not asked for yet. */
  readonly lastSeen: Map<string, number>;
  /** How many there are at the address. */
  readonly count: number;
  /** How many have not answered. */
  left: number;
  isLate: boolean;
}

/** What a board has said of the devices behind it. */
export interface Subs {
  /** Those that are here, and since when; milliseconds since the epoch. */
  readonly online: Map<string, number>;
  /** When the present window began, in monotonic milliseconds, and the changes within it. */
  beganAt: number;
  changes: number;
}

interface Presence {
  announced: boolean;
  /** When it came or went last; milliseconds since the epoch. */
  changedAt: number;
  /** When it changed, in monotonic milliseconds; at most one more than are announced. */
  changes: number[];
  /** Whether it comes and goes too often to be announced before it stays. */
  isHeld: boolean;
}

/** How many sessions a principal may have, and what happens to one more. */
export interface LoginPolicy {
  /** Any number, up to `max`, or one: the newest. */
  readonly policy: "many" | "up-to" | "newest";
  readonly max: number;
  /** With `up-to`: whether the new one is refused, or the oldest makes room. */
  readonly whenFull: "refuse" | "oldest";
}

export interface PresenceLimits {
  /** So many comings and goings within the window are announced at once. Default 4 in 10 000 ms. */
  readonly changesMax: number;
  readonly windowMs: number;
  /** After more, it is announced what has held for so long, in milliseconds. Default 5 000. */
  readonly holdMs: number;
}

/** What users share: how their volatile pushes are counted, and limits. */
export interface UserDeps {
  readonly tally: { accept(sessions: number): void; settle(outcome: "shed"): void };
  readonly limits: UserLimits;
}

export interface UserLimits {
  /** When a read without answer counts as failed, in milliseconds. Default 5 000. */
  readonly readDeadlineMs: number;
  /** Pause after the first failed read, doubled with each further one. Default 100 to 5 000 ms. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  readonly login: Readonly<Record<PrincipalKind, LoginPolicy>>;
  readonly presence: PresenceLimits;
}

const MANY: LoginPolicy = { policy: "many", max: 15, whenFull: "refuse" };

export const USER_LIMITS: UserLimits = {
  readDeadlineMs: 5_000,
  retryMinMs: 100,
  retryMaxMs: 5_000,
  login: { phone: MANY, board: MANY },
  presence: { changesMax: 4, windowMs: 10_000, holdMs: 5_000 },
};

export type Message =
  | UserMessage
  | { readonly type: "read-done"; readonly outcome: Result<Result<InboxRead>> }
  | { readonly type: "read-again" }
  | { readonly type: "reach-read"; readonly outcome: Result<Result<Reach>> }
  | { readonly type: "read-reach" }
  /** A session of its own, or another principal, did not take a parcel. */
  | {
      readonly type: "refused";
      readonly parcel: Parcel;
      readonly share: number;
      readonly by: { readonly type: "session" | "user"; readonly id: string };
    }
  /** What the inbox said to a share that is kept for so many principals. */
  | {
      readonly type: "kept";
      readonly parcel: Parcel;
      readonly share: number;
      readonly principals: number;
      readonly outcome: Result<Result<readonly Appended[]>>;
    }
  /** What one of those who are looked at has said. */
  | {
      readonly type: "counted";
      readonly look: Look;
      readonly index: number;
      readonly outcome: Result<number>;
    }
  | {
      readonly type: "last-seen-read";
      readonly look: Look;
      readonly principals: readonly string[];
      readonly outcome: Result<Result<readonly (number | undefined)[]>>;
    }
  | { readonly type: "presence-settled" }
  | { readonly type: "linger-over" };

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
    reach: undefined,
    reachIs: "unknown",
    parked: undefined,
    looks: undefined,
    present: false,
    presence: undefined,
    subs: undefined,
  };
}
