import { dependsOnZone, type Opening, openingOf } from "../../core/schedule.ts";
import type { Campaign } from "./messages.ts";

/** A time zone of an audience, and how far its pages are in this run. */
export interface ZoneState {
  readonly zone: string;
  readonly begun: boolean;
  /** All of its pages are done. */
  readonly done?: boolean;
}

/** Which time zones may go at one moment. */
export interface Openings {
  /** In order. */
  readonly open: readonly string[];
  /** Those whose time has passed by more than the campaign allows. */
  readonly late: readonly string[];
  /** Those whose time will come. */
  readonly waiting: readonly string[];
  /** When that changes next, in milliseconds since the epoch; infinite: never. */
  readonly nextAt: number;
  /** When the next one of those that wait opens; 0 when none waits. */
  readonly opensAt: number;
}

/** Whether pages have to wait for anything. */
export function isTimed(campaign: Campaign): boolean {
  return campaign.schedule !== undefined || campaign.quietHours !== undefined;
}

/** Which zones may go now. All of a campaign that does not depend on zones go together. */
export function openingsAt(campaign: Campaign, zones: readonly ZoneState[], now: number): Openings {
  const same = dependsOnZone(campaign) ? undefined : openingOf(campaign, "", now);
  const open: string[] = [];
  const late: string[] = [];
  const waiting: string[] = [];
  let nextAt = Number.POSITIVE_INFINITY;
  let opensAt = Number.POSITIVE_INFINITY;
  for (const state of zones) {
    if (state.done === true) continue;
    const opening = same ?? openingOf(campaign, state.zone, now);
    if (isLate(campaign, state, opening, now)) {
      late.push(state.zone);
    } else if (opening.opensAt <= now) {
      open.push(state.zone);
      nextAt = Math.min(nextAt, opening.closesAt);
    } else {
      waiting.push(state.zone);
      nextAt = Math.min(nextAt, opening.opensAt);
      opensAt = Math.min(opensAt, opening.opensAt);
    }
  }
  return { open, late, waiting, nextAt, opensAt: waiting.length === 0 ? 0 : opensAt };
}

/** When a page of this zone has to be given back, in milliseconds since the epoch. */
export function closesAt(campaign: Campaign, zone: string, now: number): number {
  return campaign.quietHours === undefined
    ? Number.POSITIVE_INFINITY
    : openingOf(campaign, zone, now).closesAt;
}

/**
 * Whether a zone's time has passed by more than the campaign allows, and nothing of it has gone.
 * Somebody who resumes a campaign after that wants it to go all the same.
 */
function isLate(campaign: Campaign, zone: ZoneState, { dueAt }: Opening, now: number): boolean {
  const { schedule, run } = campaign;
  if (schedule === undefined || zone.begun) return false;
  // What is due in quiet hours goes when they end, and that is not late.
  const lateAt = openingOf(campaign, zone.zone, dueAt).opensAt + schedule.maxLatenessMs;
  return now > lateAt && run.resumedAt <= lateAt;
}

/** Why a campaign does not go by itself any more, for people. */
export function lateness(campaign: Campaign, late: readonly string[], total: number): string {
  const { schedule } = campaign;
  const when =
    schedule === undefined || !("at" in schedule)
      ? `${schedule?.local ?? ""} local time`
      : new Date(schedule.at).toISOString();
  const some = late.slice(0, 5).map((zone) => zone || "no time zone");
  const more = late.length > some.length ? ` and ${late.length - some.length} more` : "";
  const who = late.length === total ? "" : ` for ${some.join(", ")}${more}`;
  const limit = `more than ${schedule?.maxLatenessMs ?? 0} ms late`;
  return `it was due at ${when} and is ${limit}${who}: resume sends it now, stop leaves it`;
}
