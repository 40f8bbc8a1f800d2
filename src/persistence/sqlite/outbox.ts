import { RuntimeError } from "../../core/errors.ts";
import type { ConsumerPlace, NewUpload, OutboxStore, Upload } from "../ports/outbox.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";

/** The outbox port's SQL. */
export function outboxOperations(db: Database): Synchronous<OutboxStore> {
  return {
    append(uploads, max) {
      const appended = uploads.map((upload) => append(db, upload));
      const fresh = appended.filter((it) => it.fresh).length;
      const size = resize(db, fresh);
      if (size > max && size - makeRoom(db) > max) throw full(max);
      return appended;
    },

    read({ after, limit, kinds }) {
      if (kinds === undefined) return db.rows<Upload>(`${READ} ${NEXT}`, after, limit);
      const marks = kinds.map(() => "?").join(", ");
      return db.rows<Upload>(`${READ} AND kind IN (${marks}) ${NEXT}`, after, ...kinds, limit);
    },

    place(consumer) {
      db.run("INSERT INTO outbox_consumers VALUES (?, 0) ON CONFLICT DO NOTHING", consumer);
      return placeOf(db, consumer);
    },

    ack(consumer, upTo) {
      db.run(ACK, consumer, upTo);
      return placeOf(db, consumer);
    },

    consumers() {
      const sql = "SELECT consumer FROM outbox_consumers ORDER BY consumer";
      return db.rows<{ consumer: string }>(sql).map(({ consumer }) => placeOf(db, consumer));
    },

    forget: (consumer) => db.run("DELETE FROM outbox_consumers WHERE consumer = ?", consumer) > 0,

    prune(before, limit) {
      const pruned = db.run(PRUNE, before, limit);
      resize(db, -pruned);
      return pruned;
    },
  };
}

function append(db: Database, { principal, device, kind, payload, key, at }: NewUpload) {
  const known = db.row<{ offset: number }>(FIND, principal, key);
  if (known !== undefined) return { offset: known.offset, fresh: false };
  db.run(APPEND, principal, device, kind, payload, key, at);
  return {
    offset: db.row<{ offset: number }>("SELECT last_insert_rowid() AS offset")!.offset,
    fresh: true,
  };
}

/** Deletes what every consumer has acknowledged; returns how many. None without consumers. */
function makeRoom(db: Database): number {
  const { acked } = db.row<{ acked: number | null }>(ACKED_BY_ALL)!;
  if (acked === null) return 0;
  const freed = db.run('DELETE FROM outbox WHERE "offset" <= ?', acked);
  resize(db, -freed);
  return freed;
}

/** Counting what is kept takes as long as there is much of it, so the number is kept, too. */
function resize(db: Database, by: number): number {
  return db.row<{ n: number }>("UPDATE outbox_size SET n = n + ? RETURNING n", by)!.n;
}

function placeOf(db: Database, consumer: string): ConsumerPlace {
  const { acked } = db.row<{ acked: number }>(FIND_CONSUMER, consumer)!;
  return { consumer, acked, behind: db.row<{ n: number }>(BEHIND, acked)!.n };
}

function full(max: number): RuntimeError {
  const message = `the outbox has ${max} uploads that no consumer has acknowledged`;
  return new RuntimeError("outbox.full", message);
}

const FIND = 'SELECT "offset" FROM outbox WHERE principal = ? AND key = ?';

const APPEND = `
  INSERT INTO outbox (principal, device, kind, payload, key, at) VALUES (?, ?, ?, ?, ?, ?)`;

const READ = `
  SELECT "offset", principal, device, kind, payload, key, at FROM outbox WHERE "offset" > ?`;

const NEXT = 'ORDER BY "offset" LIMIT ?';

const ACK = `
  INSERT INTO outbox_consumers (consumer, acked)
  VALUES (?, min(?, (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'outbox')))
  ON CONFLICT DO UPDATE SET acked = max(acked, excluded.acked)`;

const ACKED_BY_ALL = "SELECT min(acked) AS acked FROM outbox_consumers";

const FIND_CONSUMER = "SELECT acked FROM outbox_consumers WHERE consumer = ?";

const BEHIND = 'SELECT count(*) AS n FROM outbox WHERE "offset" > ?';

const PRUNE = `
  DELETE FROM outbox WHERE "offset" IN (
    SELECT "offset" FROM outbox WHERE at < ? ORDER BY "offset" LIMIT ?)`;
