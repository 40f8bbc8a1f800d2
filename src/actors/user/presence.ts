import { boardOf } from "../../core/address.ts";
import { STATUS_TOPIC, type Status, statusOf } from "../../core/relations.ts";
import { RELATIONS, relationsKind } from "../relations/messages.ts";
import type { Push } from "../session/messages.ts";
import { userKind } from "./messages.ts";
import { isPresent } from "./routing.ts";
import type { Ctx, UserDeps, UserState } from "./state.ts";

/** How long a status is worth telling, in milliseconds. */
const STATUS_MS = 60_000;

/** Looks whether a device of the principal is connected, after something about that changed. */
export function noticePresence(state: UserState, deps: UserDeps, ctx: Ctx): void {
  const present = isPresent(state);
  if (present === state.present) return;
  state.present = present;
  const desk = ctx.find(relationsKind, RELATIONS);
  if (desk !== undefined) ctx.send(desk, { type: "seen", principal: state.id, at: ctx.now });
  presenceChanged(state, deps, ctx);
}

/**
 * Announces that it has come or gone; one that does so too often is announced once it has stayed
 * as it is for a while, and only if that is another state than what was announced last.
 */
export function presenceChanged(state: UserState, { limits }: UserDeps, ctx: Ctx): void {
  if (state.presence === undefined && !hasAnybodyToTell(state)) return;
  const { changesMax, windowMs, holdMs } = limits.presence;
  state.presence ??= { announced: false, changes: [], isHeld: false, changedAt: 0 };
  const { presence } = state;
  presence.changedAt = ctx.now;
  if (presence.isHeld) return ctx.setTimer("presence", holdMs, { type: "presence-settled" });
  if (presence.announced === state.present) return;
  const { monotonic } = ctx;
  presence.changes = presence.changes.filter((at) => at > monotonic - windowMs);
  presence.changes.push(monotonic);
  if (presence.changes.length <= changesMax) return announce(state, ctx);
  presence.isHeld = true;
  ctx.setTimer("presence", holdMs, { type: "presence-settled" });
}

/**
 * Most have nobody, and keep nothing for it. Who had somebody once goes on as before: whoever is
 * related next is told by what was announced last, so that has to stay true.
 */
function hasAnybodyToTell({ reach }: UserState): boolean {
  return reach !== undefined && reach.roles.size > 0;
}

/** It has stayed as it is for long enough. */
export function presenceSettled(state: UserState, ctx: Ctx): UserState {
  const { presence } = state;
  if (presence === undefined) return state;
  presence.isHeld = false;
  presence.changes = [];
  if (presence.announced !== state.present) announce(state, ctx);
  endWhenAlone(state, ctx);
  return state;
}

/**
 * Ends after the last session; what is in the mailbox by then is still answered. One whose
 * comings and goings are announced stays for a while, so that leaving does not forget them.
 */
export function endWhenAlone(state: UserState, ctx: Ctx): void {
  if (state.sessions.length > 0 || state.ending || state.presence?.isHeld) return;
  state.ending = true;
  ctx.drain();
}

export function linger(state: UserState, { limits }: UserDeps, ctx: Ctx): void {
  if (state.sessions.length > 0) return;
  if (state.presence === undefined) return endWhenAlone(state, ctx);
  ctx.setTimer("linger", limits.presence.windowMs, { type: "linger-over" });
}

type Facts = Pick<Status, "event" | "lastSeen" | "sub">;

/** Tells these principals, as far as they are here. */
export function announceTo(state: UserState, facts: Facts, keys: Iterable<string>, ctx: Ctx): void {
  const push = statusPush(state, facts, ctx);
  const { lastSeen, sub } = facts;
  const presence = sub === undefined ? { principal: state.id, lastSeen } : undefined;
  for (const key of keys) {
    const target = ctx.find(userKind, key);
    if (target !== undefined) ctx.send(target, { type: "volatile", push, presence });
  }
}

/** A status about this principal, as a push to whoever is connected. */
function statusPush(state: UserState, status: Facts, ctx: Ctx): Push {
  const { id } = state;
  const { now } = ctx;
  const board = boardOf(id);
  const about = board === undefined ? { user: id } : { board };
  const payload = statusOf({ ...status, ...about, at: now });
  return {
    id: `status:${id}:${now.toString(36)}:${ctx.random().toString(36).slice(2, 10)}`,
    offset: undefined,
    topic: STATUS_TOPIC,
    payload: JSON.stringify(payload),
    ack: false,
    expiresAt: now + STATUS_MS,
    wire: {},
  };
}

function announce(state: UserState, ctx: Ctx): void {
  const { present } = state;
  const presence = state.presence!;
  presence.announced = present;
  const facts: Facts = present
    ? { event: "device.online" }
    : { event: "device.offline", lastSeen: presence.changedAt };
  announceTo(state, facts, state.reach!.roles.keys(), ctx);
}
