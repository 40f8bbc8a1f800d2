import { pageOf, readCursor, rowsWanted } from "../cursor.ts";
import type { AuditEntry, AuditStore } from "../ports/audit.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";

/** The audit port's SQL. */
export function auditOperations(db: Database): Synchronous<AuditStore> {
  return {
    append({ by, action, target, outcome, requestId, at }) {
      const sql = `INSERT INTO audit (by, action, target, outcome, request_id, at)
        VALUES (?, ?, ?, ?, ?, ?)`;
      db.run(sql, by, action, target, outcome, requestId, at);
    },

    list(request) {
      const [before] = readCursor(request.after, [Number.MAX_SAFE_INTEGER]);
      const sql = `SELECT seq, by, action, target, outcome, request_id AS requestId, at
        FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?`;
      const rows = db.rows<AuditEntry & { seq: number }>(sql, before, rowsWanted(request));
      return pageOf(rows, request, (row) => String(row.seq));
    },
  };
}
