import { AUDIENCE_TASKS } from "./audience-tasks.ts";

/** Receipts, members, devices. A published step is never edited: add another. */
export const LATE: readonly string[] = [
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
  AUDIENCE_TASKS,
  `
  -- Of those that are deleted: how many all consumers had acknowledged, and how many not.
  ALTER TABLE outbox_size ADD COLUMN acked INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE outbox_size ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX outbox_by_age ON outbox (at, "offset");
  `,
  `
  -- The highest version that a secret of a forgotten board had.
  ALTER TABLE relation_version ADD COLUMN secret_forgotten INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- What is old is found by its offset.
  DROP INDEX outbox_by_age;
  `,
  `
  -- How much waits for a user is read from the index alone.
  ALTER TABLE inbox_items ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
  UPDATE inbox_items SET bytes = octet_length(payload);
  DROP INDEX inbox_items_by_user;
  CREATE INDEX inbox_items_by_user ON inbox_items (user, offset, bytes);
  `,
];
