import { isTimeZone } from "../../core/schedule.ts";
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
 * Sorts a partition by member, keeps the first line of each, and cuts pages, each of which is in
 * one time zone: that of its recipients' variable `timeZone`, or else what `zones` says of them.
 *
 * The result depends on the set of lines and on which of equal ones came first, and on nothing
 * else: the same file gives the same pages, however it was cut into chunks.
 */
export function cutPages(
  partition: number,
  arrived: readonly Recipient[],
  pageSize: number,
  zones: ReadonlyMap<string, string> = new Map(),
): CutPartition {
  // The sort is stable, so the first of equals is the first that arrived.
  const sorted = [...arrived].sort((a, b) => compare(a.member, b.member));
  const kept = sorted.filter((it, index) => it.member !== sorted[index - 1]?.member);
  const pages: Page[] = [];
  for (const [zone, ofZone] of byZone(kept, zones)) {
    for (let start = 0; start < ofZone.length; start += pageSize) {
      const recipients = ofZone.slice(start, start + pageSize);
      const page = { partition, k: pages.length, recipients };
      pages.push(zone === "" ? page : { ...page, zone });
    }
  }
  return { pages, size: kept.length, duplicates: sorted.length - kept.length };
}

/** Groups by time zone, in the order of its name; who has none, or none that exists, is first. */
function byZone(
  recipients: readonly Recipient[],
  zones: ReadonlyMap<string, string>,
): (readonly [string, readonly Recipient[]])[] {
  const groups = new Map<string, Recipient[]>();
  for (const recipient of recipients) {
    const said = recipient.vars?.["timeZone"] ?? zones.get(recipient.member) ?? "";
    const zone = said !== "" && isTimeZone(said) ? said : "";
    const group = groups.get(zone);
    if (group === undefined) groups.set(zone, [recipient]);
    else group.push(recipient);
  }
  return [...groups].sort(([a], [b]) => compare(a, b));
}
