import { boardKey, kindOf } from "./address.ts";

/** What a user is to a board, or to a family. */
export type Role = "owner" | "member" | "guest";

/**
 * Whom a principal may reach. Both sides of a relation have it: a board's view lists users, each
 * with the user's role; a user's view lists boards, with the user's own role to them, and the
 * other users of the family, with theirs in it.
 *
 * Bounded: see `RELATION_LIMITS`.
 */
export interface Reach {
  /** Grows with every change of this principal's relations; an older view is not taken. */
  readonly version: number;
  /** Role by principal key (`core/address.ts`). */
  readonly roles: ReadonlyMap<string, Role>;
  /** The family that a user is in, or whose board it is; undefined without one. */
  readonly family: string | undefined;
}

export const NO_REACH: Reach = { version: 0, roles: new Map(), family: undefined };

export const RELATION_LIMITS = {
  /** Boards of one owner. */
  boardsPerUser: 1_000,
  /** Users in one family, those who are invited included. */
  usersPerFamily: 200,
  /** Boards of all users of one family. */
  boardsPerFamily: 2_000,
  /** Families that a user may be invited to at once. */
  invitationsPerUser: 100,
} as const;

/** What happens to devices and relations and is announced, with the number it had of old. */
export const STATUS_EVENTS = {
  "family.joined": 1,
  "family.removed": 2,
  "family.quit": 3,
  "family.dismissed": 4,
  "family.invited": 5,
  "family.refused": 6,
  "board.bound": 7,
  "board.unbound": 8,
  "device.online": 9,
  "device.offline": 10,
  "user.email-activated": 11,
  "user.phone-bound": 12,
  "user.kicked": 13,
} as const satisfies Record<string, number>;

export type StatusEvent = keyof typeof STATUS_EVENTS;

/** The topic of pushes that announce a status event. */
export const STATUS_TOPIC = "herald.status";

/** The payload of such a push. */
export interface Status {
  readonly event: StatusEvent;
  /** Its number: see `STATUS_EVENTS`. */
  readonly type: number;
  /** The address of whom it is about, `user:` or `board:`. */
  readonly about: string;
  readonly board?: string;
  readonly user?: string;
  readonly family?: string;
  /** For `family.invited` and `family.joined`: as what. */
  readonly role?: Role;
  /** For `user.kicked`: the device that is meant, if only one is. */
  readonly device?: string;
  /** For `device.offline`: when it was last seen; milliseconds since the epoch. */
  readonly lastSeen?: number;
  readonly reason?: string;
  /** A device behind the board that has come or gone; absent: the board itself. */
  readonly sub?: string;
  readonly at: number;
}

export type StatusFacts = Omit<Status, "type" | "about">;

/** Makes the payload of a status event: about the board, if there is one, or the user. */
export function statusOf(facts: StatusFacts): Status {
  const { event, board, user, family } = facts;
  const about = board === undefined ? `user:${user ?? family}` : boardKey(board);
  return { ...facts, type: STATUS_EVENTS[event], about };
}

/**
 * Whether a message may go from one principal (key) to another, given the role in the view of
 * either. A guest sees what a board sends, and commands nothing; users of one family may all
 * write to each other.
 */
export function maySend(
  role: Role | undefined,
  { from, to }: { readonly from: string; readonly to: string },
): boolean {
  if (role === undefined) return false;
  return role !== "guest" || kindOf(from) === "board" || kindOf(to) === "phone";
}
