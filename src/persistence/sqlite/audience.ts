import { RuntimeError } from "../../core/errors.ts";
import { pageOf, readCursor, rowsWanted } from "../cursor.ts";
import type { Audience, LineError, TaskTransition } from "../ports/audience.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";
import type { AudienceTexts } from "./wire.ts";

/** Errors kept per audience. */
const ERRORS_MAX = 1_000;

/** The audience port's SQL. Recipients are JSON text and stay so on this side. */
export function audienceOperations(db: Database): Synchronous<AudienceTexts> {
  return { ...recordOperations(db), ...contentOperations(db), ...errorOperations(db) };
}

type RecordOperation = "create" | "read" | "list" | "update" | "log" | "failInterrupted";

function recordOperations(db: Database): Pick<Synchronous<AudienceTexts>, RecordOperation> {
  return {
    create(audience) {
      const sql =
        "INSERT INTO audiences (id, state, record) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
      const added = db.run(sql, audience.id, audience.state, JSON.stringify(audience));
      if (added === 0) throw new RuntimeError("store.conflict", `audience ${audience.id} exists`);
      addToLog(db, audience, audience.state);
    },

    read: (id) => readAudience(db, id),

    list(request) {
      const [before] = readCursor(request.after, [Number.MAX_SAFE_INTEGER]);
      const sql = "SELECT seq, record FROM audiences WHERE seq < ? ORDER BY seq DESC LIMIT ?";
      const rows = db.rows<{ seq: number; record: string }>(sql, before, rowsWanted(request));
      const { items, next } = pageOf(rows, request, (row) => String(row.seq));
      return { items: items.map((row) => JSON.parse(row.record) as Audience), next };
    },

    update(audience) {
      const before = readAudience(db, audience.id);
      if (before === undefined) throw unknown(audience.id);
      const sql = "UPDATE audiences SET state = ?, record = ? WHERE id = ?";
      db.run(sql, audience.state, JSON.stringify(audience), audience.id);
      if (before.state !== audience.state || before.epoch !== audience.epoch) {
        addToLog(db, audience, before.state);
      }
    },

    log(id, request) {
      const [after] = readCursor(request.after, [0]);
      const sql = `SELECT seq, from_state AS "from", to_state AS "to", epoch, by, why, at
        FROM audience_log WHERE audience = ? AND seq > ? ORDER BY seq LIMIT ?`;
      const rows = db.rows<TaskTransition & { seq: number }>(sql, id, after, rowsWanted(request));
      const { items, next } = pageOf(rows, request, (row) => String(row.seq));
      return { items: items.map(({ seq: _, ...transition }) => transition), next };
    },

    failInterrupted({ why, at }) {
      const fed = "state = 'started' AND json_extract(record, '$.source') IS NULL";
      db.run(
        `DELETE FROM audience_spill WHERE audience IN (SELECT id FROM audiences WHERE ${fed})`,
      );
      db.run(
        `INSERT INTO audience_log (audience, from_state, to_state, epoch, by, why, at)
        SELECT id, state, 'failed', json_extract(record, '$.epoch'), 'system', ?, ?
        FROM audiences WHERE ${fed}`,
        ...[why, at],
      );
      return db.run(
        `UPDATE audiences SET state = 'failed', record = json_set(record, '$.state', 'failed',
          '$.by', 'system', '$.why', ?, '$.changedAt', ?)
        WHERE ${fed}`,
        ...[why, at],
      );
    },
  };
}

type ContentOperation = "spill" | "readSpill" | "seal" | "page" | "runs";

function contentOperations(db: Database): Pick<Synchronous<AudienceTexts>, ContentOperation> {
  return {
    spill(id, chunks) {
      mustExist(db, id);
      const sql = "INSERT INTO audience_spill (audience, partition, recipients) VALUES (?, ?, ?)";
      for (const { partition, recipients } of chunks) db.run(sql, id, partition, recipients);
    },

    readSpill(id, partition) {
      const sql = `SELECT recipients FROM audience_spill WHERE audience = ? AND partition = ?
        ORDER BY seq`;
      return db.rows<{ recipients: string }>(sql, id, partition).map((row) => row.recipients);
    },

    seal(id, partition, pages) {
      mustExist(db, id);
      const sealed = db.row(
        "SELECT 1 FROM audience_pages WHERE audience = ? AND partition = ? LIMIT 1",
        id,
        partition,
      );
      const sql = `INSERT INTO audience_pages (audience, partition, k, size, zone, recipients)
        VALUES (?, ?, ?, ?, ?, ?)`;
      for (const { k, size, zone = "", recipients } of sealed ? [] : pages) {
        db.run(sql, id, partition, k, size, zone, recipients);
      }
      db.run("DELETE FROM audience_spill WHERE audience = ? AND partition = ?", id, partition);
    },

    page(id, partition, k) {
      const sql = `SELECT zone, recipients FROM audience_pages
        WHERE audience = ? AND partition = ? AND k = ?`;
      return db.row<{ zone: string; recipients: string }>(sql, id, partition, k);
    },

    runs(id, partition) {
      const sql = `SELECT zone, min(k) AS first, count(*) AS pages FROM audience_pages
        WHERE audience = ? AND partition = ? GROUP BY zone ORDER BY first`;
      return db.rows(sql, id, partition);
    },
  };
}

function errorOperations(db: Database): Pick<Synchronous<AudienceTexts>, "addErrors" | "errors"> {
  return {
    addErrors(id, errors) {
      mustExist(db, id);
      const count = "SELECT count(*) AS n FROM audience_errors WHERE audience = ?";
      const kept = db.row<{ n: number }>(count, id)!.n;
      const sql = `INSERT INTO audience_errors (audience, n, line, field, expected, got)
        VALUES (?, ?, ?, ?, ?, ?)`;
      for (const [index, error] of errors.slice(0, ERRORS_MAX - kept).entries()) {
        db.run(sql, id, kept + index + 1, error.line, error.field, error.expected, error.got);
      }
    },

    errors(id, request) {
      const [after] = readCursor(request.after, [0]);
      const sql = `SELECT n, line, field, expected, got FROM audience_errors
        WHERE audience = ? AND n > ? ORDER BY n LIMIT ?`;
      const rows = db.rows<LineError & { n: number }>(sql, id, after, rowsWanted(request));
      const { items, next } = pageOf(rows, request, (row) => String(row.n));
      return { items: items.map(({ n: _, ...error }) => error), next };
    },
  };
}

function readAudience(db: Database, id: string): Audience | undefined {
  const row = db.row<{ record: string }>("SELECT record FROM audiences WHERE id = ?", id);
  return row && (JSON.parse(row.record) as Audience);
}

function addToLog(db: Database, audience: Audience, from: string): void {
  const { id, state, epoch, by, why, changedAt } = audience;
  const sql = `INSERT INTO audience_log (audience, from_state, to_state, epoch, by, why, at)
    VALUES (?, ?, ?, ?, ?, ?, ?)`;
  db.run(sql, id, from, state, epoch, by, why, changedAt);
}

function mustExist(db: Database, id: string): void {
  if (db.row("SELECT 1 FROM audiences WHERE id = ?", id) === undefined) throw unknown(id);
}

function unknown(id: string): RuntimeError {
  return new RuntimeError("audience.unknown", `there is no audience ${id}`);
}
