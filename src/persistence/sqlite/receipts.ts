import {
  type ItemRef,
  itemRefOf,
  RECEIPT_STATUSES,
  rankOf,
  statusOfRank,
} from "../../core/receipt.ts";
import type {
  PageReceipt,
  Receipt,
  ReceiptCounts,
  ReceiptOutcome,
  ReceiptStore,
} from "../ports/receipts.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";

/** The receipts port's SQL. */
export function receiptOperations(db: Database): Synchronous<ReceiptStore> {
  return { ...writeOperations(db), ...readOperations(db) };
}

function writeOperations(
  db: Database,
): Pick<Synchronous<ReceiptStore>, "apply" | "register" | "purge"> {
  return {
    apply(receipts, now) {
      const counting = countingOf(db);
      const outcomes = receipts.map((receipt) => apply(db, receipt, now, counting));
      counting.finish();
      return outcomes;
    },

    register(messages, now) {
      const counting = countingOf(db);
      let matched = 0;
      for (const { provider, message, item } of messages) {
        const { campaign, epoch, partition, k, index } = item;
        db.run(REGISTER, provider, message, campaign, epoch, partition, k, index, now);
        const known = db.row<ItemRow>(FIND_MESSAGE, provider, message)!;
        matched += match(db, { provider, message }, known, counting);
      }
      counting.finish();
      return matched;
    },

    purge: (before, limit) =>
      db.run(PURGE_RECEIPTS, before, limit) + db.run(PURGE_MESSAGES, before, limit),
  };
}

function readOperations(
  db: Database,
): Pick<Synchronous<ReceiptStore>, "ofPage" | "ofItem" | "counts"> {
  return {
    ofPage(provider, { campaign, epoch, partition, k }) {
      const rows = db.rows<{ index: number; rank: number; at: number }>(
        OF_PAGE,
        ...[campaign, epoch, partition, k, provider],
      );
      return rows.map(({ index, rank, at }): PageReceipt => {
        return { index, status: statusOfRank(rank), at };
      });
    },

    ofItem({ campaign, epoch, partition, k, index }) {
      const rows = db.rows<Omit<Receipt, "status"> & { rank: number }>(
        OF_ITEM,
        ...[campaign, epoch, partition, k, index],
      );
      return rows.map(({ rank, ...rest }) => ({ ...rest, status: statusOfRank(rank) }));
    },

    counts(campaign, epoch) {
      const sql = "SELECT rank, n FROM receipt_counts WHERE campaign = ? AND epoch = ?";
      const rows = db.rows<{ rank: number; n: number }>(sql, campaign, epoch);
      const found = new Map(rows.map(({ rank, n }) => [statusOfRank(rank), n]));
      const entries = RECEIPT_STATUSES.map((status) => [status, found.get(status) ?? 0]);
      return Object.fromEntries(entries) as ReceiptCounts;
    },
  };
}

function apply(db: Database, receipt: Receipt, now: number, counting: Counting): ReceiptOutcome {
  const { provider, message, part, status, at, reason } = receipt;
  const rank = rankOf(status);
  const found = db.row<FoundRow>(FIND_RECEIPT, provider, message, part);
  if (found === undefined) {
    const row = db.row<ItemRow>(FIND_MESSAGE, provider, message);
    const item = row === undefined ? itemRefOf(message) : itemOf(row);
    const { campaign = null, epoch = null, partition = null, k = null, index = null } = item ?? {};
    const where = [campaign, epoch, partition, k, index, now];
    db.run(ADD_RECEIPT, provider, message, part, rank, at, reason, ...where);
    if (item === undefined) return "unmatched";
    counting.add(item, rank, 1);
    return "applied";
  }
  db.run(IMPROVE, rank, at, reason, provider, message, part, rank, rank, at, reason);
  if (rank <= found.rank) return "repeated";
  if (found.campaign === null || found.epoch === null) return "unmatched";
  const run = { campaign: found.campaign, epoch: found.epoch };
  counting.add(run, found.rank, -1);
  counting.add(run, rank, 1);
  return "applied";
}

function match(
  db: Database,
  { provider, message }: { readonly provider: string; readonly message: string },
  { campaign, epoch, partition, k, idx }: ItemRow,
  counting: Counting,
): number {
  const open = db.rows<{ part: number; rank: number }>(FIND_UNMATCHED, provider, message);
  for (const { part, rank } of open) {
    db.run(MATCH, campaign, epoch, partition, k, idx, provider, message, part);
    counting.add({ campaign, epoch }, rank, 1);
  }
  return open.length;
}

interface Counting {
  add(run: Pick<ItemRef, "campaign" | "epoch">, rank: number, by: 1 | -1): void;
  finish(): void;
}

/** Adds up what one call changes of the counts, and writes each count once. */
function countingOf(db: Database): Counting {
  const changes = new Map<string, { campaign: string; epoch: number; rank: number; n: number }>();
  return {
    add({ campaign, epoch }, rank, by) {
      const key = `${campaign} ${epoch} ${rank}`;
      const change = changes.get(key) ?? { campaign, epoch, rank, n: 0 };
      change.n += by;
      changes.set(key, change);
    },
    finish() {
      for (const { campaign, epoch, rank, n } of changes.values()) {
        if (n !== 0) db.run(COUNT, campaign, epoch, rank, n);
      }
    },
  };
}

interface ItemRow extends Omit<ItemRef, "index"> {
  readonly idx: number;
}

interface FoundRow {
  readonly rank: number;
  readonly campaign: string | null;
  readonly epoch: number | null;
}

function itemOf({ campaign, epoch, partition, k, idx }: ItemRow): ItemRef {
  return { campaign, epoch, partition, k, index: idx };
}

const FIND_RECEIPT = `
  SELECT rank, campaign, epoch FROM receipts WHERE provider = ? AND message = ? AND part = ?`;

const ADD_RECEIPT = `
  INSERT INTO receipts (provider, message, part, rank, at, reason,
    campaign, epoch, partition, k, idx, received_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const IMPROVE = `
  UPDATE receipts SET rank = ?, at = ?, reason = ?
  WHERE provider = ? AND message = ? AND part = ?
    AND (rank < ? OR (rank = ? AND (at, reason) > (?, ?)))`;

const FIND_MESSAGE = `
  SELECT campaign, epoch, partition, k, idx FROM provider_messages
  WHERE provider = ? AND message = ?`;

const REGISTER = `
  INSERT INTO provider_messages (provider, message, campaign, epoch, partition, k, idx, at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;

const FIND_UNMATCHED = `
  SELECT part, rank FROM receipts WHERE provider = ? AND message = ? AND campaign IS NULL`;

const MATCH = `
  UPDATE receipts SET campaign = ?, epoch = ?, partition = ?, k = ?, idx = ?
  WHERE provider = ? AND message = ? AND part = ?`;

const COUNT = `
  INSERT INTO receipt_counts (campaign, epoch, rank, n) VALUES (?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET n = n + excluded.n`;

/** Of several receipts for one recipient the highest rank, and of those the earliest. */
const OF_PAGE = `
  SELECT idx AS "index", rank, min(at) AS at FROM (
    SELECT idx, rank, at, max(rank) OVER (PARTITION BY idx) AS best FROM receipts
    WHERE campaign = ? AND epoch = ? AND partition = ? AND k = ? AND provider = ?)
  WHERE rank = best GROUP BY idx ORDER BY idx`;

const OF_ITEM = `
  SELECT provider, message, part, rank, at, reason FROM receipts
  WHERE campaign = ? AND epoch = ? AND partition = ? AND k = ? AND idx = ?
  ORDER BY provider, message, part`;

const PURGE_RECEIPTS = `
  DELETE FROM receipts WHERE (provider, message, part) IN (
    SELECT provider, message, part FROM receipts
    WHERE campaign IS NULL AND received_at < ? ORDER BY received_at LIMIT ?)`;

const PURGE_MESSAGES = `
  DELETE FROM provider_messages WHERE (provider, message) IN (
    SELECT provider, message FROM provider_messages WHERE at < ? ORDER BY at LIMIT ?)`;
