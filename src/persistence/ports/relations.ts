import type { Reach, Role } from "../../core/relations.ts";
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
  /** Raised to make the board's present secret invalid. */
  readonly secretVersion: number;
  readonly registeredAt: number;
}

export interface FamilyMember {
  readonly user: string;
  readonly role: Role;
  /** Invited and not yet answered; such a member reaches nothing. */
  readonly isInvited: boolean;
  readonly since: number;
}

/** A family is named by its host, who is its owner. A user is in at most one. */
export interface Family {
  readonly host: string;
  readonly members: readonly FamilyMember[];
}

/** A change of relations. Repeating one that holds already changes nothing and says so. */
export type RelationChange =
  | { readonly type: "register"; readonly board: Omit<Board, "owner" | "secretVersion"> }
  | { readonly type: "rename"; readonly board: string; readonly name: string }
  | { readonly type: "rotate-secret"; readonly board: string }
  | { readonly type: "forget"; readonly board: string }
  /** To another owner only after `unbind`. */
  | { readonly type: "bind"; readonly board: string; readonly user: string }
  | { readonly type: "unbind"; readonly board: string }
  | {
      readonly type: "invite";
      readonly family: string;
      readonly user: string;
      readonly role: Role;
    }
  | { readonly type: "join" | "refuse"; readonly family: string; readonly user: string }
  /** The user leaves (`quit`), or is made to (`remove`). */
  | { readonly type: "quit" | "remove"; readonly family: string; readonly user: string }
  | {
      readonly type: "set-role";
      readonly family: string;
      readonly user: string;
      readonly role: Role;
    }
  | { readonly type: "dismiss"; readonly family: string };

/** What a change did. */
export interface RelationChanged {
  /** False when it held already: nothing is announced then. */
  readonly changed: boolean;
  /** New views of every principal whose view is another now, by key. */
  readonly reaches: ReadonlyMap<string, Reach>;
  /** Principals (keys) that are to be told of it, the affected ones before the change included. */
  readonly audience: readonly string[];
}

export interface LastSeen {
  readonly principal: string;
  readonly at: number;
}

/** Boards, their owners, and families that share them. */
export interface RelationStore {
  /**
   * Applies one change in one transaction.
   *
   * @throws RuntimeError `board.unknown`, `family.unknown`, `relation.refused` (bound to another
   * owner, not invited, in another family, a limit of `RELATION_LIMITS`).
   */
  change(change: RelationChange, at: number): Promise<RelationChanged>;
  /** The views of these principals (keys), in the same order; `NO_REACH` for who has none. */
  reaches(principals: readonly string[]): Promise<readonly Reach[]>;
  board(id: string): Promise<Board | undefined>;
  boards(request: PageRequest & { readonly owner?: string }): Promise<PageOf<Board>>;
  family(host: string): Promise<Family | undefined>;
  familyOf(user: string): Promise<Family | undefined>;
  /** Keeps when principals were last connected; an older instant does not replace a newer one. */
  seen(entries: readonly LastSeen[]): Promise<void>;
  lastSeen(principal: string): Promise<number | undefined>;
}
