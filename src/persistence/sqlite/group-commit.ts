import { RuntimeError } from "../../core/errors.ts";
import type { Database } from "./database.ts";
import type { Answer, Call, Failure } from "./wire.ts";

/** What the storage thread can do, by name, as `campaigns.advance`. */
export type Operations = ReadonlyMap<string, (...args: never[]) => unknown>;

/**
 * Runs the calls in their order and makes all of them durable with one commit.
 *
 * A call that fails is undone alone. When the commit fails, all have failed and none has left
 * a trace. The answers are in the order of the calls.
 */
export function commitTogether(
  database: Database,
  operations: Operations,
  calls: readonly Call[],
): readonly Answer[] {
  const answers: Answer[] = [];
  try {
    database.run("BEGIN");
    for (const call of calls) {
      const answer = runAlone(database, operations, call);
      answers.push(answer);
      // Some errors, such as a full disk, make SQLite itself undo the whole transaction.
      if (!database.inTransaction) return calls.map(() => answer);
    }
    database.run("COMMIT");
    return answers;
  } catch (thrown) {
    if (database.inTransaction) database.run("ROLLBACK");
    const failure = asFailure(thrown);
    return calls.map(() => ({ failure }));
  }
}

function runAlone(database: Database, operations: Operations, [name, args]: Call): Answer {
  const operation = operations.get(name) as ((...args: readonly unknown[]) => unknown) | undefined;
  database.run("SAVEPOINT one_call");
  try {
    if (operation === undefined) throw new RuntimeError("internal", `no operation ${name}`);
    const value = operation(...args);
    database.run("RELEASE one_call");
    return { value };
  } catch (thrown) {
    if (database.inTransaction) {
      database.run("ROLLBACK TO one_call");
      database.run("RELEASE one_call");
    }
    return { failure: asFailure(thrown) };
  }
}

/** Errors of SQLite mean the store is unavailable; any other unknown error is a bug. */
export function asFailure(thrown: unknown): Failure {
  if (thrown instanceof RuntimeError) return { code: thrown.code, message: thrown.message };
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return isSqliteError(thrown)
    ? { code: "store.unavailable", message: `SQLite: ${message}` }
    : { code: "internal", message };
}

function isSqliteError(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "ERR_SQLITE_ERROR";
}
