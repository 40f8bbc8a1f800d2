import type { Command } from "commander";
import { table } from "./output.ts";
import { globalOptions } from "./session.ts";

interface PageOptions {
  readonly limit?: string;
  readonly after?: string;
}

/** Adds the options of a command that lists, a page at a time. */
export function listsPages(command: Command): Command {
  return command
    .option("--limit <n>", "how many at once, 1 to 1000; 100 by default")
    .option("--after <cursor>", "go on where a list ended");
}

/** A path with the page that the options ask for, and further parameters that are not undefined. */
export function pagePath(
  path: string,
  command: Command,
  further: Readonly<Record<string, string | undefined>> = {},
): string {
  const { limit, after } = globalOptions(command) as PageOptions;
  const given = Object.entries({ ...further, limit, after }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}

/** A table, and below it how to get the rest when there is more. */
export function pageTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  next: string | undefined,
): string {
  const shown = table(header, rows);
  return next === undefined ? shown : `${shown}\n(more with --after ${next})`;
}
