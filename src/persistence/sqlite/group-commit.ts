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
  const run = (call: Call): unknown => runCall(operations, call);
  return attempt(database, calls, run) ?? attempt(database, calls, inSavepoint(database, run))!;
}

/**
 * Runs and commits; undefined, and nothing done, when a call failed after it had changed
 * something that `run` has not undone.
 *
 * A savepoint per call would undo it, but more than halves the speed of calls that change many
 * rows (SQLite keeps a copy of every page since the savepoint, and searches it after each
 * statement). Such failures are rare, so the calls are run again from the start instead.
 */
function attempt(
  database: Database,
  calls: readonly Call[],
  run: (call: Call) => unknown,
): readonly Answer[] | undefined {
  const answers: Answer[] = [];
  try {
    database.control("BEGIN");
    for (const call of calls) {
      const changesBefore = database.changes;
      try {
        answers.push({ value: run(call) });
      } catch (thrown) {
        const answer = { failure: asFailure(thrown) };
        // Some errors, such as a full disk, make SQLite itself undo the whole transaction.
        if (!database.inTransaction) return calls.map(() => answer);
        if (database.changes > changesBefore) {
          database.control("ROLLBACK");
          return undefined;
        }
        answers.push(answer);
      }
    }
    database.control("COMMIT");
    return answers;
  } catch (thrown) {
    if (database.inTransaction) database.control("ROLLBACK");
    const failure = asFailure(thrown);
    return calls.map(() => ({ failure }));
  }
}

/** Undoes what a failing call has changed before it lets the error through. */
function inSavepoint(database: Database, run: (call: Call) => unknown): (call: Call) => unknown {
  return (call) => {
    const changesBefore = database.changes;
    database.control("SAVEPOINT one_call");
    try {
      const value = run(call);
      database.control("RELEASE one_call");
      return value;
    } catch (thrown) {
      if (database.inTransaction) {
        database.control("ROLLBACK TO one_call");
        database.control("RELEASE one_call");
        database.changes = changesBefore;
      }
      throw thrown;
    }
  };
}

function runCall(operations: Operations, [name, args]: Call): unknown {
  const operation = operations.get(name) as ((...args: readonly unknown[]) => unknown) | undefined;
  if (operation === undefined) throw new RuntimeError("internal", `no operation ${name}`);
  return operation(...args);
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
