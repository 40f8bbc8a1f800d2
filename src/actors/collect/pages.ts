import type { Page } from "../../persistence/ports/audience.ts";
import type { Recipient } from "./messages.ts";
import { compare } from "./recipients.ts";

/** A partition's pages, and how many recipients were left out because they were there already. */
export interface CutPartition {
  readonly pages: readonly Page[];
  readonly size: number;
  readonly duplicates: number;
}

/**
 * Sorts a partition by member, keeps the first line of each, and cuts pages.
 *
 * The result depends on the set of lines and on which of equal ones came first, and on nothing
 * else: the same file gives the same pages, however it was cut into chunks.
 */
export function cutPages(
  partition: number,
  arrived: readonly Recipient[],
  pageSize: number,
): CutPartition {
  // The sort is stable, so the first of equals is the first that arrived.
  const sorted = [...arrived].sort((a, b) => compare(a.member, b.member));
  const kept = sorted.filter((it, index) => it.member !== sorted[index - 1]?.member);
  const pages: Page[] = [];
  for (let start = 0; start < kept.length; start += pageSize) {
    const recipients = kept.slice(start, start + pageSize);
    pages.push({ partition, k: pages.length, recipients });
  }
  return { pages, size: kept.length, duplicates: sorted.length - kept.length };
}
