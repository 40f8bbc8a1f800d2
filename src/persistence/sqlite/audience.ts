import { RuntimeError } from "../../core/errors.ts";
import { pageOf, readCursor, rowsWanted } from "../cursor.ts";
import type { Audience, LineError } from "../ports/audience.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";
import type { AudienceTexts } from "./wire.ts";

/** Errors kept per audience. */
const ERRORS_MAX = 1_000;

/** The audience port's SQL. Recipients are JSON text and stay so on this side. */
export function audienceOperations(db: Database): Synchronous<AudienceTexts> {
  return { ...recordOperations(db), ...contentOperations(db), ...errorOperations(db) };
}

type RecordOperation = "create" | "read" | "list" | "update" | "failInterrupted";

function recordOperations(db: Database): Pick<Synchronous<AudienceTexts>, RecordOperation> {
  return {
    create(audience) {
      const sql =
        "INSERT INTO audiences (id, state, record) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
      const added = db.run(sql, audience.id, audience.state, JSON.stringify(audience));
      if (added === 0) throw new RuntimeError("store.conflict", `audience ${audience.id} exists`);
    },

    read(id) {
      const sql = "SELECT record FROM audiences WHERE id = ?";
      const row = db.row<{ record: string }>(sql, id);
      return row && (JSON.parse(row.record) as Audience);
    },

    list(request) {
      const [before] = readCursor(request.after, [Number.MAX_SAFE_INTEGER]);
      const sql = "SELECT seq, record FROM audiences WHERE seq < ? ORDER BY seq DESC LIMIT ?";
      const rows = db.rows<{ seq: number; record: string }>(sql, before, rowsWanted(request));
      const { items, next } = pageOf(rows, request, (row) => String(row.seq));
      return { items: items.map((row) => JSON.parse(row.record) as Audience), next };
    },

    update(audience) {
      const sql = "UPDATE audiences SET state = ?, record = ? WHERE id = ?";
      const changed = db.run(sql, audience.state, JSON.stringify(audience), audience.id);
      if (changed === 0) throw unknown(audience.id);
    },

    failInterrupted(why) {
      const heap = `DELETE FROM audience_spill WHERE audience IN
        (SELECT id FROM audiences WHERE state = 'importing')`;
      db.run(heap);
      return db.run(
        `UPDATE audiences SET state = 'failed',
          record = json_set(record, '$.state', 'failed', '$.failure', ?)
        WHERE state = 'importing'`,
        why,
      );
    },
  };
}

type ContentOperation = "spill" | "readSpill" | "seal" | "page";

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

function mustExist(db: Database, id: string): void {
  if (db.row("SELECT 1 FROM audiences WHERE id = ?", id) === undefined) throw unknown(id);
}

function unknown(id: string): RuntimeError {
  return new RuntimeError("audience.unknown", `there is no audience ${id}`);
}
