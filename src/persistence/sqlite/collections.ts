import { RuntimeError } from "../../core/errors.ts";
import type { Audience } from "../ports/audience.ts";
import type { CollectionPart, CollectionPlan } from "../ports/collections.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";
import type { AudienceTexts, CollectionTexts } from "./wire.ts";

/** The collection port's SQL. Pages are written by the audience port's own operation. */
export function collectionOperations(
  db: Database,
  audiences: Synchronous<AudienceTexts>,
): Synchronous<CollectionTexts> {
  const isOpen = (audience: string): boolean =>
    db.row("SELECT 1 FROM collections WHERE audience = ?", audience) !== undefined;

  return {
    begin(audience, plan) {
      audiences.create(audience);
      const sql = "INSERT INTO collections (audience, plan) VALUES (?, ?)";
      db.run(sql, audience.id, JSON.stringify(plan));
    },

    open() {
      const sql = `SELECT a.record, c.plan FROM collections c JOIN audiences a ON a.id = c.audience
        ORDER BY c.seq`;
      return db.rows<{ record: string; plan: string }>(sql).map(({ record, plan }) => ({
        audience: JSON.parse(record) as Audience,
        plan: JSON.parse(plan) as CollectionPlan,
      }));
    },

    addPart(audience, part, pages) {
      if (!isOpen(audience)) return false;
      const sql = `INSERT INTO collection_parts (audience, partition, part) VALUES (?, ?, ?)
        ON CONFLICT DO NOTHING`;
      const added = db.run(sql, audience, part.partition, JSON.stringify(part));
      if (added > 0) audiences.seal(audience, part.partition, pages);
      return true;
    },

    parts(audience) {
      const sql = "SELECT part FROM collection_parts WHERE audience = ? ORDER BY partition";
      const rows = db.rows<{ part: string }>(sql, audience);
      return rows.map(({ part }) => JSON.parse(part) as CollectionPart);
    },

    end(audience) {
      if (audiences.read(audience.id) === undefined) {
        throw new RuntimeError("audience.unknown", `there is no audience ${audience.id}`);
      }
      if (!isOpen(audience.id)) return;
      audiences.update(audience);
      db.run("DELETE FROM collections WHERE audience = ?", audience.id);
      db.run("DELETE FROM collection_parts WHERE audience = ?", audience.id);
    },
  };
}
