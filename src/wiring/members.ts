import { memberDesk, newMemberDesk } from "../actors/members/desk.ts";
import { systemClock } from "../core/clock.ts";
import { jsonLines } from "../gateways/ndjson/decoder.ts";
import type { Base } from "./base.ts";

/** Starts the desk for members, conditions and suppressions. */
export function openMembers({ stores, system }: Base) {
  const { audiences, members, suppressions } = stores;
  const deps = { audiences, members, suppressions, now: () => systemClock.now() };
  return system.spawn(memberDesk({ ...deps, newDecoder: jsonLines }), {
    name: "member-desk",
    state: newMemberDesk,
  });
}
