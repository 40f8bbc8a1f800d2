/** What a user is to a board, or to a family. */
export type Role = "owner" | "member" | "guest";

/**
 * Whom a principal may reach. Both sides of a relation have it, with the user's role: a board's
 * view lists users, a user's view lists boards and the other users of the family.
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
  /** Users in one family. */
  usersPerFamily: 200,
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
  /** For `device.offline`: when it was last seen; milliseconds since the epoch. */
  readonly lastSeen?: number;
  readonly reason?: string;
  readonly at: number;
}

/**
 * Whether a message may go from one principal to another, given the user's role in the relation.
 * A guest sees what a board sends, and commands nothing.
 */
export function maySend(role: Role | undefined, fromBoard: boolean): boolean {
  if (role === undefined) return false;
  return fromBoard || role !== "guest";
}
