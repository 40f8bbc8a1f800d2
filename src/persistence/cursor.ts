import { RuntimeError } from "../core/errors.ts";
import type { PageOf, PageRequest } from "./ports/audience.ts";

/** The rows to ask for in order to know whether there are more than the limit. */
export function rowsWanted(request: PageRequest): number {
  return limitOf(request) + 1;
}

/** Makes a page of rows that were read with `rowsWanted`. */
export function pageOf<T>(
  rows: readonly T[],
  request: PageRequest,
  cursorOf: (row: T) => string,
): PageOf<T> {
  const limit = limitOf(request);
  if (rows.length <= limit) return { items: rows, next: undefined };
  return { items: rows.slice(0, limit), next: cursorOf(rows[limit - 1]!) };
}

/**
 * The numbers in a cursor, as `12` or `3/17`; `start` when there is no cursor.
 *
 * @throws RuntimeError `store.cursor` when it is not one that a list has given.
 */
export function readCursor<Numbers extends readonly number[]>(
  after: string | undefined,
  start: Numbers,
): Numbers {
  if (after === undefined) return start;
  const numbers = after.split("/").map((part) => (/^\d{1,15}$/.test(part) ? Number(part) : -1));
  if (numbers.length !== start.length || numbers.includes(-1)) {
    throw new RuntimeError("store.cursor", `${JSON.stringify(after)} is not a cursor of this list`);
  }
  return numbers as unknown as Numbers;
}

function limitOf(request: PageRequest): number {
  return Math.max(1, Math.trunc(request.limit));
}
