import { RuntimeError } from "../../core/errors.ts";
import type { Database } from "./database.ts";
import { EARLY } from "./schema/early.ts";
import { LATE } from "./schema/late.ts";

/**
 * The schema, step by step; a file's `user_version` says how many steps it has taken.
 *
 * A published step is never edited: add another. Each domain's queries are in its own file.
 */
export const MIGRATIONS: readonly string[] = [...EARLY, ...LATE];

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
