import { RuntimeError } from "../../core/errors.ts";
import type { Database } from "./database.ts";

/**
 * The schema, step by step; a file's `user_version` says how many steps it has taken.
 *
 * A published step is never edited: add another. Each domain's queries are in its own file.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE audiences (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    record TEXT NOT NULL
  ) STRICT;

  -- The content is as long as many file pages, so listings read the index alone.
  CREATE TABLE audience_pages (
    seq INTEGER PRIMARY KEY,
    audience TEXT NOT NULL,
    partition INTEGER NOT NULL,
    k INTEGER NOT NULL,
    size INTEGER NOT NULL,
    recipients TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX audience_pages_by_id ON audience_pages (audience, partition, k, size);

  CREATE TABLE audience_spill (
    seq INTEGER PRIMARY KEY,
    audience TEXT NOT NULL,
    partition INTEGER NOT NULL,
    recipients TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audience_spill_by_partition ON audience_spill (audience, partition);

  CREATE TABLE audience_errors (
    audience TEXT NOT NULL,
    n INTEGER NOT NULL,
    line INTEGER NOT NULL,
    field TEXT NOT NULL,
    expected TEXT NOT NULL,
    got TEXT NOT NULL,
    PRIMARY KEY (audience, n)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE campaigns (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    why TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    audience TEXT NOT NULL,
    spec TEXT NOT NULL
  ) STRICT;
  CREATE INDEX campaigns_by_state ON campaigns (state);

  CREATE TABLE campaign_log (
    seq INTEGER PRIMARY KEY,
    campaign TEXT NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    by TEXT NOT NULL,
    why TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX campaign_log_by_campaign ON campaign_log (campaign);

  CREATE TABLE page_states (
    campaign TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    k INTEGER NOT NULL,
    size INTEGER NOT NULL,
    done INTEGER NOT NULL,
    intent INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    owner TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    handed INTEGER NOT NULL,
    shed INTEGER NOT NULL,
    unknown INTEGER NOT NULL,
    PRIMARY KEY (campaign, epoch, partition, k)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX page_states_leased ON page_states (owner) WHERE owner <> '';

  CREATE TABLE inbox_users (
    user TEXT PRIMARY KEY,
    head INTEGER NOT NULL,
    forgotten INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE inbox_ledgers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    accepted INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0,
    acked INTEGER NOT NULL DEFAULT 0,
    expired INTEGER NOT NULL DEFAULT 0,
    shed INTEGER NOT NULL DEFAULT 0,
    unknown INTEGER NOT NULL DEFAULT 0
  ) STRICT;

  -- Unsettled items only. Rows go to the end of the table, whoever they are for; only the
  -- small index entries are spread by user.
  CREATE TABLE inbox_items (
    seq INTEGER PRIMARY KEY,
    user TEXT NOT NULL,
    offset INTEGER NOT NULL,
    id TEXT NOT NULL,
    ledger INTEGER NOT NULL,
    topic TEXT NOT NULL,
    payload TEXT NOT NULL,
    ack INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX inbox_items_by_user ON inbox_items (user, offset);
  CREATE INDEX inbox_items_by_ledger ON inbox_items (ledger);
  CREATE INDEX inbox_items_by_expiry ON inbox_items (expires_at);

  -- Every id, unsettled (settled_at is null) or settled and still remembered.
  CREATE TABLE inbox_ids (
    id TEXT PRIMARY KEY,
    offset INTEGER NOT NULL,
    settled_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX inbox_ids_settled ON inbox_ids (settled_at) WHERE settled_at IS NOT NULL;

  CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE api_tokens (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    by TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL,
    request_id TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE requests (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    owner TEXT NOT NULL,
    at INTEGER NOT NULL,
    status INTEGER,
    body TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX requests_by_age ON requests (at);
  `,
  `
  -- Campaigns: versions, notes of a run, time zones, A/B arms, caps, and what became of whom.
  ALTER TABLE campaigns ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE campaigns ADD COLUMN run TEXT NOT NULL DEFAULT '{"resumedAt":0,"canary":"none"}';
  CREATE TABLE campaign_versions (
    campaign TEXT NOT NULL,
    version INTEGER NOT NULL,
    spec TEXT NOT NULL,
    by TEXT NOT NULL,
    why TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (campaign, version)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE campaign_certificates (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    campaign TEXT NOT NULL,
    certificate TEXT NOT NULL
  ) STRICT;
  CREATE INDEX campaign_certificates_by_campaign ON campaign_certificates (campaign);
  CREATE TABLE campaign_caps (
    member TEXT NOT NULL,
    item TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (member, item)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX campaign_caps_by_age ON campaign_caps (at);

  ALTER TABLE audience_pages ADD COLUMN zone TEXT NOT NULL DEFAULT '';
  DROP INDEX audience_pages_by_id;
  CREATE UNIQUE INDEX audience_pages_by_id ON audience_pages (audience, partition, k, size, zone);

  ALTER TABLE page_states ADD COLUMN invalid INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE page_states ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE page_states ADD COLUMN capped INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE page_states ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE page_states ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE page_states ADD COLUMN versions TEXT NOT NULL DEFAULT '[]';
  CREATE TABLE page_exceptions (
    campaign TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    k INTEGER NOT NULL,
    exceptions TEXT NOT NULL,
    PRIMARY KEY (campaign, epoch, partition, k)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE page_arms (
    campaign TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    arm TEXT NOT NULL,
    partition INTEGER NOT NULL,
    k INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    handed INTEGER NOT NULL,
    shed INTEGER NOT NULL,
    unknown INTEGER NOT NULL,
    invalid INTEGER NOT NULL,
    held INTEGER NOT NULL,
    capped INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    PRIMARY KEY (campaign, epoch, arm, partition, k)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- One row per part of a message. Without a campaign nobody knows yet whose it is.
  CREATE TABLE receipts (
    provider TEXT NOT NULL,
    message TEXT NOT NULL,
    part INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    campaign TEXT,
    epoch INTEGER,
    partition INTEGER,
    k INTEGER,
    idx INTEGER,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (provider, message, part)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX receipts_by_item ON receipts (campaign, epoch, partition, k, idx)
    WHERE campaign IS NOT NULL;
  CREATE INDEX receipts_unmatched ON receipts (received_at) WHERE campaign IS NULL;

  CREATE TABLE receipt_counts (
    campaign TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (campaign, epoch, rank)
  ) STRICT, WITHOUT ROWID;

  -- What providers call the messages that they were given.
  CREATE TABLE provider_messages (
    provider TEXT NOT NULL,
    message TEXT NOT NULL,
    campaign TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    k INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (provider, message)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX provider_messages_by_age ON provider_messages (at);
  `,
  // How an item ended, so that somebody who asks can be told.
  "ALTER TABLE inbox_ids ADD COLUMN outcome TEXT;",
  `
  -- The bucket comes first, so that one is read without the others, in the order of ids.
  -- Attributes and tags (as keys) are JSONB.
  CREATE TABLE members (
    bucket INTEGER NOT NULL,
    id TEXT NOT NULL,
    attributes BLOB NOT NULL,
    tags BLOB NOT NULL,
    locale TEXT,
    time_zone TEXT,
    last_seen_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    opted_out INTEGER NOT NULL,
    PRIMARY KEY (bucket, id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE suppressions (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    why TEXT NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (kind, value)
  ) STRICT;

  CREATE TABLE collections (
    seq INTEGER PRIMARY KEY,
    audience TEXT NOT NULL UNIQUE,
    plan TEXT NOT NULL
  ) STRICT;

  CREATE TABLE collection_parts (
    audience TEXT NOT NULL,
    partition INTEGER NOT NULL,
    part TEXT NOT NULL,
    PRIMARY KEY (audience, partition)
  ) STRICT, WITHOUT ROWID;
  `,
  "CREATE INDEX members_opted_out ON members (id) WHERE opted_out = 1;",
  `
  CREATE TABLE numbered (
    kind TEXT NOT NULL,
    id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE subscriptions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    member TEXT NOT NULL,
    endpoint TEXT NOT NULL UNIQUE,
    p256dh TEXT NOT NULL,
    auth TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX subscriptions_by_member ON subscriptions (member, seq);
  `,
  `
  CREATE TABLE outbox (
    "offset" INTEGER PRIMARY KEY AUTOINCREMENT,
    principal TEXT NOT NULL,
    device TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (principal, key)
  ) STRICT;
  CREATE INDEX outbox_by_kind ON outbox (kind, "offset");
  CREATE TABLE outbox_consumers (
    consumer TEXT PRIMARY KEY,
    acked INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE outbox_size (id INTEGER PRIMARY KEY CHECK (id = 1), n INTEGER NOT NULL) STRICT;
  INSERT INTO outbox_size (id, n) VALUES (1, 0);
  `,
  `
  CREATE TABLE boards (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    model TEXT NOT NULL,
    serial TEXT NOT NULL,
    mac TEXT NOT NULL,
    owner TEXT,
    secret_version INTEGER NOT NULL,
    registered_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX boards_by_owner ON boards (owner, seq) WHERE owner IS NOT NULL;

  -- A family is here by the row of its host. A user has joined one at most.
  CREATE TABLE family_members (
    family TEXT NOT NULL,
    user TEXT NOT NULL,
    role TEXT NOT NULL,
    is_invited INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (family, user)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX family_joined ON family_members (user) WHERE is_invited = 0;
  CREATE INDEX family_invitations ON family_members (user) WHERE is_invited = 1;

  CREATE TABLE relation_version (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    n INTEGER NOT NULL
  ) STRICT;
  INSERT INTO relation_version (id, n) VALUES (1, 0);
  -- What is to be announced and has not been.
  CREATE TABLE relation_announcements (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    body TEXT NOT NULL
  ) STRICT;
  CREATE TABLE principal_seen (principal TEXT PRIMARY KEY, at INTEGER NOT NULL)
    STRICT, WITHOUT ROWID;
  `,
];

/**
 * Brings the file's schema to the present, all steps or none.
 *
 * @throws RuntimeError `store.unavailable` when the file has taken more steps than are known.
 */
export function migrate(database: Database, steps: readonly string[] = MIGRATIONS): void {
  const taken = database.row<{ user_version: number }>("PRAGMA user_version")!.user_version;
  if (taken > steps.length) {
    const versions = `version ${taken}; this Herald knows ${steps.length}`;
    throw new RuntimeError("store.unavailable", `written by a newer Herald: ${versions}`);
  }
  if (taken === steps.length) return;
  database.script("BEGIN IMMEDIATE");
  try {
    for (const step of steps.slice(taken)) database.script(step);
    database.script(`PRAGMA user_version = ${steps.length}`);
    database.script("COMMIT");
  } catch (thrown) {
    if (database.inTransaction) database.script("ROLLBACK");
    throw thrown;
  }
}
