/** A record that old callers know by a number. */
export interface NumberedRecord {
  readonly id: number;
  /** Grows with every change, from 1. */
  readonly version: number;
  /** JSON text. */
  readonly body: string;
}

/**
 * Records with numbers for ids, of several kinds, for callers of the interface that Herald
 * replaces. The first of a kind is 100 000; no number is given twice.
 */
export interface NumberedStore {
  /** Returns the new record's id. Durable when it resolves. */
  add(kind: string, body: string): Promise<number>;
  read(kind: string, id: number): Promise<NumberedRecord | undefined>;
  /** Returns false, and changes nothing, when there is none with this version. */
  replace(
    kind: string,
    record: { readonly id: number; readonly version: number; readonly body: string },
  ): Promise<boolean>;
  /** The highest id first, and how many there are in all. */
  list(
    kind: string,
    request: { readonly offset: number; readonly limit: number },
  ): Promise<{ readonly items: readonly NumberedRecord[]; readonly total: number }>;
}
