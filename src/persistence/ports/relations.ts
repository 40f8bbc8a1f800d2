import type { Reach, Role, Status } from "../../core/relations.ts";
import type { PageOf, PageRequest } from "./audience.ts";

/** A thing that is registered. Its secret is derived, not stored: see `secretVersion`. */
export interface Board {
  readonly id: string;
  readonly name: string;
  /** What kind of thing it is, as its maker says; at most 128 characters. */
  readonly model: string;
  /** Its serial number and hardware address, if it said them. */
  readonly serial: string;
  readonly mac: string;
  readonly owner: string | undefined;
  /** Raised to make the board's present secret invalid; one id never has a version twice. */
  readonly secretVersion: number;
  readonly registeredAt: number;
}

/** What a board's registration says. What it leaves out stays as it is, or is empty at first. */
export interface BoardFacts {
  readonly id: string;
  /** At first the id, unless it is said. */
  readonly name?: string | undefined;
  readonly model?: string | undefined;
  readonly serial?: string | undefined;
  readonly mac?: string | undefined;
}

export interface FamilyMember {
  readonly user: string;
  readonly role: Role;
  /** Invited and not yet answered; such a member reaches nothing. */
  readonly isInvited: boolean;
  readonly since: number;
}

/**
 * A family is named by its host, who is its owner. A user is in at most one.
 *
 * It begins with the first invitation, and ends when nobody but its host is in it or invited.
 */
export interface Family {
  readonly host: string;
  /** By the time since when, then by name. */
  readonly members: readonly FamilyMember[];
}

/** A change of relations. Repeating one that holds already changes nothing and says so. */
export type RelationChange =
  | { readonly type: "register"; readonly board: BoardFacts }
  | { readonly type: "rename"; readonly board: string; readonly name: string }
  | { readonly type: "rotate-secret"; readonly board: string }
  | { readonly type: "forget"; readonly board: string }
  /** The board must be registered; to another owner only after `unbind`. */
  | { readonly type: "bind"; readonly board: string; readonly user: string }
  | { readonly type: "unbind"; readonly board: string }
  /** As `member` or `guest`; inviting again with another role changes the invitation. */
  | {
      readonly type: "invite";
      readonly family: string;
      readonly user: string;
      readonly role: Role;
    }
  | { readonly type: "join" | "refuse"; readonly family: string; readonly user: string }
  /** The user leaves (`quit`), or is made to (`remove`), which also withdraws an invitation. */
  | { readonly type: "quit" | "remove"; readonly family: string; readonly user: string }
  | {
      readonly type: "set-role";
      readonly family: string;
      readonly user: string;
      readonly role: Role;
    }
  | { readonly type: "dismiss"; readonly family: string };

/** A status event that is to be told, and whom; kept until it has been. */
export interface Announcement {
  /** Grows; never used twice. */
  readonly n: number;
  readonly status: Status;
  /** Principals (keys) that are concerned, who is not any more after the change included. */
  readonly audience: readonly string[];
}

/** What a change did. */
export interface RelationChanged {
  /** False when it held already: nothing is announced then. */
  readonly changed: boolean;
  /** Principals (keys) whose view is another now. */
  readonly affected: readonly string[];
  readonly announcement: Announcement | undefined;
}

export interface LastSeen {
  readonly principal: string;
  readonly at: number;
}

/** Boards, their owners, and families that share them. */
export interface RelationStore {
  /**
   * Applies one change, and keeps what is to be announced of it, in one transaction.
   *
   * To take away what is not there changes nothing, so that a repeated change is safe.
   *
   * @throws RuntimeError `board.unknown`, `family.unknown`, `relation.refused` (bound to another
   * owner, not invited, in another family, a limit of `RELATION_LIMITS`).
   */
  change(change: RelationChange, at: number): Promise<RelationChanged>;
  /**
   * The views of these principals (keys), in the same order; an empty one for who has none. A
   * view that is read after a change has a higher version than one that is read before it.
   */
  reaches(principals: readonly string[]): Promise<readonly Reach[]>;
  /** What has not been announced yet, the oldest first. */
  announcements(limit: number): Promise<readonly Announcement[]>;
  /** These have been announced: forgets them. */
  announced(numbers: readonly number[]): Promise<void>;
  board(id: string): Promise<Board | undefined>;
  /** Newest first. @throws RuntimeError `store.cursor`. */
  boards(request: PageRequest & { readonly owner?: string | undefined }): Promise<PageOf<Board>>;
  family(host: string): Promise<Family | undefined>;
  /** The family that the user has joined, or is the host of. */
  familyOf(user: string): Promise<Family | undefined>;
  /** The families that the user is invited to, the oldest invitation first. */
  invitations(user: string): Promise<readonly Invitation[]>;
  /** Keeps when principals were last connected; an older instant does not replace a newer one. */
  seen(entries: readonly LastSeen[]): Promise<void>;
  /** When these principals (keys) were last connected, in the same order; undefined: never. */
  lastSeen(principals: readonly string[]): Promise<readonly (number | undefined)[]>;
}

export interface Invitation {
  readonly family: string;
  readonly role: Role;
  readonly since: number;
}
