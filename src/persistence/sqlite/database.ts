import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

/** Statements made for one query that are kept for its next part; the oldest makes room. */
const AD_HOC_MAX = 32;

type Value = number | string | null;

/** One open SQLite file and its prepared statements. */
export class Database {
  /** Rows changed since the opening, but for those that have been undone on purpose. */
  changes = 0;
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #adHoc = new Map<string, StatementSync>();

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

  /** As `rows`, for statements of which there is no end, as those made from conditions. */
  adHocRows<Row>(sql: string, ...params: SQLInputValue[]): Row[] {
    let statement = this.#adHoc.get(sql);
    if (statement === undefined) {
      const [oldest] = this.#adHoc.size >= AD_HOC_MAX ? this.#adHoc.keys() : [];
      if (oldest !== undefined) this.#adHoc.delete(oldest);
      statement = this.#connection.prepare(sql);
      this.#adHoc.set(sql, statement);
    }
    return statement.all(...params) as Row[];
  }

  /** Gives SQL a function of two values. It must always say the same of the same. */
  define(name: string, call: (first: Value, second: Value) => number): void {
    this.#connection.function(name, { deterministic: true }, (first, second) =>
      call(first as Value, second as Value),
    );
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
    this.#adHoc.clear();
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
