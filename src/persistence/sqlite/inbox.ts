import { emptyLedger, type Ledger, type Outcome } from "../../core/ledger.ts";
import { endOfPrefix } from "../../core/text-order.ts";
import {
  type Appended,
  type Fate,
  type Inbox,
  type InboxItem,
  type InboxLimits,
  type InboxStore,
  type NewInboxItem,
  READ_BYTES_MAX,
} from "../ports/inbox.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";
import type { TimedInbox } from "./wire.ts";

/** How many of the oldest items are looked at together when some are to go. */
const CHUNK = 64;

/** The inbox port's SQL: items that wait, ids that are remembered, and the ledgers. */
export function inboxOperations(db: Database, limits: InboxLimits): Synchronous<TimedInbox> {
  return {
    ...appendOperation(db, limits),
    ...readOperations(db),
    ...settleOperations(db),
  };
}

function appendOperation(
  db: Database,
  limits: InboxLimits,
): Pick<Synchronous<TimedInbox>, "append"> {
  /** Gives the item its offset and keeps it, unless its id is known. */
  const add = (item: NewInboxItem, ledger: number): Appended => {
    const known = db.row<{ offset: number }>("SELECT offset FROM inbox_ids WHERE id = ?", item.id);
    if (known !== undefined) return { offset: known.offset, fresh: false };
    const { offset } = db.runReturning<{ offset: number }>(NEXT_OFFSET, item.user)!;
    const { user, id, topic, payload, ack, expiresAt } = item;
    db.run("INSERT INTO inbox_ids (id, offset) VALUES (?, ?)", id, offset);
    db.run(ADD_ITEM, user, offset, id, ledger, topic, payload, ack ? 1 : 0, expiresAt);
    return { offset, fresh: true };
  };

  return {
    append(items, now) {
      const ledgers = new Map<string, number>();
      const accepted = new Map<number, number>();
      const users = new Set<string>();
      const appended = items.map((item) => {
        let ledger = ledgers.get(item.ledger);
        if (ledger === undefined) {
          ledger = ledgerId(db, item.ledger);
          ledgers.set(item.ledger, ledger);
        }
        const result = add(item, ledger);
        if (result.fresh) {
          users.add(item.user);
          accepted.set(ledger, (accepted.get(ledger) ?? 0) + 1);
        }
        return result;
      });
      for (const [ledger, count] of accepted) {
        db.run("UPDATE inbox_ledgers SET accepted = accepted + ? WHERE id = ?", count, ledger);
      }
      const shedding = settling(db, now);
      for (const user of users) shedOverflow(db, user, limits, shedding);
      shedding.finish();
      return appended;
    },
  };
}

function readOperations(
  db: Database,
): Pick<Synchronous<InboxStore>, "read" | "fate" | "fates" | "ledger" | "ledgerOfAll"> {
  const readOne = (user: string, now: number): Inbox => {
    const sql = "SELECT head, forgotten FROM inbox_users WHERE user = ?";
    const row = db.row<{ head: number; forgotten: number }>(sql, user);
    if (row === undefined) return { user, head: 0, forgotten: 0, items: [] };
    const items = db.rows<ItemRow>(ITEMS_OF_USER, user, now);
    return { user, head: row.head, forgotten: row.forgotten, items: items.map(itemOf) };
  };

  return {
    read(users, now) {
      const inboxes: Inbox[] = [];
      let bytes = 0;
      for (const user of users) {
        const inbox = readOne(user, now);
        inboxes.push(inbox);
        for (const { payload } of inbox.items) bytes += Buffer.byteLength(payload);
        if (bytes >= READ_BYTES_MAX) break;
      }
      return inboxes;
    },
    fate(id) {
      const row = db.row<FateRow>(FATE, id);
      return row === undefined ? undefined : fateOf(row);
    },
    fates(prefix, { after, limit }) {
      const end = endOfPrefix(prefix) ?? LAST_TEXT;
      const rows = db.rows<FateRow & { id: string }>(FATES, prefix, after, end, limit);
      return rows.map((row) => ({ id: row.id, ...fateOf(row) }));
    },
    ledger: (name) => db.row<Ledger>(LEDGER, name) ?? emptyLedger,
    ledgerOfAll: () => db.row<Ledger>(LEDGER_OF_ALL)!,
  };
}

function settleOperations(
  db: Database,
): Pick<Synchronous<InboxStore>, "settle" | "expire" | "purge"> {
  return {
    settle(settlements, at) {
      const step = settling(db, at);
      for (const { user, offset, outcome } of settlements) step.settle(user, offset, outcome);
      return step.finish();
    },

    expire(now, limit) {
      const due = db.rows<{ user: string; offset: number }>(DUE, now, limit);
      const step = settling(db, now);
      for (const { user, offset } of due) step.settle(user, offset, "expired");
      return step.finish();
    },

    purge(before, limit) {
      return db.run(PURGE, before, limit);
    },
  };
}

interface Settling {
  settle(user: string, offset: number, outcome: Outcome): void;
  /** Writes the sums; returns how many were settled. */
  finish(): number;
}

/** Settles item by item and writes what concerns ledgers and users once, at the end. */
function settling(db: Database, at: number): Settling {
  const counts = new Map<Outcome, Map<number, number>>();
  const forgotten = new Map<string, number>();
  let settled = 0;
  return {
    settle(user, offset, outcome) {
      const item = db.runReturning<{ id: string; ledger: number }>(TAKE_ITEM, user, offset);
      if (item === undefined) return;
      db.run(SETTLE_ID, at, outcome, item.id);
      let byLedger = counts.get(outcome);
      if (byLedger === undefined) {
        byLedger = new Map();
        counts.set(outcome, byLedger);
      }
      byLedger.set(item.ledger, (byLedger.get(item.ledger) ?? 0) + 1);
      // A confirmed item was seen, and an expired one is not worth telling of.
      if (outcome !== "acked" && outcome !== "expired") {
        forgotten.set(user, Math.max(forgotten.get(user) ?? 0, offset));
      }
      settled += 1;
    },
    finish() {
      for (const [outcome, byLedger] of counts) {
        const sql = `UPDATE inbox_ledgers SET ${outcome} = ${outcome} + ? WHERE id = ?`;
        for (const [ledger, count] of byLedger) db.run(sql, count, ledger);
      }
      const sql = "UPDATE inbox_users SET forgotten = max(forgotten, ?) WHERE user = ?";
      for (const [user, offset] of forgotten) db.run(sql, offset, user);
      return settled;
    },
  };
}

/** Sheds the oldest of what waits for a user until it is within the limits, or is one item. */
function shedOverflow(db: Database, user: string, limits: InboxLimits, shedding: Settling): void {
  let { items, bytes } = db.row<{ items: number; bytes: number }>(SIZE_OF_USER, user)!;
  const fits = () => items <= 1 || (items <= limits.perUserMax && bytes <= limits.perUserBytesMax);
  while (!fits()) {
    for (const oldest of db.rows<{ offset: number; bytes: number }>(OLDEST_OF_USER, user, CHUNK)) {
      shedding.settle(user, oldest.offset, "shed");
      items -= 1;
      bytes -= oldest.bytes;
      if (fits()) return;
    }
  }
}

function ledgerId(db: Database, name: string): number {
  db.run("INSERT INTO inbox_ledgers (name) VALUES (?) ON CONFLICT DO NOTHING", name);
  return db.row<{ id: number }>("SELECT id FROM inbox_ledgers WHERE name = ?", name)!.id;
}

const NEXT_OFFSET = `
  INSERT INTO inbox_users (user, head, forgotten) VALUES (?, 1, 0)
  ON CONFLICT DO UPDATE SET head = head + 1 RETURNING head AS offset`;

const ADD_ITEM = `
  INSERT INTO inbox_items (user, offset, id, ledger, topic, payload, ack, expires_at, bytes)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, octet_length(?6))`;

const SIZE_OF_USER = `
  SELECT count(*) AS items, coalesce(sum(bytes), 0) AS bytes FROM inbox_items WHERE user = ?`;

const OLDEST_OF_USER = `
  SELECT offset, bytes FROM inbox_items WHERE user = ? ORDER BY offset LIMIT ?`;

const ITEMS_OF_USER = `
  SELECT i.user, i.offset, i.id, l.name AS ledger, i.topic, i.payload, i.ack, i.expires_at
  FROM inbox_items i JOIN inbox_ledgers l ON l.id = i.ledger
  WHERE i.user = ? AND i.expires_at > ? ORDER BY i.offset`;

const TAKE_ITEM = "DELETE FROM inbox_items WHERE user = ? AND offset = ? RETURNING id, ledger";

const SETTLE_ID = "UPDATE inbox_ids SET settled_at = ?, outcome = ? WHERE id = ?";

const FATE = "SELECT offset, settled_at, outcome FROM inbox_ids WHERE id = ?";

const FATES = `
  SELECT id, offset, settled_at, outcome FROM inbox_ids
  WHERE id >= ? AND id > ? AND id < ? ORDER BY id LIMIT ?`;

/** After every id: none is as long. */
const LAST_TEXT = "\u{10ffff}".repeat(1_000);

const DUE = `
  SELECT user, offset FROM inbox_items WHERE expires_at <= ? ORDER BY expires_at, seq LIMIT ?`;

const PURGE = `
  DELETE FROM inbox_ids WHERE id IN (
    SELECT id FROM inbox_ids WHERE settled_at IS NOT NULL AND settled_at < ?
    ORDER BY settled_at LIMIT ?)`;

const LEDGER = `
  SELECT accepted, delivered, acked, expired, shed, unknown,
    (SELECT count(*) FROM inbox_items WHERE ledger = l.id) AS pending
  FROM inbox_ledgers l WHERE name = ?`;

const LEDGER_OF_ALL = `
  SELECT coalesce(sum(accepted), 0) AS accepted, coalesce(sum(delivered), 0) AS delivered,
    coalesce(sum(acked), 0) AS acked, coalesce(sum(expired), 0) AS expired,
    coalesce(sum(shed), 0) AS shed, coalesce(sum(unknown), 0) AS unknown,
    (SELECT count(*) FROM inbox_items) AS pending
  FROM inbox_ledgers`;

interface FateRow {
  readonly offset: number;
  readonly settled_at: number | null;
  readonly outcome: Outcome | null;
}

function fateOf({ offset, settled_at: at, outcome }: FateRow): Fate {
  return { offset, settled: at === null || outcome === null ? undefined : { outcome, at } };
}

interface ItemRow extends Omit<InboxItem, "ack" | "expiresAt"> {
  readonly ack: number;
  readonly expires_at: number;
}

function itemOf(row: ItemRow): InboxItem {
  const { user, offset, id, ledger, topic, payload, ack, expires_at: expiresAt } = row;
  return { user, offset, id, ledger, topic, payload, ack: ack === 1, expiresAt };
}
