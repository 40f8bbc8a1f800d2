import { RuntimeError } from "../../core/errors.ts";
import { noCounts, type SendCounts } from "../../core/send-counts.ts";
import { pageOf, readCursor, rowsWanted } from "../cursor.ts";
import { mergeExceptions, settleUnknown } from "../exceptions.ts";
import type {
  OpenPage,
  PageException,
  PageJournal,
  PageKey,
  PageState,
  PageVersion,
} from "../ports/campaign.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";

/** The journal's SQL: leases, cursors, totals, and what became of recipients. */
export function journalOperations(db: Database): Synchronous<PageJournal> {
  return { ...leaseOperations(db), ...runOperations(db), ...resultOperations(db) };
}

type LeaseOperation = "claim" | "advance" | "seize" | "releaseOthers";

function leaseOperations(db: Database): Pick<Synchronous<PageJournal>, LeaseOperation> {
  return {
    claim(page, { owner, now, leaseUntil, version, sendsFrom, takesOver = false }) {
      const { campaign, epoch, partition, k } = page;
      const row = db.runReturning<PageRow>(
        CLAIM,
        ...[campaign, epoch, partition, k, owner, now, leaseUntil],
        ...[version, sendsFrom === "intent" ? 1 : 0, takesOver ? 1 : 0],
      );
      return row && pageStateOf(row);
    },

    advance(step) {
      const { campaign, epoch, partition, k, fence, done, intent, counts, leaseUntil } = step;
      const { delivered, handed, shed, unknown, invalid, held, capped, skipped } = counts;
      const changed = db.run(
        ADVANCE,
        ...[campaign, epoch, partition, k, fence, done, intent, leaseUntil],
        ...[delivered, handed, shed, unknown, invalid, held, capped, skipped],
      );
      if (changed === 0) throw fenced(db, step);
      for (const [arm, ofArm] of Object.entries(step.arms ?? {})) addToArm(db, step, arm, ofArm);
      const { exceptions = [] } = step;
      if (exceptions.length === 0) return;
      writeExceptions(db, step, mergeExceptions(readExceptions(db, step), exceptions));
    },

    seize({ campaign, epoch, partition, k }, { owner, now }) {
      const sql = `UPDATE page_states SET fence = fence + 1, owner = '', lease_until = 0
        WHERE campaign = ? AND epoch = ? AND partition = ? AND k = ? AND intent > done
          AND (owner IN ('', ?) OR lease_until <= ?) RETURNING *`;
      const row = db.runReturning<PageRow>(sql, campaign, epoch, partition, k, owner, now);
      return row && pageStateOf(row);
    },

    releaseOthers(boot) {
      const sql = `UPDATE page_states SET owner = '', lease_until = 0
        WHERE owner <> '' AND owner <> ?1 AND substr(owner, 1, length(?1) + 1) <> ?1 || '#'`;
      return db.run(sql, boot);
    },
  };
}

function fenced(db: Database, step: PageKey & { fence: number; done: number; intent: number }) {
  const { campaign, epoch, partition, k, fence, done, intent } = step;
  const found = db.row<PageRow>(`${SELECT_PAGE}`, campaign, epoch, partition, k);
  const where = found
    ? `at ${found.done}/${found.intent} of ${found.size} with fence ${found.fence}`
    : "not claimed";
  const message = `page ${campaign}/${epoch}/${partition}/${k} is ${where}`;
  return new RuntimeError("store.fenced", `${message}: no step to ${done}/${intent} by ${fence}`);
}

type RunOperation = "openPages" | "zones" | "interrupted" | "totals";

function runOperations(db: Database): Pick<Synchronous<PageJournal>, RunOperation> {
  const audienceOf = (campaign: string): string => {
    const sql = "SELECT audience FROM campaigns WHERE id = ?";
    const row = db.row<{ audience: string }>(sql, campaign);
    if (row === undefined) throw unknownCampaign(campaign);
    return row.audience;
  };

  return {
    openPages(campaign, epoch, request) {
      const [partition, k] = readCursor(request.after, [-1, -1]);
      const { zones } = request;
      const rows = db.rows<OpenPage>(
        zones === undefined ? OPEN_PAGES : OPEN_PAGES_OF_ZONES,
        ...[campaign, epoch, audienceOf(campaign), partition, k, rowsWanted(request)],
        ...(zones === undefined ? [] : [JSON.stringify(zones)]),
      );
      return pageOf(rows, request, (row) => `${row.partition}/${row.k}`);
    },

    zones(campaign, epoch) {
      const rows = db.rows<{ zone: string; begun: number }>(
        ZONES,
        ...[campaign, epoch, audienceOf(campaign)],
      );
      return rows.map(({ zone, begun }) => ({ zone, begun: begun === 1 }));
    },

    interrupted(campaign, epoch, { limit, owner = "", now = 0 }) {
      const audience = audienceOf(campaign);
      return db.rows<OpenPage>(INTERRUPTED, campaign, epoch, audience, limit, owner, now);
    },

    totals(campaign, epoch) {
      const row = db.row<TotalsRow>(TOTALS, campaign, epoch, audienceOf(campaign))!;
      const { pages, pagesDone, recipients, settled, inDoubt } = row;
      const arms: Record<string, SendCounts> = {};
      for (const ofArm of db.rows<CountsRow & { arm: string }>(ARM_TOTALS, campaign, epoch)) {
        arms[ofArm.arm] = countsOf(ofArm);
      }
      return { pages, pagesDone, recipients, settled, inDoubt, counts: countsOf(row), arms };
    },
  };
}

type ResultOperation = "pageState" | "pageStates" | "exceptions" | "resolve";

function resultOperations(db: Database): Pick<Synchronous<PageJournal>, ResultOperation> {
  return {
    pageState({ campaign, epoch, partition, k }) {
      const row = db.row<PageRow>(SELECT_PAGE, campaign, epoch, partition, k);
      return row && pageStateOf(row);
    },

    pageStates(campaign, epoch, request) {
      const [partition, k] = readCursor(request.after, [-1, -1]);
      const rows = db.rows<PageRow>(
        PAGE_STATES,
        ...[campaign, epoch, partition, k, request.unknown === true ? 1 : 0, rowsWanted(request)],
      );
      const { items, next } = pageOf(rows, request, (row) => `${row.partition}/${row.k}`);
      return { items: items.map(pageStateOf), next };
    },

    exceptions: (page) => readExceptions(db, page),

    resolve(page, { indices, as, arm, rule, reason }) {
      const result = { status: as, rule, reason };
      const { exceptions, settled } = settleUnknown(readExceptions(db, page), indices, result);
      if (settled.length === 0) return settled;
      writeExceptions(db, page, exceptions);
      const { campaign, epoch, partition, k } = page;
      const count = settled.length;
      const column = as === "refused" ? "shed" : as;
      db.run(
        `UPDATE page_states SET unknown = unknown - ?5, ${column} = ${column} + ?5
        WHERE campaign = ?1 AND epoch = ?2 AND partition = ?3 AND k = ?4`,
        ...[campaign, epoch, partition, k, count],
      );
      const moved = { ...noCounts, unknown: -count, [column]: count };
      if (arm !== undefined) addToArm(db, page, arm, moved);
      return settled;
    },
  };
}

function readExceptions(
  db: Database,
  { campaign, epoch, partition, k }: PageKey,
): readonly PageException[] {
  const sql = `SELECT exceptions FROM page_exceptions
    WHERE campaign = ? AND epoch = ? AND partition = ? AND k = ?`;
  const row = db.row<{ exceptions: string }>(sql, campaign, epoch, partition, k);
  return row === undefined ? [] : (JSON.parse(row.exceptions) as PageException[]);
}

function writeExceptions(
  db: Database,
  { campaign, epoch, partition, k }: PageKey,
  exceptions: readonly PageException[],
): void {
  const sql = `INSERT INTO page_exceptions (campaign, epoch, partition, k, exceptions)
    VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET exceptions = excluded.exceptions`;
  db.run(sql, campaign, epoch, partition, k, JSON.stringify(exceptions));
}

function addToArm(
  db: Database,
  { campaign, epoch, partition, k }: PageKey,
  arm: string,
  counts: SendCounts,
): void {
  const { delivered, handed, shed, unknown, invalid, held, capped, skipped } = counts;
  db.run(
    ADD_TO_ARM,
    ...[campaign, epoch, arm, partition, k],
    ...[delivered, handed, shed, unknown, invalid, held, capped, skipped],
  );
}

/** Of the audience's pages, those without a state in this epoch or with one that is not done. */
const OPEN_FROM = `
  SELECT p.partition, p.k, p.size, p.zone FROM audience_pages p
  LEFT JOIN page_states s
    ON s.campaign = ?1 AND s.epoch = ?2 AND s.partition = p.partition AND s.k = p.k
  WHERE p.audience = ?3 AND (p.partition, p.k) > (?4, ?5) AND coalesce(s.done, 0) < p.size`;
const OPEN_PAGES = `${OPEN_FROM} ORDER BY p.partition, p.k LIMIT ?6`;
const OPEN_PAGES_OF_ZONES = `${OPEN_FROM} AND p.zone IN (SELECT value FROM json_each(?7))
  ORDER BY p.partition, p.k LIMIT ?6`;

const ZONES = `
  SELECT p.zone, max(s.k IS NOT NULL) AS begun FROM audience_pages p LEFT JOIN page_states s
    ON s.campaign = ?1 AND s.epoch = ?2 AND s.partition = p.partition AND s.k = p.k
  WHERE p.audience = ?3 GROUP BY p.zone ORDER BY p.zone`;

const INTERRUPTED = `
  SELECT s.partition, s.k, s.size, coalesce(p.zone, '') AS zone
  FROM page_states s LEFT JOIN audience_pages p
    ON p.audience = ?3 AND p.partition = s.partition AND p.k = s.k
  WHERE s.campaign = ?1 AND s.epoch = ?2 AND s.done < s.size
    AND ((s.owner <> '' AND s.owner = ?5)
      OR (s.intent > s.done AND (s.owner = '' OR s.lease_until <= ?6)))
  ORDER BY s.partition, s.k LIMIT ?4`;

/** The first claim makes the state; a run that is over (an older epoch) gets no more leases. */
const CLAIM = `
  INSERT INTO page_states (campaign, epoch, partition, k, size, done, intent, fence,
    owner, lease_until, delivered, handed, shed, unknown, version, versions)
  SELECT c.id, ?2, p.partition, p.k, p.size, 0, 0, 1, ?5, ?7, 0, 0, 0, 0, ?8,
    json_array(json_object('from', 0, 'version', ?8))
  FROM campaigns c JOIN audience_pages p ON p.audience = c.audience
  WHERE c.id = ?1 AND c.epoch <= ?2 AND p.partition = ?3 AND p.k = ?4
  ON CONFLICT DO UPDATE
    SET fence = fence + 1, owner = excluded.owner, lease_until = excluded.lease_until,
      version = excluded.version,
      versions = CASE WHEN version = excluded.version THEN versions ELSE json_insert(
        versions, '$[#]', json_object('from', iif(?9 = 1, intent, done), 'version', ?8)) END
    WHERE done < size AND (lease_until <= ?6 OR (?10 = 1 AND owner = excluded.owner))
  RETURNING *`;

/** A page that is done, or whose lease is given up, is nobody's. */
const ADVANCE = `
  UPDATE page_states SET done = ?6, intent = ?7,
    owner = CASE WHEN ?6 = size OR ?8 = 0 THEN '' ELSE owner END, lease_until = ?8,
    delivered = delivered + ?9, handed = handed + ?10, shed = shed + ?11, unknown = unknown + ?12,
    invalid = invalid + ?13, held = held + ?14, capped = capped + ?15, skipped = skipped + ?16
  WHERE campaign = ?1 AND epoch = ?2 AND partition = ?3 AND k = ?4 AND fence = ?5
    AND done <= ?6 AND ?6 <= ?7 AND ?7 <= size`;

const ADD_TO_ARM = `
  INSERT INTO page_arms (campaign, epoch, arm, partition, k,
    delivered, handed, shed, unknown, invalid, held, capped, skipped)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET
    delivered = delivered + excluded.delivered, handed = handed + excluded.handed,
    shed = shed + excluded.shed, unknown = unknown + excluded.unknown,
    invalid = invalid + excluded.invalid, held = held + excluded.held,
    capped = capped + excluded.capped, skipped = skipped + excluded.skipped`;

const COUNTS = ["delivered", "handed", "shed", "unknown", "invalid", "held", "capped", "skipped"]
  .map((name) => `coalesce(sum(s.${name}), 0) AS ${name}`)
  .join(", ");

const TOTALS = `
  SELECT count(*) AS pages, coalesce(sum(s.done = p.size), 0) AS pagesDone,
    coalesce(sum(p.size), 0) AS recipients, coalesce(sum(s.done), 0) AS settled,
    coalesce(sum(s.intent - s.done), 0) AS inDoubt, ${COUNTS}
  FROM audience_pages p LEFT JOIN page_states s
    ON s.campaign = ?1 AND s.epoch = ?2 AND s.partition = p.partition AND s.k = p.k
  WHERE p.audience = ?3`;

const ARM_TOTALS = `SELECT arm, ${COUNTS} FROM page_arms s WHERE campaign = ? AND epoch = ?
  GROUP BY arm ORDER BY arm`;

const SELECT_PAGE = `SELECT * FROM page_states
  WHERE campaign = ? AND epoch = ? AND partition = ? AND k = ?`;

const PAGE_STATES = `SELECT * FROM page_states
  WHERE campaign = ?1 AND epoch = ?2 AND (partition, k) > (?3, ?4) AND (?5 = 0 OR unknown > 0)
  ORDER BY partition, k LIMIT ?6`;

type CountsRow = { readonly [Name in keyof SendCounts]: number };

interface TotalsRow extends CountsRow {
  readonly pages: number;
  readonly pagesDone: number;
  readonly recipients: number;
  readonly settled: number;
  readonly inDoubt: number;
}

interface PageRow extends CountsRow {
  readonly partition: number;
  readonly k: number;
  readonly size: number;
  readonly done: number;
  readonly intent: number;
  readonly fence: number;
  readonly owner: string;
  readonly lease_until: number;
  readonly versions: string;
}

function pageStateOf(row: PageRow): PageState {
  const { partition, k, size, done, intent, fence, owner, lease_until: leaseUntil } = row;
  const versions = JSON.parse(row.versions) as PageVersion[];
  const counts = countsOf(row);
  return { partition, k, size, done, intent, fence, owner, leaseUntil, counts, versions };
}

/** The counts among the columns of a row. */
function countsOf(row: CountsRow): SendCounts {
  const { delivered, handed, shed, unknown, invalid, held, capped, skipped } = row;
  return { delivered, handed, shed, unknown, invalid, held, capped, skipped };
}

function unknownCampaign(id: string): RuntimeError {
  return new RuntimeError("campaign.unknown", `there is no campaign ${id}`);
}
