import type { SQLInputValue } from "node:sqlite";
import { samplePosition } from "../../core/condition-matches.ts";
import { type Glob, matchesGlob, parseGlob } from "../../core/glob.ts";
import { bucketOf, MEMBER_LIMITS, type Scalar } from "../../core/member-rules.ts";
import type { Exclusions, Member, MemberCounts, MemberQuery } from "../ports/members.ts";
import type { Synchronous } from "../synchronous.ts";
import type { AudienceMembers } from "./audience-members.ts";
import { attributeSql, compileCondition } from "./condition-sql.ts";
import type { Database } from "./database.ts";
import { CHANGED, changeRows } from "./member-changes.ts";
import type { MemberTexts, ScannedText } from "./wire.ts";

/**
 * Members that one scan looks at, at most, so that other calls do not wait long. A query that an
 * index answers looks at fewer.
 */
const LOOKS_MAX = 20_000;

/** The member port's SQL. */
export function memberOperations(
  db: Database,
  audiences: AudienceMembers,
): Synchronous<MemberTexts> {
  defineFunctions(db, audiences);
  return { ...changeOperations(db), ...queryOperations(db) };
}

type ChangeOperation = "upsert" | "read" | "remove" | "optOut" | "blocked" | "seen";

function changeOperations(db: Database): Pick<Synchronous<MemberTexts>, ChangeOperation> {
  return {
    upsert(changes, at) {
      const refused: number[] = [];
      for (const [index, row] of changeRows(changes).entries()) {
        const { bucket, id, attributes, tags, flags, locale, timeZone, lastSeenAt } = row;
        const sql = flags & CHANGED.removes ? UPSERT_REMOVING : UPSERT;
        const fields = [flags, locale, timeZone, lastSeenAt, at] as const;
        if (db.run(sql, bucket, id, attributes, tags, ...fields) === 0) refused.push(index);
      }
      return refused;
    },

    read(id) {
      const row = db.row<MemberRow>(
        `${SELECT_MEMBER} WHERE bucket = ? AND id = ?`,
        bucketOf(id),
        id,
      );
      return row && memberOf(row);
    },

    remove: (id) => db.run("DELETE FROM members WHERE bucket = ? AND id = ?", bucketOf(id), id) > 0,

    optOut(id, { optedOut, at }) {
      db.run(OPT_OUT, bucketOf(id), id, at, optedOut ? 1 : 0);
    },

    blocked(ids) {
      const isAnybody = db.row("SELECT 1 FROM members WHERE opted_out = 1 LIMIT 1") !== undefined;
      const isAnything = db.row("SELECT 1 FROM suppressions LIMIT 1") !== undefined;
      const read = (sql: string): string[] =>
        db.rows<{ id: string }>(sql, JSON.stringify(ids)).map(({ id }) => id);
      const optedOut = isAnybody ? read(OPTED_OUT) : [];
      const isOut = new Set(optedOut);
      const suppressed = isAnything ? read(SUPPRESSED).filter((id) => !isOut.has(id)) : [];
      return { optedOut, suppressed };
    },

    seen(sightings) {
      const sql = `UPDATE members SET last_seen_at = ?1
        WHERE bucket = ?2 AND id = ?3 AND coalesce(last_seen_at, -1) < ?1`;
      let moved = 0;
      for (const { id, at } of sightings) moved += db.run(sql, at, bucketOf(id), id);
      return moved;
    },
  };
}

type QueryOperation = "countIn" | "scan";

function queryOperations(db: Database): Pick<Synchronous<MemberTexts>, QueryOperation> {
  return {
    countIn(query, buckets) {
      const { where, why } = queryOf(db, query);
      const sql = `SELECT ${why} AS why, count(*) AS count FROM members
        WHERE bucket = ? AND ${where.sql} GROUP BY 1`;
      const counts: Record<Why, number> = { eligible: 0, optedOut: 0, suppressed: 0, noAddress: 0 };
      for (const bucket of buckets) {
        const params = [bucket, ...where.params];
        const rows = db.adHocRows<{ why: Why; count: number }>(sql, ...params);
        for (const row of rows) counts[row.why] += row.count;
      }
      return counts;
    },

    scan(query, { bucket, after = "", limit }) {
      const { where, why } = queryOf(db, query);
      const bound = boundOf(db, bucket, after);
      const upTo = bound === undefined ? "" : "AND id <= ?";
      const looked = `SELECT id, ${why} AS why,
          json_array(id, locale, time_zone, json(attributes)) AS text
        FROM members WHERE bucket = ? AND id > ? ${upTo} AND ${where.sql} ORDER BY id LIMIT ?`;
      const [row] = db.adHocRows<Scanned>(
        `${GATHER} FROM (${looked})`,
        ...[bucket, after, ...(bound === undefined ? [] : [bound])],
        ...[...where.params, limit],
      );
      const { looks, last, texts, ...excluded } = row!;
      const next = looks === limit ? (last ?? undefined) : bound;
      return { members: `[${texts ?? ""}]`, excluded, next } satisfies ScannedText;
    },
  };
}

interface Scanned extends Exclusions {
  readonly looks: number;
  readonly last: string | null;
  readonly texts: string | null;
}

/**
 * One row of everything that was looked at: rows that cross into JavaScript one by one cost more
 * than reading them. The rows come, and are put together, in the order of the inner query.
 */
const GATHER = `SELECT count(*) AS looks, max(id) AS last,
  count(*) FILTER (WHERE why = 'optedOut') AS optedOut,
  count(*) FILTER (WHERE why = 'suppressed') AS suppressed,
  count(*) FILTER (WHERE why = 'noAddress') AS noAddress,
  group_concat(text, ',') FILTER (WHERE why = 'eligible') AS texts`;

/** Where a scan that begins after this id must stop; undefined when it may go to the end. */
function boundOf(db: Database, bucket: number, after: string): string | undefined {
  const sql = `SELECT id FROM members WHERE bucket = ? AND id > ?
    ORDER BY id LIMIT 1 OFFSET ${LOOKS_MAX - 1}`;
  return db.row<{ id: string }>(sql, bucket, after)?.id;
}

type Why = keyof MemberCounts;

interface Part {
  readonly sql: string;
  readonly params: readonly SQLInputValue[];
}

/** The condition, and what becomes of a member for whom it holds. */
function queryOf(db: Database, { condition, now, address }: MemberQuery) {
  const compiled = compileCondition(condition, now);
  const where: Part = { sql: `(${compiled.sql})`, params: compiled.params };
  // Where nothing is suppressed, nobody has to be looked for.
  const isAnything = db.row("SELECT 1 FROM suppressions LIMIT 1") !== undefined;
  const suppressed = (kind: string, value: string) =>
    isAnything
      ? `WHEN EXISTS (SELECT 1 FROM suppressions WHERE kind = '${kind}' AND value = ${value})
        THEN 'suppressed'`
      : "";
  const cases = ["WHEN opted_out THEN 'optedOut'", suppressed("member", "id")];
  if (address !== undefined) {
    const value = attributeSql(address);
    cases.push(`WHEN typeof(${value}) <> 'text' THEN 'noAddress'`, suppressed("address", value));
  }
  return { where, why: `CASE ${cases.join(" ")} ELSE 'eligible' END` };
}

/** What conditions need and SQLite does not have. Pure: even audiences are frozen. */
function defineFunctions(db: Database, audiences: AudienceMembers): void {
  const globs = new Map<string, Glob>();
  const globOf = (pattern: string): Glob => {
    let glob = globs.get(pattern);
    if (glob === undefined) {
      if (globs.size >= 100) globs.clear();
      glob = parseGlob(pattern);
      globs.set(pattern, glob);
    }
    return glob;
  };
  db.define("matches_glob", (pattern, text) =>
    typeof text === "string" && matchesGlob(globOf(pattern as string), text) ? 1 : 0,
  );
  db.define("sample_position", (salt, id) => samplePosition(salt as string, id as string));
  db.define("in_audience", (audience, id) =>
    audiences.has(audience as string, id as string) ? 1 : 0,
  );
}

/**
 * One member's change as SQL: what a new member gets, and what is merged into one there is. Null
 * in a patch removes a key, so that a merge is one call.
 */
function upsertSql(made: (patch: string) => string, merged: Merged): string {
  return `
    INSERT INTO members (bucket, id, attributes, tags, locale, time_zone, last_seen_at,
      created_at, updated_at, opted_out)
    VALUES (?1, ?2, ${made("?3")}, ${made("?4")}, ?6, ?7, ?8, ?9, ?9, 0)
    ON CONFLICT (bucket, id) DO UPDATE SET
      attributes = jsonb_patch(attributes, ${merged.attributes}),
      tags = CASE WHEN ?5 & ${CHANGED.tags} THEN excluded.tags
        ELSE jsonb_patch(tags, ${merged.tags}) END,
      locale = CASE WHEN ?5 & ${CHANGED.locale} THEN ?6 ELSE locale END,
      time_zone = CASE WHEN ?5 & ${CHANGED.timeZone} THEN ?7 ELSE time_zone END,
      last_seen_at = CASE WHEN ?5 & ${CHANGED.lastSeenAt} THEN ?8 ELSE last_seen_at END,
      updated_at = ?9
    WHERE length(attributes) + length(?3) <= ${MEMBER_LIMITS.attributesBytesMax}`;
}

type Merged = Readonly<Record<"attributes" | "tags", string>>;

/** For patches without null, which are what a new member gets: nothing is read twice. */
const UPSERT = upsertSql((patch) => `jsonb(${patch})`, {
  attributes: "excluded.attributes",
  tags: "excluded.tags",
});

const UPSERT_REMOVING = upsertSql((patch) => `jsonb_patch('{}', ${patch})`, {
  attributes: "?3",
  tags: "?4",
});

const OPT_OUT = `
  INSERT INTO members (bucket, id, attributes, tags, created_at, updated_at, opted_out)
  VALUES (?1, ?2, jsonb('{}'), jsonb('{}'), ?3, ?3, ?4)
  ON CONFLICT (bucket, id) DO UPDATE SET opted_out = ?4, updated_at = ?3`;

/** Each id is looked up by itself, however many opted out: this is asked for every page. */
export const OPTED_OUT = `SELECT value AS id FROM json_each(?)
  WHERE EXISTS (SELECT 1 FROM members WHERE opted_out = 1 AND id = json_each.value)`;

export const SUPPRESSED = `SELECT value AS id FROM json_each(?)
  WHERE EXISTS (SELECT 1 FROM suppressions WHERE kind = 'member' AND value = json_each.value)`;

const SELECT_MEMBER = `SELECT id, json(attributes) AS attributes, json(tags) AS tags, locale,
  time_zone, last_seen_at, created_at, updated_at, opted_out FROM members`;

interface MemberRow {
  readonly id: string;
  readonly attributes: string;
  readonly tags: string;
  readonly locale: string | null;
  readonly time_zone: string | null;
  readonly last_seen_at: number | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly opted_out: number;
}

function memberOf(row: MemberRow): Member {
  const { id, locale, time_zone, last_seen_at, created_at, updated_at, opted_out } = row;
  return {
    id,
    attributes: JSON.parse(row.attributes) as Record<string, Scalar>,
    tags: Object.keys(JSON.parse(row.tags) as object).sort(),
    ...(locale === null ? {} : { locale }),
    ...(time_zone === null ? {} : { timeZone: time_zone }),
    ...(last_seen_at === null ? {} : { lastSeenAt: last_seen_at }),
    createdAt: created_at,
    updatedAt: updated_at,
    optedOut: opted_out === 1,
  };
}
