import { pageOf, readCursor } from "../cursor.ts";
import type { Announcement, Board, FamilyMember, RelationStore } from "../ports/relations.ts";
import { applyChange, type RelationRows } from "../relation-rules.ts";
import { byTime, familyFrom, reachesOf } from "../relation-views.ts";
import type { Synchronous } from "../synchronous.ts";
import { copyOf } from "./rows.ts";

/** Relations in maps, as rows that the rules work on. */
interface Kept {
  readonly rows: RelationRows;
  /** By id, with the number that orders them. */
  readonly boards: ReadonlyMap<string, { readonly seq: number; readonly board: Board }>;
  version(): number;
  memberships(user: string): readonly { readonly family: string; readonly member: FamilyMember }[];
  pending: Announcement[];
}

/** Families are in one map by host; who has joined which is looked up in all of them. */
function keep(): Kept {
  const boards = new Map<string, { readonly seq: number; readonly board: Board }>();
  const families = new Map<string, ReadonlyMap<string, FamilyMember>>();
  let [seq, version, announced, forgotten] = [0, 0, 0, 0];

  const memberships = (user: string) =>
    [...families].flatMap(([family, members]) => {
      const member = members.get(user);
      return member === undefined ? [] : [{ family, member }];
    });
  const setMember = (family: string, user: string, member: FamilyMember | undefined): void => {
    const members = new Map(families.get(family));
    if (member === undefined) members.delete(user);
    else members.set(user, member);
    if (members.size === 0) families.delete(family);
    else families.set(family, members);
  };

  const rows: RelationRows = {
    board: (id) => boards.get(id)?.board,
    putBoard: (board) => {
      const known = boards.get(board.id);
      if (known === undefined) seq += 1;
      boards.set(board.id, { seq: known?.seq ?? seq, board });
    },
    removeBoard: (id) => void boards.delete(id),
    secretForgotten: () => forgotten,
    forgetSecret: (secretVersion) => {
      forgotten = Math.max(forgotten, secretVersion);
    },
    boardsOf: (users) => {
      const all = [...boards.values()].map(({ board }) => board);
      return all.flatMap(({ id, owner }) =>
        owner !== undefined && users.includes(owner) ? [{ id, owner }] : [],
      );
    },
    membersOf: (family) => [...(families.get(family)?.values() ?? [])],
    joined: (user) => memberships(user).find(({ member }) => !member.isInvited)?.family,
    invitationsCount: (user) => memberships(user).filter(({ member }) => member.isInvited).length,
    putMember: (family, member) => setMember(family, member.user, member),
    removeMember: (family, user) => setMember(family, user, undefined),
    raiseVersion: () => {
      version += 1;
    },
    announce: (announcement) => {
      announced += 1;
      const numbered = { ...announcement, n: announced };
      kept.pending.push(numbered);
      return numbered;
    },
  };
  const kept: Kept = { rows, boards, version: () => version, memberships, pending: [] };
  return kept;
}

export function memoryRelations(): Synchronous<RelationStore> {
  const kept = keep();
  const { rows, boards, memberships } = kept;
  const lastSeen = new Map<string, number>();
  const family = (host: string) => familyFrom(host, rows.membersOf(host));

  return {
    change: (change, at) => applyChange(rows, change, at),
    reaches: (principals) => reachesOf(rows, principals, kept.version()),
    announcements: (limit) => copyOf(kept.pending.slice(0, limit)),
    announced: (numbers) => {
      kept.pending = kept.pending.filter(({ n }) => !numbers.includes(n));
    },
    board: (id) => rows.board(id),
    boards(request) {
      const [before] = readCursor(request.after, [Number.MAX_SAFE_INTEGER]);
      const { owner } = request;
      const wanted = [...boards.values()]
        .filter((it) => it.seq < before && (owner === undefined || it.board.owner === owner))
        .sort((a, b) => b.seq - a.seq);
      const page = pageOf(wanted, request, (it) => String(it.seq));
      return { items: page.items.map(({ board }) => board), next: page.next };
    },
    family,
    familyOf: (user) => {
      const host = rows.joined(user);
      return host === undefined ? undefined : family(host);
    },
    invitations: (user) =>
      byTime(
        memberships(user)
          .filter(({ member }) => member.isInvited)
          .map(({ family: host, member: { role, since } }) => ({ family: host, role, since })),
        (it) => it.family,
      ),
    seen: (entries) => {
      for (const { principal, at } of entries) {
        lastSeen.set(principal, Math.max(at, lastSeen.get(principal) ?? 0));
      }
    },
    lastSeen: (principals) => principals.map((principal) => lastSeen.get(principal)),
  };
}
