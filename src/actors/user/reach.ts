import type { Reach } from "../../core/relations.ts";
import type { Result } from "../../core/result.ts";
import { RELATIONS, type RelationsMessage, relationsKind } from "../relations/messages.ts";
import { refuseWho, who } from "./looking.ts";
import { announceTo, presenceChanged } from "./presence.ts";
import { refuse, route } from "./routing.ts";
import type { Ctx, Message, Parked, UserDeps, UserState } from "./state.ts";
import { announceSubsTo } from "./subs.ts";

/** What may wait until it is known whom the principal may reach. */
const PARKED_MAX = 256;

/** Asks the relations desk whom it may reach, once; a node without a desk has no relations. */
export function loadReach(state: UserState, { limits }: UserDeps, ctx: Ctx): void {
  if (state.reachIs !== "unknown") return;
  const desk = ctx.find(relationsKind, RELATIONS);
  if (desk === undefined) {
    state.reachIs = "known";
    return;
  }
  state.reachIs = "asked";
  const { id: principal } = state;
  ctx.ask<RelationsMessage, Result<Reach>>(
    desk,
    (replyTo) => ({ type: "reach", principal, replyTo }),
    limits.readDeadlineMs,
    (outcome) => ({ type: "reach-read", outcome }),
  );
}

/** The desk's answer; without one it is asked again, and who waits is told so. */
export function reachRead(
  state: UserState,
  outcome: Extract<Message, { type: "reach-read" }>["outcome"],
  deps: UserDeps,
  ctx: Ctx,
): UserState {
  const found = outcome.ok ? outcome.value : outcome;
  if (found.ok) return takeReach(state, found.value, deps, ctx);
  if (state.reachIs === "known") return state;
  state.reachIs = "unknown";
  const { parked } = state;
  state.parked = undefined;
  for (const waiting of parked ?? []) turnDown(state, waiting, "store.unavailable", ctx);
  const { retryMaxMs } = deps.limits;
  ctx.setTimer("reach", retryMaxMs * (0.5 + ctx.random() / 2), { type: "read-reach" });
  return state;
}

/** Takes a view that is newer than the one it has; whoever is new in it learns that it is here. */
export function takeReach(state: UserState, reach: Reach, deps: UserDeps, ctx: Ctx): UserState {
  const { reach: before } = state;
  if (reach.version > (before?.version ?? 0)) state.reach = reach;
  state.reachIs = "known";
  const added = [...(state.reach?.roles.keys() ?? [])].filter((key) => !before?.roles.has(key));
  if (state.presence === undefined) presenceChanged(state, deps, ctx);
  else if (state.presence.announced) announceTo(state, { event: "device.online" }, added, ctx);
  announceSubsTo(state, added, ctx);
  const { parked } = state;
  state.parked = undefined;
  for (const waiting of parked ?? []) {
    if (waiting.type === "route") route(state, waiting, deps, ctx);
    else who(state, waiting, deps, ctx);
  }
  return state;
}

/** Lets it wait for the desk's answer. */
export function park(state: UserState, waiting: Parked, ctx: Ctx): UserState {
  state.parked ??= [];
  if (state.parked.length < PARKED_MAX) state.parked.push(waiting);
  else turnDown(state, waiting, "mailbox.full", ctx);
  return state;
}

function turnDown(
  state: UserState,
  waiting: Parked,
  error: "store.unavailable" | "mailbox.full",
  ctx: Ctx,
): void {
  if (waiting.type === "route") refuse(waiting.parcel, error, ctx);
  else refuseWho(state, waiting, error, ctx);
}
