import type { Result } from "../../core/result.ts";
import type { Appended, NewInboxItem } from "../../persistence/ports/inbox.ts";
import { CLERK, clerkKind, type InboxMessage } from "../inbox/messages.ts";
import { type Parcel, type RouteError, WHOLE } from "../session/messages.ts";
import { userKind } from "./messages.ts";
import type { Ctx, Message, OpenSession, UserDeps, UserState } from "./state.ts";
import { mayReach, targetsOf } from "./targets.ts";

type Of<Type extends Message["type"]> = Extract<Message, { type: Type }>;

/** The topic and the ledger of messages that are kept for those who are away. */
const KEPT_TOPIC = "message";

/** Passes a parcel of its own session on to whom it may reach at that address. */
export function route(
  state: UserState,
  { parcel, address }: Of<"route">,
  deps: UserDeps,
  ctx: Ctx,
): UserState {
  const keys = targetsOf(state.id, state.reach, address);
  if (keys.length === 0) return refused(state, parcel, WHOLE, "route.forbidden", ctx);
  const each = Math.floor(WHOLE / keys.length);
  const away: string[] = [];
  // The first has what cannot be divided.
  let share = WHOLE - each * (keys.length - 1);
  let awayShare = 0;
  for (const key of keys) {
    const target = key === state.id ? undefined : ctx.find(userKind, key);
    if (key === state.id) hand(state, parcel, share, undefined, deps, ctx);
    else if (target === undefined) {
      away.push(key);
      awayShare += share;
    } else {
      const part = share;
      const full = (): Message => ({
        ...{ type: "refused", parcel, share: part, by: { type: "user", id: key } },
      });
      ctx.trySend(target, { type: "arrive", parcel, share, only: undefined }, full);
    }
    share = each;
  }
  return away.length === 0 ? state : keep(state, away, parcel, awayShare, deps, ctx);
}

/** A parcel for its sessions, or for one of them, whose sender's right is looked at here. */
export function arrive(
  state: UserState,
  { parcel, share, only }: Of<"arrive">,
  deps: UserDeps,
  ctx: Ctx,
): UserState {
  const { principal } = parcel;
  if (only !== undefined && !mayReach(principal, state.id, state.reach?.roles.get(principal))) {
    return refused(state, parcel, share, "route.forbidden", ctx);
  }
  return hand(state, parcel, share, only, deps, ctx);
}

/** Somebody did not take it: there was no room, or they were ending at this very moment. */
export function untaken(
  state: UserState,
  { parcel, share, by }: Of<"refused">,
  deps: UserDeps,
  ctx: Ctx,
): UserState {
  const isThere =
    by.type === "user"
      ? ctx.find(userKind, by.id) !== undefined
      : state.sessions.some(({ id, attached }) => id === by.id && attached);
  if (isThere) return refused(state, parcel, share, "mailbox.full", ctx);
  if (by.type === "user") return keep(state, [by.id], parcel, share, deps, ctx);
  return missed(state, { type: "missed", parcel, share }, deps, ctx);
}

/** The device left before it was handed over: it is kept unless another one is here. */
export function missed(
  state: UserState,
  { parcel, share }: Of<"missed">,
  deps: UserDeps,
  ctx: Ctx,
): UserState {
  if (isPresent(state)) return refused(state, parcel, share, "route.offline", ctx);
  return keep(state, [state.id], parcel, share, deps, ctx);
}

export function kept(state: UserState, message: Of<"kept">, ctx: Ctx): UserState {
  const { parcel, share, principals, outcome } = message;
  const answer = outcome.ok ? outcome.value : outcome;
  if (!answer.ok) return refused(state, parcel, share, "store.unavailable", ctx);
  const { origin, number } = parcel;
  const result = { share, reached: 0, kept: principals, error: undefined };
  ctx.sendAnyway(origin, { type: "outcome", number, outcome: result });
  return state;
}

export function isPresent({ sessions }: UserState): boolean {
  return sessions.some(({ attached }) => attached);
}

/** The whole of a parcel goes nowhere. */
export function refuse(parcel: Parcel, error: RouteError, ctx: Ctx): void {
  const outcome = { share: WHOLE, reached: 0, kept: 0, error };
  const { origin, number } = parcel;
  ctx.sendAnyway(origin, { type: "outcome", number, outcome });
}

function refused(
  state: UserState,
  parcel: Parcel,
  share: number,
  error: RouteError,
  ctx: Ctx,
): UserState {
  const outcome = { share, reached: 0, kept: 0, error };
  const { origin, number } = parcel;
  ctx.sendAnyway(origin, { type: "outcome", number, outcome });
  return state;
}

/** Gives it to the sessions that are connected, except the one that it comes from. */
function hand(
  state: UserState,
  parcel: Parcel,
  share: number,
  only: string | undefined,
  deps: UserDeps,
  ctx: Ctx,
): UserState {
  const { sessionId } = parcel;
  const takes = ({ attached, id }: OpenSession): boolean =>
    attached && id !== sessionId && (only === undefined || only === id);
  const sessions = state.sessions.filter(takes);
  if (sessions.length === 0) {
    if (!isPresent(state)) return keep(state, [state.id], parcel, share, deps, ctx);
    return refused(state, parcel, share, "route.offline", ctx);
  }
  const each = Math.floor(share / sessions.length);
  let part = share - each * (sessions.length - 1);
  for (const { ref, id } of sessions) {
    const mine = part;
    const full = (): Message => ({
      ...{ type: "refused", parcel, share: mine, by: { type: "session", id } },
    });
    ctx.trySend(ref, { type: "parcel", parcel, share: mine }, full);
    part = each;
  }
  return state;
}

/** Puts it into the inboxes of those who are away, if its sender wants that. */
function keep(
  state: UserState,
  keys: readonly string[],
  parcel: Parcel,
  share: number,
  { limits }: UserDeps,
  ctx: Ctx,
): UserState {
  const clerk = parcel.keepMs === undefined ? undefined : ctx.find(clerkKind, CLERK);
  if (clerk === undefined) return refused(state, parcel, share, "route.offline", ctx);
  const items = keys.map((key) => keptItem(key, parcel, ctx.now));
  const principals = keys.length;
  ctx.ask<InboxMessage, Result<readonly Appended[]>>(
    clerk,
    (replyTo) => ({ type: "append", items, replyTo }),
    limits.readDeadlineMs,
    (outcome) => ({ type: "kept", parcel, share, principals, outcome }),
  );
  return state;
}

function keptItem(user: string, parcel: Parcel, now: number): NewInboxItem {
  const { sessionId, number, keepMs = 0 } = parcel;
  return {
    user,
    id: `${sessionId}/${number}/${user}`,
    ledger: KEPT_TOPIC,
    topic: KEPT_TOPIC,
    payload: textOf(parcel),
    ack: true,
    expiresAt: now + keepMs,
  };
}

/** What parcels are kept as. Thousands may be away: a copy for each would fill the memory. */
const texts = new WeakMap<Parcel, string>();

function textOf(parcel: Parcel): string {
  const { from, topic, payload } = parcel;
  const told = topic === undefined ? {} : { topic };
  const text = texts.get(parcel) ?? JSON.stringify({ from, ...told, payload });
  texts.set(parcel, text);
  return text;
}
