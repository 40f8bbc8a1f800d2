import { emptyLedger, type Ledger, type Outcome } from "../../core/ledger.ts";
import { endOfPrefix } from "../../core/text-order.ts";
import type { Appended, Fate, Inbox, InboxItem, InboxStore, NewInboxItem } from "../ports/inbox.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";
import type { TimedInbox } from "./wire.ts";

/** The inbox port's SQL: items that wait, ids that are remembered, and the ledgers. */
export function inboxOperations(db: Database, perUserMax: number): Synchronous<TimedInbox> {
  return {
    ...appendOperation(db, perUserMax),
    ...readOperations(db),
    ...settleOperations(db),
  };
}

function appendOperation(
  db: Database,
  perUserMax: number,
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
      for (const user of users) {
        const waiting = db.row<{ n: number }>(COUNT_OF_USER, user)!.n;
        if (waiting <= perUserMax) continue;
        const oldest = db.rows<{ offset: number }>(OLDEST_OF_USER, user, waiting - perUserMax);
        for (const { offset } of oldest) shedding.settle(user, offset, "shed");
      }
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
    read: (users, now) => users.map((user) => readOne(user, now)),
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

function ledgerId(db: Database, name: string): number {
  db.run("INSERT INTO inbox_ledgers (name) VALUES (?) ON CONFLICT DO NOTHING", name);
  return db.row<{ id: number }>("SELECT id FROM inbox_ledgers WHERE name = ?", name)!.id;
}

const NEXT_OFFSET = `
  INSERT INTO inbox_users (user, head, forgotten) VALUES (?, 1, 0)
  ON CONFLICT DO UPDATE SET head = head + 1 RETURNING head AS offset`;

const ADD_ITEM = `
  INSERT INTO inbox_items (user, offset, id, ledger, topic, payload, ack, expires_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;

const COUNT_OF_USER = "SELECT count(*) AS n FROM inbox_items WHERE user = ?";

const OLDEST_OF_USER = "SELECT offset FROM inbox_items WHERE user = ? ORDER BY offset LIMIT ?";

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
