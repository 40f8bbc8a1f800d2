import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RuntimeError } from "../../core/errors.ts";
import { Database } from "./database.ts";
import { indexMembers } from "./member-indexes.ts";
import { migrate } from "./migrations.ts";
import type { StorageOptions } from "./wire.ts";

/** SQLite's own code for "another connection holds the lock". */
const SQLITE_BUSY = 5;
/** How long to wait for a lock that a dying process may still hold. */
const LOCK_WAIT_MS = 250;

/**
 * Opens the file for this process alone, creating or migrating it as needed.
 *
 * The exclusive lock is the operating system's: it ends with the process, however that ends.
 *
 * @throws RuntimeError `store.locked` when another connection has it, `store.unavailable` when
 * the file cannot be used or was written by a newer Herald.
 */
export function openDatabase(options: StorageOptions): Database {
  const folder = dirname(resolve(options.file));
  let connection: DatabaseSync | undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    connection = new DatabaseSync(options.file, { timeout: LOCK_WAIT_MS });
    const database = new Database(connection);
    configure(database, options);
    migrate(database);
    indexMembers(database, options.indexedAttributes);
    return database;
  } catch (thrown) {
    if (connection?.isOpen) connection.close();
    throw asRuntimeError(thrown, folder);
  }
}

function configure(database: Database, options: StorageOptions): void {
  // The page size only counts for a new file. 8 KB holds more of a page of recipients per step.
  database.script("PRAGMA page_size = 8192");
  // Exclusive before the first access, so that the index of the log lives in this process's heap.
  database.script("PRAGMA locking_mode = EXCLUSIVE");
  database.script("PRAGMA journal_mode = WAL");
  database.script(`PRAGMA synchronous = ${options.synchronous === "full" ? "FULL" : "NORMAL"}`);
  database.script("PRAGMA temp_store = MEMORY");
  database.script("PRAGMA cache_size = -65536");
  // A checkpoint per 32 MB of log rather than per 8: bulk writes touch the file less often.
  database.script("PRAGMA wal_autocheckpoint = 4000");
  database.script("PRAGMA journal_size_limit = 67108864");
  // Takes the lock, which merely opening a file that is in WAL mode does not.
  database.script("BEGIN IMMEDIATE; COMMIT");
  if (options.filePagesMax > 0) {
    database.script(`PRAGMA max_page_count = ${options.filePagesMax}`);
  }
}

function asRuntimeError(thrown: unknown, folder: string): RuntimeError {
  if (thrown instanceof RuntimeError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const busy = thrown instanceof Error && "errcode" in thrown && thrown.errcode === SQLITE_BUSY;
  return busy
    ? new RuntimeError("store.locked", `the data folder ${folder} is in use by another node`)
    : new RuntimeError("store.unavailable", `cannot open the store in ${folder}: ${message}`);
}
