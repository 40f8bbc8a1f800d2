import type { NumberedRecord, NumberedStore } from "../ports/numbered.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";

/** The numbered port's SQL. */
export function numberedOperations(db: Database): Synchronous<NumberedStore> {
  return {
    add(kind, body) {
      const sql = `INSERT INTO numbered (kind, id, version, body)
        SELECT ?1, coalesce(max(id) + 1, 100000), 1, ?2 FROM numbered WHERE kind = ?1
        RETURNING id`;
      return db.runReturning<{ id: number }>(sql, kind, body)!.id;
    },

    read(kind, id) {
      const sql = "SELECT id, version, body FROM numbered WHERE kind = ? AND id = ?";
      return db.row<NumberedRecord>(sql, kind, id);
    },

    replace(kind, { id, version, body }) {
      const sql = `UPDATE numbered SET body = ?, version = version + 1
        WHERE kind = ? AND id = ? AND version = ?`;
      return db.run(sql, body, kind, id, version) === 1;
    },

    list(kind, { offset, limit }) {
      const sql = `SELECT id, version, body FROM numbered WHERE kind = ?
        ORDER BY id DESC LIMIT ? OFFSET ?`;
      const items = db.rows<NumberedRecord>(sql, kind, limit, offset);
      const count = "SELECT count(*) AS n FROM numbered WHERE kind = ?";
      return { items, total: db.row<{ n: number }>(count, kind)!.n };
    },
  };
}
