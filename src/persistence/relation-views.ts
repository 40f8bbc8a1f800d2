import { boardKey, boardOf } from "../core/address.ts";
import type { Reach, Role } from "../core/relations.ts";
import { compareText } from "../core/text-order.ts";
import type { Family, FamilyMember } from "./ports/relations.ts";
import type { RelationRows } from "./relation-rules.ts";

type Rows = Pick<RelationRows, "board" | "boardsOf" | "joined" | "membersOf">;

/** Makes the view of a principal (key) out of the rows; see `Reach`. */
export function reachOf(rows: Rows, principal: string, version: number): Reach {
  const board = boardOf(principal);
  if (board === undefined) return reachOfUser(rows, principal, version);
  const owner = rows.board(board)?.owner;
  if (owner === undefined) return { version, roles: new Map(), family: undefined };
  const family = rows.joined(owner);
  const roles = rolesIn(rows, family).set(owner, "owner");
  return { version, roles, family };
}

function reachOfUser(rows: Rows, user: string, version: number): Reach {
  const family = rows.joined(user);
  const roles = rolesIn(rows, family);
  const own = roles.get(user) ?? "owner";
  const users = family === undefined ? [user] : [...roles.keys()];
  roles.delete(user);
  for (const { id, owner } of rows.boardsOf(users)) {
    roles.set(boardKey(id), owner === user ? "owner" : own);
  }
  return { version, roles, family };
}

/** The roles of those who have joined a family. */
function rolesIn(rows: Rows, family: string | undefined): Map<string, Role> {
  const members = family === undefined ? [] : rows.membersOf(family);
  return new Map(members.flatMap((it) => (it.isInvited ? [] : [[it.user, it.role] as const])));
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
