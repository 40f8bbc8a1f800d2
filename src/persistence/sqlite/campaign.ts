import { RuntimeError } from "../../core/errors.ts";
import { pageOf, readCursor, rowsWanted } from "../cursor.ts";
import type {
  Campaign,
  CampaignRecords,
  CampaignSpec,
  CampaignState,
  CampaignStore,
  Certificate,
  RunNotes,
  SpecVersion,
  Transition,
} from "../ports/campaign.ts";
import type { Synchronous } from "../synchronous.ts";
import type { Database } from "./database.ts";
import { journalOperations } from "./page-journal.ts";

/** The campaign port's SQL: records, the journal of pages, and frequency caps. */
export function campaignOperations(db: Database): Synchronous<CampaignStore> {
  return {
    ...recordOperations(db),
    ...certificateOperations(db),
    ...changeOperations(db),
    ...journalOperations(db),
    ...capOperations(db),
  };
}

type ChangeOperation = "transition" | "edit" | "tune";

type CertificateOperation = "certify" | "certificate";

function recordOperations(
  db: Database,
): Omit<Synchronous<CampaignRecords>, ChangeOperation | CertificateOperation> {
  return {
    read: (id) => readCampaign(db, id),

    create(campaign, by) {
      const { spec, rest } = splitCampaign(campaign);
      const { id, state, why, epoch, version, run, createdAt: at, changedAt } = rest;
      const added = db.run(
        `INSERT INTO campaigns
          (id, state, why, epoch, created_at, changed_at, audience, spec, version, run)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        ...[id, state, why, epoch, at, changedAt, spec.audience, JSON.stringify(spec)],
        ...[version, JSON.stringify(run)],
      );
      if (added === 0) throw new RuntimeError("store.conflict", `campaign ${id} exists`);
      addToLog(db, id, { from: state, to: state, epoch, by, why, at });
      addVersion(db, id, { version, spec, by, why, at });
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

    log(id, request) {
      const [after] = readCursor(request.after, [0]);
      const sql = `SELECT seq, from_state AS "from", to_state AS "to", epoch, by, why, at
        FROM campaign_log WHERE campaign = ? AND seq > ? ORDER BY seq LIMIT ?`;
      const rows = db.rows<Transition & { seq: number }>(sql, id, after, rowsWanted(request));
      const { items, next } = pageOf(rows, request, (row) => String(row.seq));
      return { items: items.map(({ seq: _, ...transition }) => transition), next };
    },

    versions(id, request) {
      const [after] = readCursor(request.after, [0]);
      const sql = `SELECT version, spec, by, why, at FROM campaign_versions
        WHERE campaign = ? AND version > ? ORDER BY version LIMIT ?`;
      const rows = db.rows<VersionRow>(sql, id, after, rowsWanted(request));
      const { items, next } = pageOf(rows, request, (row) => String(row.version));
      const versionOf = (row: VersionRow): SpecVersion => ({ ...row, spec: JSON.parse(row.spec) });
      return { items: items.map(versionOf), next };
    },
  };
}

function certificateOperations(
  db: Database,
): Pick<Synchronous<CampaignRecords>, CertificateOperation> {
  return {
    certify(certificate) {
      const { id, campaign } = certificate;
      if (readCampaign(db, campaign) === undefined) throw unknownCampaign(campaign);
      const sql = `INSERT INTO campaign_certificates (id, campaign, certificate) VALUES (?, ?, ?)
        ON CONFLICT DO NOTHING`;
      const added = db.run(sql, id, campaign, JSON.stringify(certificate));
      if (added === 0) throw new RuntimeError("store.conflict", `certificate ${id} exists`);
    },

    certificate(campaign) {
      const sql = `SELECT certificate FROM campaign_certificates WHERE campaign = ?
        ORDER BY seq DESC LIMIT 1`;
      const row = db.row<{ certificate: string }>(sql, campaign);
      return row && (JSON.parse(row.certificate) as Certificate);
    },
  };
}

function changeOperations(db: Database): Pick<Synchronous<CampaignRecords>, ChangeOperation> {
  /** The campaign after a change; refuses when nothing was changed. */
  const after = (id: string, changes: number, expected: string): Campaign => {
    const campaign = readCampaign(db, id);
    if (campaign === undefined) throw unknownCampaign(id);
    if (changes > 0) return campaign;
    const { state, epoch, version } = campaign;
    const found = `${state} in epoch ${epoch} at version ${version}`;
    throw new RuntimeError("store.conflict", `${id} is ${found}, not ${expected}`);
  };

  return {
    transition(id, expected, { run, ...change }) {
      const { to, epoch, why, at } = change;
      const changes = db.run(
        `UPDATE campaigns SET state = ?, epoch = ?, why = ?, changed_at = ?, run = coalesce(?, run)
        WHERE id = ? AND state = ? AND epoch = ?`,
        ...[to, epoch, why, at, run === undefined ? null : JSON.stringify(run)],
        ...[id, expected.state, expected.epoch],
      );
      const campaign = after(id, changes, `${expected.state} in epoch ${expected.epoch}`);
      addToLog(db, id, { ...change, from: expected.state });
      return campaign;
    },

    edit(id, { state, version }, { spec, by, why, at }) {
      const changes = db.run(
        `UPDATE campaigns SET spec = ?, audience = ?, version = version + 1, changed_at = ?
        WHERE id = ? AND state = ? AND version = ?`,
        ...[JSON.stringify(spec), spec.audience, at, id, state, version],
      );
      const campaign = after(id, changes, `${state} at version ${version}`);
      addVersion(db, id, { version: campaign.version, spec, by, why, at });
      return campaign;
    },

    tune(id, { state, epoch }, { workers, rate, by, why, at }) {
      const changes = db.run(
        `UPDATE campaigns SET spec = json_set(spec, '$.workers', ?, '$.rate', ?), changed_at = ?
        WHERE id = ? AND state = ? AND epoch = ?`,
        ...[workers, rate, at, id, state, epoch],
      );
      const campaign = after(id, changes, `${state} in epoch ${epoch}`);
      addToLog(db, id, { from: state, to: state, epoch, by, why, at });
      return campaign;
    },
  };
}

/** How long a counted message is remembered, in milliseconds. */
const CAPS_KEPT_MS = 31 * 24 * 3_600_000;
/** Old rows that go with one call; a call adds fewer than that. */
const CAPS_FORGOTTEN = 20_000;

type CapOperation = "takeCaps" | "returnCaps" | "overCaps";

function capOperations(db: Database): Pick<Synchronous<CampaignStore>, CapOperation> {
  return {
    takeCaps({ entries, cap, now }) {
      db.run(
        `DELETE FROM campaign_caps WHERE (member, item) IN
          (SELECT member, item FROM campaign_caps WHERE at <= ? ORDER BY at LIMIT ?)`,
        ...[now - CAPS_KEPT_MS, CAPS_FORGOTTEN],
      );
      const known = "SELECT 1 FROM campaign_caps WHERE member = ? AND item = ?";
      const add = `INSERT INTO campaign_caps (member, item, at) SELECT ?1, ?2, ?3
        WHERE (SELECT count(*) FROM campaign_caps WHERE member = ?1 AND at > ?4) < ?5`;
      return entries.map(
        ({ member, item }) =>
          db.row(known, member, item) !== undefined ||
          db.run(add, member, item, now, now - cap.perMs, cap.max) === 1,
      );
    },

    returnCaps({ entries }) {
      const sql = "DELETE FROM campaign_caps WHERE member = ? AND item = ?";
      for (const { member, item } of entries) db.run(sql, member, item);
    },

    overCaps({ members, cap, now }) {
      const sql = "SELECT count(*) AS n FROM campaign_caps WHERE member = ? AND at > ?";
      return members.map((it) => db.row<{ n: number }>(sql, it, now - cap.perMs)!.n >= cap.max);
    },
  };
}

function readCampaign(db: Database, id: string): Campaign | undefined {
  const row = db.row<CampaignRow>(`${SELECT_CAMPAIGN} WHERE id = ?`, id);
  return row && campaignOf(row);
}

function addToLog(db: Database, id: string, transition: Transition): void {
  const { from, to, epoch, by, why, at } = transition;
  const sql = `INSERT INTO campaign_log (campaign, from_state, to_state, epoch, by, why, at)
    VALUES (?, ?, ?, ?, ?, ?, ?)`;
  db.run(sql, id, from, to, epoch, by, why, at);
}

function addVersion(db: Database, id: string, { version, spec, by, why, at }: SpecVersion): void {
  const sql = `INSERT INTO campaign_versions (campaign, version, spec, by, why, at)
    VALUES (?, ?, ?, ?, ?, ?)`;
  db.run(sql, id, version, JSON.stringify(spec), by, why, at);
}

const SELECT_CAMPAIGN = `SELECT seq, id, state, why, epoch, version, run, created_at, changed_at,
  spec FROM campaigns`;

interface VersionRow {
  readonly version: number;
  readonly spec: string;
  readonly by: string;
  readonly why: string;
  readonly at: number;
}

interface CampaignRow {
  readonly seq: number;
  readonly id: string;
  readonly state: CampaignState;
  readonly why: string;
  readonly epoch: number;
  readonly version: number;
  readonly run: string;
  readonly created_at: number;
  readonly changed_at: number;
  readonly spec: string;
}

function campaignOf(row: CampaignRow): Campaign {
  const { id, state, why, epoch, version, created_at: createdAt, changed_at: changedAt } = row;
  const spec = JSON.parse(row.spec) as CampaignSpec;
  const run = JSON.parse(row.run) as RunNotes;
  return { ...spec, id, state, why, epoch, version, run, createdAt, changedAt };
}

/** What somebody has specified, and the rest. */
function splitCampaign(campaign: Campaign) {
  const { id, state, why, epoch, version, run, createdAt, changedAt, ...spec } = campaign;
  return { spec, rest: { id, state, why, epoch, version, run, createdAt, changedAt } };
}

function unknownCampaign(id: string): RuntimeError {
  return new RuntimeError("campaign.unknown", `there is no campaign ${id}`);
}
