import { pageOf, readCursor } from "../cursor.ts";
import type { PageOf, PageRequest } from "../ports/audience.ts";

/** A copy that shares nothing with the original; for JSON values, and undefined. */
export function copyOf<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T);
}

/** A slice of rows that are kept oldest first and shown newest first. */
export function newestFirst<Row extends object>(
  rows: readonly Row[],
  request: PageRequest,
  wanted: (row: Row) => boolean = () => true,
): PageOf<Row> {
  const [before] = readCursor(request.after, [Number.MAX_SAFE_INTEGER]);
  const numbered = rows.map((row, index) => ({ row, seq: index + 1 }));
  const matching = numbered.filter(({ row, seq }) => seq < before && wanted(row)).reverse();
  const { items, next } = pageOf(matching, request, ({ seq }) => String(seq));
  return { items: items.map(({ row }) => copyOf(row)), next };
}
