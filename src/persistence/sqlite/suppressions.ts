import { pageOf, readCursor, rowsWanted } from "../cursor.ts";
import type { Suppression, SuppressionStore } from "../ports/suppressions.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";

/** The suppression port's SQL. */
export function suppressionOperations(db: Database): Synchronous<SuppressionStore> {
  return {
    suppress(entries) {
      const sql = `INSERT INTO suppressions (kind, value, why, by, at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING`;
      let added = 0;
      for (const { kind, value, why, by, at } of entries) {
        added += db.run(sql, kind, value, why, by, at);
      }
      return added;
    },

    unsuppress: (kind, value) =>
      db.run("DELETE FROM suppressions WHERE kind = ? AND value = ?", kind, value) > 0,

    read(kind, value) {
      const sql = `SELECT kind, value, why, by, at FROM suppressions
        WHERE kind = ? AND value = ?`;
      return db.row<Suppression>(sql, kind, value);
    },

    list(request) {
      const [before] = readCursor(request.after, [Number.MAX_SAFE_INTEGER]);
      const sql = `SELECT seq, kind, value, why, by, at FROM suppressions WHERE seq < ?
        ORDER BY seq DESC LIMIT ?`;
      const rows = db.rows<Suppression & { seq: number }>(sql, before, rowsWanted(request));
      const { items, next } = pageOf(rows, request, (row) => String(row.seq));
      return { items: items.map(({ seq: _, ...entry }) => entry), next };
    },
  };
}
