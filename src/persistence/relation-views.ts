import { boardKey, boardOf } from "../core/address.ts";
import type { Reach, Role } from "../core/relations.ts";
import { compareText } from "../core/text-order.ts";
import type { Family, FamilyMember } from "./ports/relations.ts";
import type { RelationRows } from "./relation-rules.ts";

type Rows = Pick<RelationRows, "board" | "boardsOf" | "joined" | "membersOf">;

/** What the views of one family have in common. */
interface Shared {
  /** The roles of those who have joined; a copy is made for each view. */
  readonly roles: ReadonlyMap<string, Role>;
  readonly boards: readonly { readonly id: string; readonly owner: string }[];
}

/** Makes the views of principals (keys) out of the rows; what a family shares is read once. */
export function reachesOf(rows: Rows, principals: readonly string[], version: number): Reach[] {
  const families = new Map<string, Shared>();
  const sharedOf = (family: string): Shared => {
    const known = families.get(family);
    if (known !== undefined) return known;
    const members = rows.membersOf(family).filter((it) => !it.isInvited);
    const roles = new Map(members.map((it) => [it.user, it.role]));
    const shared = { roles, boards: rows.boardsOf([...roles.keys()]) };
    families.set(family, shared);
    return shared;
  };
  return principals.map((principal) => {
    const board = boardOf(principal);
    if (board === undefined) return reachOfUser(rows, principal, sharedOf, version);
    const owner = rows.board(board)?.owner;
    const family = owner === undefined ? undefined : rows.joined(owner);
    const roles = new Map(family === undefined ? [] : sharedOf(family).roles);
    if (owner !== undefined) roles.set(owner, "owner");
    return { version, roles, family };
  });
}

function reachOfUser(
  rows: Rows,
  user: string,
  sharedOf: (family: string) => Shared,
  version: number,
): Reach {
  const family = rows.joined(user);
  const shared = family === undefined ? undefined : sharedOf(family);
  const roles = new Map(shared?.roles);
  const own = roles.get(user) ?? "owner";
  roles.delete(user);
  for (const { id, owner } of shared?.boards ?? rows.boardsOf([user])) {
    roles.set(boardKey(id), owner === user ? "owner" : own);
  }
  return { version, roles, family };
}

/** A family as it is shown; undefined when there is none of this host. */
export function familyFrom(host: string, members: readonly FamilyMember[]): Family | undefined {
  return members.length === 0 ? undefined : { host, members: byTime(members, (it) => it.user) };
}

/** In the order of time, and of names where that is the same. */
export function byTime<Row extends { readonly since: number }>(
  rows: readonly Row[],
  nameOf: (row: Row) => string,
): readonly Row[] {
  return [...rows].sort((a, b) => a.since - b.since || compareText(nameOf(a), nameOf(b)));
}
