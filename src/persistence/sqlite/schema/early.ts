/** Audiences, campaigns, inboxes, access. A published step is never edited: add another. */
export const EARLY: readonly string[] = [
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
];
