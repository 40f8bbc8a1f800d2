import { attributeSql } from "./condition-sql.ts";
import type { Database } from "./database.ts";

const PREFIX = "members_by_attribute_";

/**
 * Makes the indexes of these attributes and drops those of others.
 *
 * A name may hold characters that an index's may not, and case counts in it: it is written in
 * hex. The bucket comes first, as in every query.
 */
export function indexMembers(db: Database, attributes: readonly string[]): void {
  const wanted = new Map(
    attributes.map((name) => [PREFIX + Buffer.from(name).toString("hex"), name]),
  );
  const sql = `SELECT name FROM sqlite_schema WHERE type = 'index' AND substr(name, 1, ?) = ?`;
  const there = db.rows<{ name: string }>(sql, PREFIX.length, PREFIX).map(({ name }) => name);
  for (const name of there) if (!wanted.has(name)) db.script(`DROP INDEX ${name}`);
  for (const [name, attribute] of wanted) {
    if (there.includes(name)) continue;
    db.script(`CREATE INDEX ${name} ON members (bucket, ${attributeSql(attribute)})`);
  }
  describeMembers(db, [...wanted.keys()]);
}

/**
 * Tells SQLite's planner what to expect of a million members: 4 000 in a bucket, of whom 40 have
 * the same value of an attribute. Without that it takes the whole bucket for as good as an index.
 * Measuring it would take a second at every opening, and give plans that differ between nodes.
 */
function describeMembers(db: Database, indexes: readonly string[]): void {
  db.script("PRAGMA analysis_limit = 1; ANALYZE members");
  db.run("DELETE FROM sqlite_stat1 WHERE tbl = 'members'");
  const sql = "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('members', ?, ?)";
  db.run(sql, "members", "1000000 4000 1");
  for (const name of indexes) db.run(sql, name, "1000000 4000 40 1");
  db.script("ANALYZE sqlite_schema");
}
