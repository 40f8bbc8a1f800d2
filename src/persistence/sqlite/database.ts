import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

/** One open SQLite file and its prepared statements. */
export class Database {
  /** Rows changed since the opening, but for those that have been undone on purpose. */
  changes = 0;
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(connection: DatabaseSync) {
    this.#connection = connection;
  }

  /** Runs a statement; returns how many rows it changed. */
  run(sql: string, ...params: SQLInputValue[]): number {
    const changes = Number(this.#prepared(sql).run(...params).changes);
    this.changes += changes;
    return changes;
  }

  /** Runs a statement that changes one row at most, and returns what its RETURNING says. */
  runReturning<Row>(sql: string, ...params: SQLInputValue[]): Row | undefined {
    const row = this.row<Row>(sql, ...params);
    if (row !== undefined) this.changes += 1;
    return row;
  }

  /** The first row, if any. `Row` is what the query's columns promise. */
  row<Row>(sql: string, ...params: SQLInputValue[]): Row | undefined {
    return this.#prepared(sql).get(...params) as Row | undefined;
  }

  rows<Row>(sql: string, ...params: SQLInputValue[]): Row[] {
    return this.#prepared(sql).all(...params) as Row[];
  }

  /** Runs a statement of transaction control, as BEGIN: one that changes no row. */
  control(sql: string): void {
    this.#prepared(sql).run();
  }

  /** Runs a script of statements that are not worth keeping prepared. */
  script(sql: string): void {
    this.#connection.exec(sql);
  }

  /** False after an error that made SQLite roll everything back by itself. */
  get inTransaction(): boolean {
    return this.#connection.isTransaction;
  }

  /** Moves what the log holds into the file, then lets go of it. */
  close(): void {
    this.#statements.clear();
    try {
      this.#connection.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } finally {
      this.#connection.close();
    }
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
