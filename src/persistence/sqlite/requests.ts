import type { RequestStore } from "../ports/requests.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";

interface RequestRow {
  readonly fingerprint: string;
  readonly owner: string;
  readonly status: number | null;
  readonly body: string | null;
}

/** The requests port's SQL. */
export function requestOperations(db: Database): Synchronous<RequestStore> {
  return {
    begin({ key, fingerprint, owner, at }) {
      const find = "SELECT fingerprint, owner, status, body FROM requests WHERE key = ?";
      const found = db.row<RequestRow>(find, key);
      if (found === undefined) {
        const sql = "INSERT INTO requests (key, fingerprint, owner, at) VALUES (?, ?, ?, ?)";
        db.run(sql, key, fingerprint, owner, at);
        return { type: "fresh" };
      }
      if (found.fingerprint !== fingerprint) return { type: "mismatch" };
      if (found.status !== null) {
        return { type: "done", response: { status: found.status, body: found.body ?? "" } };
      }
      if (found.owner === owner) return { type: "running" };
      db.run("UPDATE requests SET owner = ?, at = ? WHERE key = ?", owner, at, key);
      return { type: "fresh" };
    },

    finish(key, { status, body }) {
      db.run("UPDATE requests SET status = ?, body = ? WHERE key = ?", status, body, key);
    },

    abandon(key) {
      db.run("DELETE FROM requests WHERE key = ? AND status IS NULL", key);
    },

    purge: (before) => db.run("DELETE FROM requests WHERE at < ?", before),
  };
}
