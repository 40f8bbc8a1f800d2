import { openingOf } from "../../core/schedule.ts";
import type { Campaign } from "../../persistence/ports/campaign.ts";
import type { Provider } from "../../providers/provider.ts";
import type { DryZone } from "./messages.ts";

const ZONES_MAX = 50;

/** When it would begin and end, and what that rests on. */
export interface Pace {
  readonly zones: readonly DryZone[];
  readonly startsAt: number;
  readonly endsAt: number;
  readonly etaMs: number;
  readonly pace: string;
}

/**
 * Estimates when everybody would have got it: zone after zone as they open, at the campaign's
 * rate, or else at the pace that the provider was seen at.
 */
export function paceOf(
  campaign: Campaign,
  provider: Provider | undefined,
  toSend: ReadonlyMap<string, number>,
  now: number,
): Pace {
  const zones = [...toSend].map(([zone, recipients]): DryZone => {
    const { dueAt, opensAt } = openingOf(campaign, zone, now);
    return { zone, recipients, opensAt, isQuiet: opensAt > Math.max(now, dueAt) };
  });
  const { perSecond, pace } = speedOf(campaign, provider);
  const inTime = zones.toSorted((a, b) => a.opensAt - b.opensAt);
  const shown = zones.toSorted((a, b) => b.recipients - a.recipients).slice(0, ZONES_MAX);
  const startsAt = inTime[0]?.opensAt ?? -1;
  if (perSecond === 0 || inTime.length === 0) {
    return { zones: shown, startsAt, endsAt: -1, etaMs: -1, pace };
  }
  let endsAt = now;
  for (const { opensAt, recipients } of inTime) {
    endsAt = Math.max(endsAt, opensAt) + Math.ceil((recipients * 1000) / perSecond);
  }
  return { zones: shown, startsAt, endsAt, etaMs: endsAt - now, pace };
}

function speedOf(
  { rate, workers, inFlight, window }: Campaign,
  provider: Provider | undefined,
): { readonly perSecond: number; readonly pace: string } {
  if (rate > 0) return { perSecond: rate, pace: `${rate} messages/s, as the campaign says` };
  const latencyMs = provider?.state?.().latencyMs ?? 0;
  if (provider === undefined || latencyMs === 0) {
    const pace = "no rate is set and nothing was sent through this provider yet: not known";
    return { perSecond: 0, pace };
  }
  const { maxBatch, maxInFlight } = provider.capabilities;
  const batches = Math.min(maxInFlight, workers * inFlight);
  const perSecond = Math.round((Math.min(window, maxBatch) * batches * 1000) / latencyMs);
  const pace = `about ${perSecond} messages/s: the provider answers in ${Math.round(latencyMs)} ms`;
  return { perSecond: Math.max(1, perSecond), pace };
}
