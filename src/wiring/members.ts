import { memberDesk, newMemberDesk } from "../actors/members/desk.ts";
import { systemClock } from "../core/clock.ts";
import { jsonLines } from "../gateways/ndjson/decoder.ts";
import type { Base } from "./base.ts";

/** Starts the desk for members, conditions and suppressions. */
export function openMembers({ config, stores, system }: Base) {
  const deps = {
    ...stores,
    browsers: config.providers.webPush,
    now: () => systemClock.now(),
  };
  return system.spawn(memberDesk({ ...deps, newDecoder: jsonLines }), {
    name: "member-desk",
    state: newMemberDesk,
  });
}
