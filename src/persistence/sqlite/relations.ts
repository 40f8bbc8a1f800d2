import { pageOf, readCursor, rowsWanted } from "../cursor.ts";
import type {
  Announcement,
  Board,
  FamilyMember,
  Invitation,
  RelationStore,
} from "../ports/relations.ts";
import { applyChange, type RelationRows } from "../relation-rules.ts";
import { byTime, familyFrom, reachesOf } from "../relation-views.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";

const BOARD = `id, name, model, serial, mac, owner, secret_version AS secretVersion,
  registered_at AS registeredAt`;

/** A board as SQLite has it. */
type BoardRow = Omit<Board, "owner"> & { readonly owner: string | null };
type MemberRow = Omit<FamilyMember, "isInvited"> & { readonly isInvited: number };

/** The relations port's SQL. */
export function relationOperations(db: Database): Synchronous<RelationStore> {
  const rows = relationRows(db);
  const family = (host: string) => familyFrom(host, rows.membersOf(host));
  return {
    change: (change, at) => applyChange(rows, change, at),

    reaches(principals) {
      const { n } = db.row<{ n: number }>("SELECT n FROM relation_version")!;
      return reachesOf(rows, principals, n);
    },

    announcements(limit) {
      const sql = "SELECT n, body FROM relation_announcements ORDER BY n LIMIT ?";
      return db
        .rows<{ n: number; body: string }>(sql, limit)
        .map(({ n, body }) => ({ ...(JSON.parse(body) as Omit<Announcement, "n">), n }));
    },

    announced(numbers) {
      for (const n of numbers) db.run("DELETE FROM relation_announcements WHERE n = ?", n);
    },

    board: rows.board,

    boards(request) {
      const [before] = readCursor(request.after, [Number.MAX_SAFE_INTEGER]);
      const { owner } = request;
      const wanted = owner === undefined ? "" : "AND owner = ?";
      const sql = `SELECT seq, ${BOARD} FROM boards WHERE seq < ? ${wanted}
        ORDER BY seq DESC LIMIT ?`;
      const params = [...(owner === undefined ? [] : [owner]), rowsWanted(request)];
      const found = db.rows<BoardRow & { seq: number }>(sql, before, ...params);
      const page = pageOf(found, request, ({ seq }) => String(seq));
      return { items: page.items.map(({ seq: _, ...row }) => boardFrom(row)), next: page.next };
    },

    family,

    familyOf(user) {
      const host = rows.joined(user);
      return host === undefined ? undefined : family(host);
    },

    invitations(user) {
      const sql = `SELECT family, role, since FROM family_members
        WHERE user = ? AND is_invited = 1`;
      return byTime(db.rows<Invitation>(sql, user), (it) => it.family);
    },

    seen(entries) {
      const sql = `INSERT INTO principal_seen (principal, at) VALUES (?, ?)
        ON CONFLICT (principal) DO UPDATE SET at = max(at, excluded.at)`;
      for (const { principal, at } of entries) db.run(sql, principal, at);
    },

    lastSeen(principals) {
      const sql = "SELECT at FROM principal_seen WHERE principal = ?";
      return principals.map((principal) => db.row<{ at: number }>(sql, principal)?.at);
    },
  };
}

type BoardRows = Pick<
  RelationRows,
  "board" | "boardsOf" | "forgetSecret" | "putBoard" | "removeBoard" | "secretForgotten"
>;

function boardRows(db: Database): BoardRows {
  return {
    board(id) {
      const row = db.row<BoardRow>(`SELECT ${BOARD} FROM boards WHERE id = ?`, id);
      return row === undefined ? undefined : boardFrom(row);
    },

    putBoard({ id, name, model, serial, mac, owner, secretVersion, registeredAt }) {
      const sql = `INSERT INTO boards
        (id, name, model, serial, mac, owner, secret_version, registered_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, model = excluded.model,
          serial = excluded.serial, mac = excluded.mac, owner = excluded.owner,
          secret_version = excluded.secret_version`;
      const owned = owner ?? null;
      db.run(sql, id, name, model, serial, mac, owned, secretVersion, registeredAt);
    },

    removeBoard: (id) => void db.run("DELETE FROM boards WHERE id = ?", id),

    secretForgotten: () =>
      db.row<{ n: number }>("SELECT secret_forgotten AS n FROM relation_version")!.n,

    forgetSecret(version) {
      const sql = "UPDATE relation_version SET secret_forgotten = max(secret_forgotten, ?)";
      db.run(sql, version);
    },

    boardsOf: (users) =>
      users.flatMap((user) =>
        db.rows<{ id: string; owner: string }>(
          "SELECT id, owner FROM boards WHERE owner = ?",
          user,
        ),
      ),
  };
}

function relationRows(db: Database): RelationRows {
  return {
    ...boardRows(db),

    membersOf(family) {
      const sql = `SELECT user, role, is_invited AS isInvited, since FROM family_members
        WHERE family = ?`;
      const found = db.rows<MemberRow>(sql, family);
      return found.map((row) => ({ ...row, isInvited: row.isInvited === 1 }));
    },

    joined: (user) =>
      db.row<{ family: string }>(
        "SELECT family FROM family_members WHERE user = ? AND is_invited = 0",
        user,
      )?.family,

    invitationsCount: (user) =>
      db.row<{ n: number }>(
        "SELECT count(*) AS n FROM family_members WHERE user = ? AND is_invited = 1",
        user,
      )!.n,

    putMember(family, { user, role, isInvited, since }) {
      const sql = `INSERT OR REPLACE INTO family_members (family, user, role, is_invited, since)
        VALUES (?, ?, ?, ?, ?)`;
      db.run(sql, family, user, role, Number(isInvited), since);
    },

    removeMember: (family, user) =>
      void db.run("DELETE FROM family_members WHERE family = ? AND user = ?", family, user),

    raiseVersion: () => void db.run("UPDATE relation_version SET n = n + 1"),

    announce(announcement) {
      const sql = "INSERT INTO relation_announcements (body) VALUES (?)";
      db.run(sql, JSON.stringify(announcement));
      return { ...announcement, n: db.row<{ n: number }>("SELECT last_insert_rowid() AS n")!.n };
    },
  };
}

function boardFrom({ owner, ...row }: BoardRow): Board {
  return { ...row, owner: owner ?? undefined };
}
