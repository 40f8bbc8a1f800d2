import { newSightings, sightingsClerk } from "../actors/sightings/behavior.ts";
import { SIGHTINGS } from "../actors/sightings/messages.ts";
import { userKind } from "../actors/user/messages.ts";
import type { Base } from "./base.ts";

/** Those who stay connected are written down again after so many times the usual pause. */
const SWEEP_FACTOR = 12;
const SWEEP_MIN_MS = 60_000;

/** Starts the clerk who keeps when members were last seen; sessions find it. */
export function openSightings({ config, logger, metrics, stores, system }: Base): void {
  const everyMs = config.members.seenEveryMs;
  if (everyMs === 0) return;
  const here = (): readonly string[] => {
    const users: string[] = [];
    system.each(userKind, (_, id) => users.push(id));
    return users;
  };
  const limits = { everyMs, sweepMs: Math.max(SWEEP_MIN_MS, everyMs * SWEEP_FACTOR) };
  const clerk = sightingsClerk({ members: stores.members, here, logger, metrics, limits });
  system.spawn(clerk, { name: SIGHTINGS, state: newSightings() });
}
