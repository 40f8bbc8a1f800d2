import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import type { Stores } from "../../src/persistence/ports/stores.ts";
import { Database } from "../../src/persistence/sqlite/database.ts";
import { MIGRATIONS, migrate } from "../../src/persistence/sqlite/migrations.ts";
import { openSqliteStores, type SqliteOptions } from "../../src/persistence/sqlite/open-stores.ts";
import { audience, campaign, clockAt, expectError } from "../conformance/open-stores.ts";
import { dataFile } from "./data-folder.ts";

/** Opens stores that are closed when the test ends, if not before. */
async function open(file: string, options: Partial<SqliteOptions> = {}): Promise<Stores> {
  const base = { synchronous: "normal", inboxPerUserMax: 10, clock: clockAt(0) } as const;
  const stores = await openSqliteStores({ file, ...base, ...options });
  onTestFinished(() => stores.close());
  return stores;
}

/** The file as plain SQLite, once nobody else has it. */
function rawDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file);
  onTestFinished(() => {
    if (database.isOpen) database.close();
  });
  return database;
}

test.each(["normal", "full"] as const)(
  "with %s commits, a reopened file has everything",
  async (synchronous) => {
    const file = dataFile();
    const first = await open(file, { synchronous });
    await first.audiences.create(audience("a1"));
    await first.campaigns.create(campaign("c1"), "cli");
    const secret = await first.credentials.secret("jwt", Uint8Array.of(1, 2, 3));
    await first.close();
    const second = await open(file, { synchronous });
    expect(await second.audiences.read("a1")).toEqual(audience("a1"));
    expect(await second.campaigns.read("c1")).toEqual(campaign("c1"));
    expect(await second.credentials.secret("jwt", Uint8Array.of(9))).toEqual(secret);
  },
);

test("a folder that is in use is refused by name, and works once it is free", async () => {
  const file = dataFile();
  const first = await open(file);
  const refused = open(file);
  await expectError(refused, "store.locked");
  await expect(refused).rejects.toThrow(dirname(file));
  await first.audiences.create(audience("a1"));
  await first.close();
  const second = await open(file);
  expect(await second.audiences.read("a1")).toBeDefined();
});

test("the folder of another process is refused, until that is killed", async () => {
  const file = dataFile();
  const script = fileURLToPath(new URL("../process/store-writer.ts", import.meta.url));
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", script, file, "held"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  await expectError(open(file), "store.locked");
  child.kill("SIGKILL");
  await once(child, "close");
  const stores = await open(file);
  expect((await stores.inbox.ledger("held")).accepted).toBeGreaterThan(0);
});

test("a file that is not a database is refused and left as it is", async () => {
  const file = dataFile();
  mkdirSync(dirname(file));
  writeFileSync(file, "these are not the bytes of a database ".repeat(100));
  await expectError(open(file), "store.unavailable");
  expect(readFileSync(file, "utf8")).toMatch(/^these are not/);
});

test("a file that a newer version has written is refused and left as it is", async () => {
  const file = dataFile();
  await (await open(file)).close();
  const newer = MIGRATIONS.length + 1;
  const raw = rawDatabase(file);
  raw.exec(`PRAGMA user_version = ${newer}`);
  raw.close();
  const refused = open(file);
  await expectError(refused, "store.unavailable");
  await expect(refused).rejects.toThrow(/newer/);
  expect(rawDatabase(file).prepare("PRAGMA user_version").get()).toEqual({ user_version: newer });
});

test("a file of the version before takes the steps that are missing and keeps its data", () => {
  const database = new Database(new DatabaseSync(":memory:"));
  onTestFinished(() => database.close());
  migrate(database);
  database.run("INSERT INTO audiences (id, state, record) VALUES ('a1', 'ready', '{}')");
  const next = "ALTER TABLE audiences ADD COLUMN note TEXT NOT NULL DEFAULT 'none'";
  migrate(database, [...MIGRATIONS, next]);
  expect(database.rows("SELECT id, note FROM audiences")).toEqual([{ id: "a1", note: "none" }]);
  migrate(database, [...MIGRATIONS, next]);
  expect(database.row("PRAGMA user_version")).toEqual({ user_version: MIGRATIONS.length + 1 });
});

test("what waited in inboxes of before is counted in bytes, too", () => {
  const database = new Database(new DatabaseSync(":memory:"));
  onTestFinished(() => database.close());
  const before = MIGRATIONS.findIndex((step) => step.includes("ADD COLUMN bytes"));
  migrate(database, MIGRATIONS.slice(0, before));
  database.run(`INSERT INTO inbox_items (user, offset, id, ledger, topic, payload, ack, expires_at)
    VALUES ('u1', 1, 'm1', 1, 't', '"é"', 1, 5)`);
  migrate(database);
  expect(database.rows("SELECT id, bytes FROM inbox_items")).toEqual([{ id: "m1", bytes: 4 }]);
});

test("audiences of before they were tasks have a state, a reason and a log afterwards", () => {
  const database = new Database(new DatabaseSync(":memory:"));
  onTestFinished(() => database.close());
  const before = MIGRATIONS.findIndex((step) => step.includes("CREATE TABLE audience_log"));
  migrate(database, MIGRATIONS.slice(0, before));
  for (const [id, state, failure] of [
    ["a1", "ready", ""],
    ["a2", "importing", ""],
    ["a3", "collecting", ""],
    ["a4", "failed", "no header"],
  ] as const) {
    const record = JSON.stringify({ id, state, failure, createdAt: 5, size: 3 });
    database.run("INSERT INTO audiences (id, state, record) VALUES (?, ?, ?)", id, state, record);
  }
  database.run("INSERT INTO collections (audience, plan) VALUES ('a3', '{}')");
  migrate(database);
  const rows = database.rows<{ state: string; record: string }>(
    "SELECT state, record FROM audiences ORDER BY id",
  );
  const records = rows.map(({ record }) => JSON.parse(record) as Record<string, unknown>);
  const states = ["finished", "started", "failed", "failed"];
  expect(rows.map(({ state }) => state)).toEqual(states);
  expect(records.map(({ state }) => state)).toEqual(states);
  expect(records[0]).toEqual({
    ...{ id: "a1", state: "finished", createdAt: 5, size: 3, by: "system", changedAt: 5 },
    ...{ why: "made by an earlier version", epoch: 1 },
  });
  expect(records[2]!["why"]).toContain("start it again");
  expect(records[3]!["why"]).toBe("no header");
  expect(database.rows("SELECT audience, to_state FROM audience_log")).toHaveLength(4);
  expect(database.rows("SELECT * FROM collections")).toEqual([]);
});

test("when a step of a migration fails, none has been taken", () => {
  const database = new Database(new DatabaseSync(":memory:"));
  onTestFinished(() => database.close());
  const steps = ["CREATE TABLE one (id INTEGER) STRICT", "CREATE TABLE one (id INTEGER) STRICT"];
  expect(() => migrate(database, steps)).toThrow(/already exists/);
  expect(database.rows("SELECT name FROM sqlite_schema")).toEqual([]);
  expect(database.row("PRAGMA user_version")).toEqual({ user_version: 0 });
});
