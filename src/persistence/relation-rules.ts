import { boardKey, ID_EXPECTED, isBoardId, isUserId } from "../core/address.ts";
import { RuntimeError } from "../core/errors.ts";
import { RELATION_LIMITS, type StatusFacts, statusOf } from "../core/relations.ts";
import type {
  Announcement,
  Board,
  BoardFacts,
  FamilyMember,
  RelationChange,
  RelationChanged,
} from "./ports/relations.ts";

/** The rows of relations, as each adapter keeps them; within one transaction. */
export interface RelationRows {
  board(id: string): Board | undefined;
  /** Adds it, or replaces the one of its id. */
  putBoard(board: Board): void;
  removeBoard(id: string): void;
  /** The highest version that was noted by `forgetSecret`; 0 before the first. */
  secretForgotten(): number;
  forgetSecret(version: number): void;
  /** Ids of the boards of these users. */
  boardsOf(users: readonly string[]): readonly { readonly id: string; readonly owner: string }[];
  /** The members of a family, those who are invited included; none when there is none. */
  membersOf(family: string): readonly FamilyMember[];
  /** The family that the user has joined, or is the host of. */
  joined(user: string): string | undefined;
  invitationsCount(user: string): number;
  /** Adds it, or replaces the one of this user in this family. */
  putMember(family: string, member: FamilyMember): void;
  removeMember(family: string, user: string): void;
  /** Notes that views have changed. */
  raiseVersion(): void;
  /** Keeps it until it has been announced, and numbers it. */
  announce(announcement: Omit<Announcement, "n">): Announcement;
}

type Of<Type extends RelationChange["type"]> = Extract<RelationChange, { type: Type }>;

const UNCHANGED: RelationChanged = { changed: false, affected: [], announcement: undefined };
const CHANGED: RelationChanged = { ...UNCHANGED, changed: true };

/** Applies a change to the rows, the same on every adapter; see `RelationStore.change`. */
export function applyChange(
  rows: RelationRows,
  change: RelationChange,
  at: number,
): RelationChanged {
  switch (change.type) {
    case "register":
      return register(rows, change.board, at);
    case "rename":
      return replace(rows, mustBoard(rows, change.board), { name: change.name });
    case "rotate-secret": {
      const board = mustBoard(rows, change.board);
      return replace(rows, board, { secretVersion: board.secretVersion + 1 });
    }
    case "forget":
      return forget(rows, change, at);
    case "bind":
      return bind(rows, change, at);
    case "unbind":
      return unbind(rows, mustBoard(rows, change.board), at);
    case "invite":
      return invite(rows, change, at);
    case "join":
      return join(rows, change as Of<"join">, at);
    case "refuse":
      return refuse(rows, change as Of<"refuse">, at);
    case "quit":
    case "remove":
      return leave(rows, change as Of<"quit">, at);
    case "set-role":
      return setRole(rows, change);
    case "dismiss":
      return dismiss(rows, change, at);
  }
}

function register(rows: RelationRows, facts: BoardFacts, at: number): RelationChanged {
  const { id, name, model, serial, mac } = facts;
  if (!isBoardId(id)) throw noId("board", "at most 122 characters, ", id);
  const known = rows.board(id);
  if (known !== undefined) {
    const said = Object.entries({ name, model, serial, mac }).filter(([, it]) => it !== undefined);
    return replace(rows, known, Object.fromEntries(said));
  }
  // A board that was forgotten and comes again must not have a secret that it had before.
  const secretVersion = rows.secretForgotten() + 1;
  const fresh = { owner: undefined, secretVersion, registeredAt: at };
  const about = { model: model ?? "", serial: serial ?? "", mac: mac ?? "" };
  rows.putBoard({ id, name: name ?? id, ...about, ...fresh });
  return CHANGED;
}

function replace(rows: RelationRows, board: Board, change: Partial<Board>): RelationChanged {
  const changed = { ...board, ...change };
  const names = Object.keys(change) as (keyof Board)[];
  if (names.every((name) => board[name] === changed[name])) return UNCHANGED;
  rows.putBoard(changed);
  return CHANGED;
}

function forget(rows: RelationRows, { board: id }: Of<"forget">, at: number): RelationChanged {
  const board = rows.board(id);
  if (board === undefined) return UNCHANGED;
  const changed = unbind(rows, board, at);
  rows.removeBoard(id);
  rows.forgetSecret(board.secretVersion);
  return changed.changed ? changed : CHANGED;
}

function bind(rows: RelationRows, { board: id, user }: Of<"bind">, at: number): RelationChanged {
  mustBeUser(user);
  const board = mustBoard(rows, id);
  if (board.owner === user) return UNCHANGED;
  if (board.owner !== undefined) throw refused(`board ${id} is bound to another user: unbind it`);
  const users = familyUsers(rows, user);
  const boards = rows.boardsOf(users);
  const own = boards.filter(({ owner }) => owner === user).length;
  const { boardsPerUser, boardsPerFamily } = RELATION_LIMITS;
  if (own >= boardsPerUser) throw refused(`${user} has ${own} boards, the most there may be`);
  mustHaveRoom(boards.length, boardsPerFamily);
  rows.putBoard({ ...board, owner: user });
  const concerned = [boardKey(id), ...users];
  return changedBy(rows, concerned, { event: "board.bound", board: id, user, at });
}

function unbind(rows: RelationRows, board: Board, at: number): RelationChanged {
  const { id, owner } = board;
  if (owner === undefined) return UNCHANGED;
  rows.putBoard({ ...board, owner: undefined });
  const concerned = [boardKey(id), ...familyUsers(rows, owner)];
  return changedBy(rows, concerned, { event: "board.unbound", board: id, user: owner, at });
}

function invite(rows: RelationRows, change: Of<"invite">, at: number): RelationChanged {
  const { family, user, role } = change;
  mustBeUser(family);
  mustBeUser(user);
  if (role === "owner") throw refused("only the host owns a family: invite as member or guest");
  if (family === user) throw refused(`${user} is the host of this family`);
  const members = rows.membersOf(family);
  const known = members.find((it) => it.user === user);
  if (known !== undefined && (!known.isInvited || known.role === role)) return UNCHANGED;
  if (members.length === 0) mustBeFree(rows, family);
  if (known === undefined) mustHaveRoomFor(rows, Math.max(1, members.length), user);
  if (members.length === 0) {
    rows.putMember(family, { user: family, role: "owner", isInvited: false, since: at });
  }
  rows.putMember(family, { user, role, isInvited: true, since: at });
  const status = { event: "family.invited", family, user, role, at } as const;
  // Whose first invitation it is has a family from now on, and so have the boards.
  const affected = members.length === 0 ? withBoards(rows, [family]) : [];
  return { ...changedBy(rows, [family, user], status), affected };
}

function join(rows: RelationRows, { family, user }: Of<"join">, at: number): RelationChanged {
  const member = mustMembers(rows, family).find((it) => it.user === user);
  if (member === undefined) throw refused(`${user} is not invited to this family`);
  if (!member.isInvited) return UNCHANGED;
  mustBeFree(rows, user);
  const { role } = member;
  const boards = rows.boardsOf([...familyUsers(rows, family), user]).length;
  mustHaveRoom(boards - 1, RELATION_LIMITS.boardsPerFamily);
  rows.putMember(family, { user, role, isInvited: false, since: at });
  const users = familyUsers(rows, family);
  const status = { event: "family.joined", family, user, role, at } as const;
  return { ...changedBy(rows, users, status), affected: withBoards(rows, users) };
}

function refuse(rows: RelationRows, { family, user }: Of<"refuse">, at: number): RelationChanged {
  const member = rows.membersOf(family).find((it) => it.user === user);
  if (member === undefined) return UNCHANGED;
  if (!member.isInvited) throw refused(`${user} is in this family already: quit it`);
  const affected = takeAway(rows, family, user);
  const status = { event: "family.refused", family, user, at } as const;
  return { ...changedBy(rows, [family, user], status), affected };
}

/** An invitation that is withdrawn is told to the host and the user alone. */
function leave(rows: RelationRows, change: Of<"quit">, at: number): RelationChanged {
  const { type, family, user } = change;
  const member = rows.membersOf(family).find((it) => it.user === user);
  if (member === undefined || (type === "quit" && member.isInvited)) return UNCHANGED;
  if (user === family) throw refused("the host does not leave a family, but dismisses it");
  const told = member.isInvited ? [family, user] : familyUsers(rows, family);
  const affected = takeAway(rows, family, user);
  const event = type === "quit" ? "family.quit" : "family.removed";
  return { ...changedBy(rows, told, { event, family, user, at }), affected };
}

function setRole(rows: RelationRows, { family, user, role }: Of<"set-role">): RelationChanged {
  if (role === "owner") throw refused("only the host owns a family: make it member or guest");
  const members = mustMembers(rows, family);
  const member = members.find((it) => it.user === user);
  if (member === undefined) throw refused(`${user} is not in this family`);
  if (user === family) throw refused("the host of a family stays its owner");
  if (member.role === role) return UNCHANGED;
  rows.putMember(family, { ...member, role });
  if (member.isInvited) return CHANGED;
  rows.raiseVersion();
  return { ...CHANGED, affected: withBoards(rows, familyUsers(rows, family)) };
}

function dismiss(rows: RelationRows, { family }: Of<"dismiss">, at: number): RelationChanged {
  const members = rows.membersOf(family).map(({ user }) => user);
  if (members.length === 0) return UNCHANGED;
  const affected = withBoards(rows, familyUsers(rows, family));
  for (const user of members) rows.removeMember(family, user);
  return { ...changedBy(rows, members, { event: "family.dismissed", family, at }), affected };
}

/** Removes a member, and the family with the last one but its host; returns whose view changed. */
function takeAway(rows: RelationRows, family: string, user: string): readonly string[] {
  const members = rows.membersOf(family);
  const isJoined = members.some((it) => it.user === user && !it.isInvited);
  const isLast = members.every((it) => it.user === user || it.user === family);
  const affected = isJoined || isLast ? withBoards(rows, familyUsers(rows, family)) : [];
  rows.removeMember(family, user);
  if (isLast) rows.removeMember(family, family);
  return affected;
}

/** The users of the user's family, the user included: those who share their boards. */
export function familyUsers(
  rows: Pick<RelationRows, "joined" | "membersOf">,
  user: string,
): readonly string[] {
  const family = rows.joined(user);
  if (family === undefined) return [user];
  return rows.membersOf(family).flatMap((it) => (it.isInvited ? [] : [it.user]));
}

/** Keys of users and of all their boards. */
function withBoards(rows: RelationRows, users: readonly string[]): readonly string[] {
  return [...users, ...rows.boardsOf(users).map(({ id }) => boardKey(id))];
}

function changedBy(
  rows: RelationRows,
  audience: readonly string[],
  facts: StatusFacts,
): RelationChanged {
  rows.raiseVersion();
  const announcement = rows.announce({ status: statusOf(facts), audience });
  return { changed: true, affected: audience, announcement };
}

function mustBoard(rows: RelationRows, id: string): Board {
  const board = rows.board(id);
  if (board !== undefined) return board;
  throw new RuntimeError("board.unknown", `there is no board ${id.slice(0, 128)}`);
}

function mustMembers(rows: RelationRows, family: string): readonly FamilyMember[] {
  const members = rows.membersOf(family);
  if (members.length > 0) return members;
  throw new RuntimeError("family.unknown", `${family.slice(0, 128)} is the host of no family`);
}

function mustBeUser(user: string): void {
  if (!isUserId(user)) throw noId("user", "", user);
}

function mustBeFree(rows: RelationRows, user: string): void {
  const family = rows.joined(user);
  if (family === undefined) return;
  const way = family === user ? "dismiss it" : "quit it";
  throw refused(`${user} is in the family of ${family} already: ${way} first`);
}

function mustHaveRoomFor(rows: RelationRows, users: number, invited: string): void {
  const { usersPerFamily, invitationsPerUser } = RELATION_LIMITS;
  if (users >= usersPerFamily) throw refused(`a family has at most ${usersPerFamily} users`);
  if (rows.invitationsCount(invited) < invitationsPerUser) return;
  throw refused(`${invited} has ${invitationsPerUser} invitations to answer first`);
}

function mustHaveRoom(boards: number, max: number): void {
  if (boards >= max) throw refused(`a family has at most ${max} boards`);
}

function noId(whose: string, also: string, id: string): RuntimeError {
  const got = JSON.stringify(id.slice(0, 128));
  return refused(`the id of a ${whose} must be ${also}${ID_EXPECTED}; got ${got}`);
}

function refused(message: string): RuntimeError {
  return new RuntimeError("relation.refused", message);
}
