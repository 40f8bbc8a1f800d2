import type { PageOf } from "../../../actors/collect/messages.ts";
import type { Outcome } from "../../../actors/review/messages.ts";

/** How results are written. */
export const RESULT_FORMATS = {
  csv: { mediaType: "text/csv; charset=utf-8" },
  ndjson: { mediaType: "application/x-ndjson" },
} as const;

const COLUMNS = [
  "member",
  "state",
  "rule",
  "reason",
  "arm",
  "version",
  "page",
  "index",
  "providerId",
  "receipt",
] as const satisfies readonly (keyof Outcome)[];

/** The lines of a run's results, a page at a time: no more than one is in memory. */
export async function* resultsOf(
  first: PageOf<Outcome>,
  read: (after: string) => Promise<PageOf<Outcome>>,
  format: keyof typeof RESULT_FORMATS,
): AsyncGenerator<string> {
  if (format === "csv") yield `${COLUMNS.join(",")}\r\n`;
  const line = format === "csv" ? csvLine : jsonLine;
  for (let page = first; ; ) {
    if (page.items.length > 0) yield page.items.map(line).join("");
    if (page.next === undefined) return;
    page = await read(page.next);
  }
}

function jsonLine(outcome: Outcome): string {
  return `${JSON.stringify(outcome)}\n`;
}

function csvLine(outcome: Outcome): string {
  return `${COLUMNS.map((name) => csvField(outcome[name])).join(",")}\r\n`;
}

/**
 * A field as RFC 4180 has it. What a spreadsheet would take for a formula gets an apostrophe:
 * ids and reasons come from outside.
 */
export function csvField(value: string | number): string {
  const said = String(value);
  const text = /^[=+\-@\t\r]/.test(said) && typeof value === "string" ? `'${said}` : said;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
