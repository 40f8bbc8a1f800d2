import { RuntimeError } from "../../core/errors.ts";
import { pageOf, readCursor, rowsWanted } from "../cursor.ts";
import type {
  Campaign,
  CampaignSpec,
  CampaignState,
  CampaignStore,
  PageState,
  RunTotals,
  Transition,
} from "../ports/campaign.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";

/** The campaign port's SQL: campaigns, their log, and the journal of their pages. */
export function campaignOperations(db: Database): Synchronous<CampaignStore> {
  return { ...recordOperations(db), ...journalOperations(db) };
}

type RecordOperation = "create" | "read" | "list" | "transition" | "log";

function recordOperations(db: Database): Pick<Synchronous<CampaignStore>, RecordOperation> {
  const read = (id: string): Campaign | undefined => {
    const row = db.row<CampaignRow>(`${SELECT_CAMPAIGN} WHERE id = ?`, id);
    return row && campaignOf(row);
  };
  const addToLog = (id: string, { from, to, epoch, by, why, at }: Transition): void => {
    const sql = `INSERT INTO campaign_log (campaign, from_state, to_state, epoch, by, why, at)
      VALUES (?, ?, ?, ?, ?, ?, ?)`;
    db.run(sql, id, from, to, epoch, by, why, at);
  };

  return {
    read,

    create(campaign, by) {
      const { id, state, why, epoch, createdAt, changedAt, ...spec } = campaign;
      const added = db.run(
        `INSERT INTO campaigns (id, state, why, epoch, created_at, changed_at, audience, spec)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        ...[id, state, why, epoch, createdAt, changedAt, spec.audience, JSON.stringify(spec)],
      );
      if (added === 0) throw new RuntimeError("store.conflict", `campaign ${id} exists`);
      addToLog(id, { from: state, to: state, epoch, by, why, at: createdAt });
    },

    list(request) {
      const [before] = readCursor(request.after, [Number.MAX_SAFE_INTEGER]);
      const order = "ORDER BY seq DESC LIMIT ?";
      const wanted = rowsWanted(request);
      const rows =
        request.state === undefined
          ? db.rows<CampaignRow>(`${SELECT_CAMPAIGN} WHERE seq < ? ${order}`, before, wanted)
          : db.rows<CampaignRow>(
              `${SELECT_CAMPAIGN} WHERE state = ? AND seq < ? ${order}`,
              request.state,
              before,
              wanted,
            );
      const { items, next } = pageOf(rows, request, (row) => String(row.seq));
      return { items: items.map(campaignOf), next };
    },

    transition(id, expected, change) {
      const changed = db.run(
        `UPDATE campaigns SET state = ?, epoch = ?, why = ?, changed_at = ?
        WHERE id = ? AND state = ? AND epoch = ?`,
        ...[change.to, change.epoch, change.why, change.at, id, expected.state, expected.epoch],
      );
      const campaign = read(id);
      if (campaign === undefined) throw unknownCampaign(id);
      if (changed === 0) {
        const found = `${campaign.state} in epoch ${campaign.epoch}`;
        const message = `${id} is ${found}, not ${expected.state} in epoch ${expected.epoch}`;
        throw new RuntimeError("store.conflict", message);
      }
      addToLog(id, { ...change, from: expected.state });
      return campaign;
    },

    log(id, request) {
      const [after] = readCursor(request.after, [0]);
      const sql = `SELECT seq, from_state AS "from", to_state AS "to", epoch, by, why, at
        FROM campaign_log WHERE campaign = ? AND seq > ? ORDER BY seq LIMIT ?`;
      const rows = db.rows<Transition & { seq: number }>(sql, id, after, rowsWanted(request));
      const { items, next } = pageOf(rows, request, (row) => String(row.seq));
      return { items: items.map(({ seq: _, ...transition }) => transition), next };
    },
  };
}

type JournalOperation = "openPages" | "claim" | "advance" | "totals" | "releaseOthers";

function journalOperations(db: Database): Pick<Synchronous<CampaignStore>, JournalOperation> {
  const audienceOf = (campaign: string): string => {
    const sql = "SELECT audience FROM campaigns WHERE id = ?";
    const row = db.row<{ audience: string }>(sql, campaign);
    if (row === undefined) throw unknownCampaign(campaign);
    return row.audience;
  };

  return {
    openPages(campaign, epoch, request) {
      const [partition, k] = readCursor(request.after, [-1, -1]);
      const rows = db.rows<{ partition: number; k: number; size: number }>(
        OPEN_PAGES,
        ...[campaign, epoch, audienceOf(campaign), partition, k, rowsWanted(request)],
      );
      return pageOf(rows, request, (row) => `${row.partition}/${row.k}`);
    },

    claim(page, { owner, now, leaseUntil }) {
      const { campaign, epoch, partition, k } = page;
      const row = db.runReturning<PageRow>(
        CLAIM,
        campaign,
        epoch,
        partition,
        k,
        owner,
        now,
        leaseUntil,
      );
      return row && pageStateOf(row);
    },

    advance(step) {
      const { campaign, epoch, partition, k, fence, done, intent, counts, leaseUntil } = step;
      const { delivered, handed, shed, unknown } = counts;
      const changed = db.run(
        ADVANCE,
        ...[campaign, epoch, partition, k, fence, done, intent, leaseUntil],
        ...[delivered, handed, shed, unknown],
      );
      if (changed === 1) return;
      const found = db.row<PageRow>(
        "SELECT * FROM page_states WHERE campaign = ? AND epoch = ? AND partition = ? AND k = ?",
        ...[campaign, epoch, partition, k],
      );
      const where = found
        ? `at ${found.done}/${found.intent} of ${found.size} with fence ${found.fence}`
        : "not claimed";
      const message = `page ${campaign}/${epoch}/${partition}/${k} is ${where}`;
      throw new RuntimeError(
        "store.fenced",
        `${message}: no step to ${done}/${intent} by ${fence}`,
      );
    },

    totals(campaign, epoch) {
      const row = db.row<Record<string, number>>(TOTALS, campaign, epoch, audienceOf(campaign))!;
      const { delivered, handed, shed, unknown, ...totals } = row;
      return { ...totals, counts: { delivered, handed, shed, unknown } } as RunTotals;
    },

    releaseOthers(owner) {
      const sql = `UPDATE page_states SET owner = '', lease_until = 0
        WHERE owner <> '' AND owner <> ?`;
      return db.run(sql, owner);
    },
  };
}

const SELECT_CAMPAIGN =
  "SELECT seq, id, state, why, epoch, created_at, changed_at, spec FROM campaigns";

/** Of the audience's pages, those without a state in this epoch or with one that is not done. */
const OPEN_PAGES = `
  SELECT p.partition, p.k, p.size FROM audience_pages p
  LEFT JOIN page_states s
    ON s.campaign = ?1 AND s.epoch = ?2 AND s.partition = p.partition AND s.k = p.k
  WHERE p.audience = ?3 AND (p.partition, p.k) > (?4, ?5) AND coalesce(s.done, 0) < p.size
  ORDER BY p.partition, p.k LIMIT ?6`;

/** The first claim makes the state; a run that is over (an older epoch) gets no more leases. */
const CLAIM = `
  INSERT INTO page_states (campaign, epoch, partition, k, size, done, intent, fence,
    owner, lease_until, delivered, handed, shed, unknown)
  SELECT c.id, ?2, p.partition, p.k, p.size, 0, 0, 1, ?5, ?7, 0, 0, 0, 0
  FROM campaigns c JOIN audience_pages p ON p.audience = c.audience
  WHERE c.id = ?1 AND c.epoch <= ?2 AND p.partition = ?3 AND p.k = ?4
  ON CONFLICT DO UPDATE
    SET fence = fence + 1, owner = excluded.owner, lease_until = excluded.lease_until
    WHERE done < size AND lease_until <= ?6
  RETURNING *`;

/** A page that is done, or whose lease is given up, is nobody's. */
const ADVANCE = `
  UPDATE page_states SET done = ?6, intent = ?7,
    owner = CASE WHEN ?6 = size OR ?8 = 0 THEN '' ELSE owner END, lease_until = ?8,
    delivered = delivered + ?9, handed = handed + ?10, shed = shed + ?11, unknown = unknown + ?12
  WHERE campaign = ?1 AND epoch = ?2 AND partition = ?3 AND k = ?4 AND fence = ?5
    AND done <= ?6 AND intent <= ?7 AND ?6 <= ?7 AND ?7 <= size`;

const TOTALS = `
  SELECT count(*) AS pages, coalesce(sum(s.done = p.size), 0) AS pagesDone,
    coalesce(sum(p.size), 0) AS recipients, coalesce(sum(s.done), 0) AS settled,
    coalesce(sum(s.intent - s.done), 0) AS inDoubt,
    coalesce(sum(s.delivered), 0) AS delivered, coalesce(sum(s.handed), 0) AS handed,
    coalesce(sum(s.shed), 0) AS shed, coalesce(sum(s.unknown), 0) AS unknown
  FROM audience_pages p LEFT JOIN page_states s
    ON s.campaign = ?1 AND s.epoch = ?2 AND s.partition = p.partition AND s.k = p.k
  WHERE p.audience = ?3`;

interface CampaignRow {
  readonly seq: number;
  readonly id: string;
  readonly state: CampaignState;
  readonly why: string;
  readonly epoch: number;
  readonly created_at: number;
  readonly changed_at: number;
  readonly spec: string;
}

function campaignOf(row: CampaignRow): Campaign {
  const { id, state, why, epoch, created_at: createdAt, changed_at: changedAt } = row;
  return { ...(JSON.parse(row.spec) as CampaignSpec), id, state, why, epoch, createdAt, changedAt };
}

interface PageRow {
  readonly partition: number;
  readonly k: number;
  readonly size: number;
  readonly done: number;
  readonly intent: number;
  readonly fence: number;
  readonly owner: string;
  readonly lease_until: number;
  readonly delivered: number;
  readonly handed: number;
  readonly shed: number;
  readonly unknown: number;
}

function pageStateOf(row: PageRow): PageState {
  const { partition, k, size, done, intent, fence, owner, lease_until: leaseUntil } = row;
  const { delivered, handed, shed, unknown } = row;
  const counts = { delivered, handed, shed, unknown };
  return { partition, k, size, done, intent, fence, owner, leaseUntil, counts };
}

function unknownCampaign(id: string): RuntimeError {
  return new RuntimeError("campaign.unknown", `there is no campaign ${id}`);
}
