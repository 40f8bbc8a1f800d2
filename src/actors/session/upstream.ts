import type { Outcome } from "../../core/ledger.ts";
import { CLERK, clerkKind } from "../inbox/messages.ts";
import { SIGHTINGS, sightingsKind } from "../sightings/messages.ts";
import { userKind } from "../user/messages.ts";
import { isHalfEmpty } from "./backlog.ts";
import { noteSettled } from "./noting.ts";
import type { Ctx, SessionDeps, SessionState } from "./state.ts";

/** A user that is about to end is gone after this, give or take half of it. */
const REOPEN_MS = 50;

/**
 * Asks the user for the inbox; with the first time the session makes itself known.
 *
 * The user answers `opened` as soon as the store does, or `reopen` when it is about to end.
 */
export function introduce(state: SessionState, ctx: Ctx): void {
  const owner = ctx.entity(userKind, state.user);
  state.owner = owner;
  state.asked = true;
  const { id: sessionId, device } = state;
  const attached = state.connection !== undefined;
  const session = ctx.self;
  const request = { type: "open-session", session, sessionId, device, attached } as const;
  ctx.trySend(owner, request, () => ({ type: "reopen" }));
}

/** Tells the user whether there is a connection; one that is too busy is told anew, later. */
export function tellAttached(state: SessionState, ctx: Ctx): void {
  const { owner, id: sessionId, connection } = state;
  if (owner === undefined) return;
  const attached = connection !== undefined;
  ctx.trySend(owner, { type: "attached", sessionId, attached }, () => ({ type: "reopen" }));
}

/** Introduces itself a moment later, when the user's next incarnation can be there. */
export function introduceLater(state: SessionState, ctx: Ctx): void {
  state.owner = undefined;
  ctx.setTimer("introduce", REOPEN_MS * (0.5 + ctx.random()), { type: "introduce" });
}

/** Fetches what the session had no room for, once there is room and somebody to write it to. */
export function catchUp(state: SessionState, { limits }: SessionDeps, ctx: Ctx): void {
  if (state.taken === state.head || state.asked || state.connection === undefined) return;
  if (isHalfEmpty(state, limits)) introduce(state, ctx);
}

/** Says that the user is here at this moment, where somebody keeps that. */
export function tellSeen({ user }: SessionState, ctx: Ctx): void {
  const clerk = ctx.find(sightingsKind, SIGHTINGS);
  if (clerk !== undefined) ctx.send(clerk, { type: "saw", user });
}

/** Has it recorded where items ended; without a clerk they stay pending and come again. */
export function settle(
  state: SessionState,
  ctx: Ctx,
  offsets: readonly number[],
  outcome: Outcome,
): void {
  const clerk = ctx.find(clerkKind, CLERK);
  if (clerk === undefined) return;
  noteSettled(state, offsets, outcome, ctx);
  const { user } = state;
  const settlements = offsets.map((offset) => ({ user, offset, outcome }));
  ctx.send(clerk, { type: "settle", settlements });
}
