import { admitted, askAdmission, hasLeft, isAskedAbout } from "./admission.ts";
import type { CloseReason } from "./messages.ts";
import { noteClosed, noteConnected, noteEnded } from "./noting.ts";
import { welcome } from "./replay.ts";
import type { Attach, Ctx, Message, SessionDeps, SessionState } from "./state.ts";
import { leaveTopics } from "./subscriptions.ts";
import { tellHeld } from "./telling.ts";
import { introduce, tellAttached, tellSeen } from "./upstream.ts";

/** After these a device must not come back by itself, so nothing waits for it. */
const FINAL: ReadonlySet<CloseReason> = new Set([
  "replaced",
  "kicked",
  "unauthorized",
  "credential-expired",
  "invalid-frame",
  "too-large",
  "too-many-sessions",
]);

type CloseMessage = Extract<Message, { type: "close" }>;

/** A connection that is attached at once, or when whoever decides about devices has said so. */
export function join(
  state: SessionState,
  message: Attach | Extract<Message, { type: "admitted" }>,
  deps: SessionDeps,
  ctx: Ctx,
): SessionState {
  if (message.type === "attach") {
    if (isAskedAbout(message, deps)) return askAdmission(state, message, deps, ctx);
    return attach(state, message, deps, ctx);
  }
  const joined = admitted(state, message, deps, ctx);
  return joined === undefined ? state : attach(state, joined, deps, ctx);
}

function attach(
  state: SessionState,
  { connection, offset, grants, from }: Attach,
  deps: SessionDeps,
  ctx: Ctx,
): SessionState {
  const { connection: before } = state;
  if (before === undefined) deps.tally.attached++;
  else {
    ctx.sendAnyway(before, { type: "close", reason: "replaced" });
    noteClosed(state, "replaced", undefined, ctx);
    leaveTopics(state, ctx);
  }
  ctx.clearTimer("grace");
  state.connection = connection;
  state.claimed = offset;
  state.grants = grants;
  noteConnected(state, from, ctx);
  tellSeen(state, ctx);
  if (state.owner === undefined) introduce(state, ctx);
  else if (before === undefined) tellAttached(state, ctx);
  if (state.opened) greet(state, deps, ctx);
  return state;
}

/** Once the inbox is known: the welcome, then what waits. */
export function greet(state: SessionState, deps: SessionDeps, ctx: Ctx): void {
  welcome(state, deps, ctx);
  tellHeld(state, ctx);
}

export function detach(
  state: SessionState,
  { connection, final, why }: Extract<Message, { type: "detach" }>,
  deps: SessionDeps,
  ctx: Ctx,
): SessionState {
  // The end of a connection that was replaced says nothing about the present one.
  if (state.connection !== connection) {
    hasLeft(state, { connection }, deps, ctx);
    return state;
  }
  noteClosed(state, why ?? "lost", undefined, ctx);
  detached(state, deps, ctx);
  return final ? end(state, ctx) : state;
}

export function close(state: SessionState, message: CloseMessage, deps: SessionDeps, ctx: Ctx) {
  drop(state, message, deps, ctx);
  return FINAL.has(message.reason) ? end(state, ctx) : state;
}

/** Closes the connection, which is told the same; the session stays. */
export function drop(
  state: SessionState,
  message: CloseMessage,
  deps: SessionDeps,
  ctx: Ctx,
): void {
  if (state.connection === undefined) return;
  ctx.sendAnyway(state.connection, message);
  noteClosed(state, message.reason, message.message, ctx);
  detached(state, deps, ctx);
}

function detached(state: SessionState, { tally, limits }: SessionDeps, ctx: Ctx): void {
  state.connection = undefined;
  state.paused = false;
  state.cursor = 0;
  leaveTopics(state, ctx);
  tally.attached--;
  tellSeen(state, ctx);
  tellAttached(state, ctx);
  ctx.setTimer("grace", limits.graceMs, { type: "grace-over" });
}

/** Ends once what is on its way to it has been answered; what is not settled stays in the store. */
export function end(state: SessionState, ctx: Ctx): SessionState {
  state.hasEnded = true;
  noteEnded(state, ctx);
  ctx.drain();
  return state;
}
