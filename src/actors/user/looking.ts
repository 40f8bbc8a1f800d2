import { addressOf, boardKey, kindOf, type Place } from "../../core/address.ts";
import type { OnlineState } from "../../core/device-request.ts";
import { type ErrorCode, RuntimeError } from "../../core/errors.ts";
import type { Reach } from "../../core/relations.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { RELATIONS, type RelationsMessage, relationsKind } from "../relations/messages.ts";
import { type PresenceTold, type UserMessage, userKind } from "./messages.ts";
import type { Ctx, Look, Message, UserDeps, UserState } from "./state.ts";
import { withOwn } from "./targets.ts";

/** Principals that one answer tells of at most. */
const TOLD_MAX = 1_000;
/** How long they may take to answer. */
const LOOK_MS = 3_000;
const RETRY_AFTER_MS = 1_000;

type Who = Extract<UserMessage, { type: "who" }>;
type Refusal = Extract<
  ErrorCode,
  "route.forbidden" | "route.timeout" | "mailbox.full" | "store.unavailable"
>;

/** Finds out who of those at an address is online at this moment; one that has no actor is not. */
export function who(state: UserState, request: Who, deps: UserDeps, ctx: Ctx): UserState {
  const all = seenAt(state.id, state.reach, request.address);
  if (all.length === 0) return refuseWho(state, request, "route.forbidden", ctx);
  const keys = all.slice(0, TOLD_MAX);
  const sessions = keys.map(() => 0);
  const look: Look = {
    ...{ request, keys, sessions, lastSeen: new Map(), count: all.length, left: 0, isLate: false },
  };
  state.looks ??= new Set();
  state.looks.add(look);
  for (const [index, key] of keys.entries()) {
    const target = key === state.id ? undefined : ctx.find(userKind, key);
    if (key === state.id) sessions[index] = connectedOf(state);
    if (target === undefined) continue;
    look.left += 1;
    ctx.ask<UserMessage, number>(
      target,
      (replyTo) => ({ type: "count-connected", replyTo }),
      LOOK_MS,
      (outcome) => ({ type: "counted", look, index, outcome }),
    );
  }
  return look.left > 0 ? state : readLastSeen(state, look, deps, ctx);
}

/** Somebody has answered; one that has ended instead is offline. */
export function counted(
  state: UserState,
  { look, index, outcome }: Extract<Message, { type: "counted" }>,
  deps: UserDeps,
  ctx: Ctx,
): UserState {
  if (outcome.ok) look.sessions[index] = outcome.value;
  else if (outcome.error.code !== "actor.stopped") look.isLate = true;
  look.left -= 1;
  if (look.left > 0) return state;
  if (look.isLate) return refuseLook(state, look, "route.timeout", ctx);
  return readLastSeen(state, look, deps, ctx);
}

/**
 * Somebody's coming or going is passed on to the sessions. What they are answered after that must
 * not be older: whoever keeps an answer up to date by those pushes would be wrong for good.
 */
export function notePresence({ looks }: UserState, { principal, lastSeen }: PresenceTold): void {
  for (const look of looks ?? []) {
    const index = look.keys.indexOf(principal);
    if (index < 0) continue;
    // Sessions that were counted before it was told are still there.
    look.sessions[index] = lastSeen === undefined ? Math.max(1, look.sessions[index]!) : 0;
    if (lastSeen !== undefined) look.lastSeen.set(principal, lastSeen);
  }
}

export function countConnected(
  state: UserState,
  request: Extract<UserMessage, { type: "count-connected" }>,
  ctx: Ctx,
): UserState {
  ctx.reply(request, connectedOf(state));
  return state;
}

/** Says of those who are offline when they were last here: one question for all of them. */
function readLastSeen(state: UserState, look: Look, { limits }: UserDeps, ctx: Ctx): UserState {
  const principals = look.keys.filter((_, index) => look.sessions[index] === 0);
  const desk = ctx.find(relationsKind, RELATIONS);
  if (principals.length === 0 || desk === undefined) return tellWho(state, look, ctx);
  ctx.ask<RelationsMessage, Result<readonly (number | undefined)[]>>(
    desk,
    (replyTo) => ({ type: "last-seen", principals, replyTo }),
    limits.readDeadlineMs,
    (outcome) => ({ type: "last-seen-read", look, principals, outcome }),
  );
  return state;
}

export function lastSeenRead(
  state: UserState,
  { look, principals, outcome }: Extract<Message, { type: "last-seen-read" }>,
  ctx: Ctx,
): UserState {
  const found = outcome.ok ? outcome.value : outcome;
  if (!found.ok) return refuseLook(state, look, "store.unavailable", ctx);
  for (const [index, key] of principals.entries()) {
    const at = found.value[index];
    if (at !== undefined && !look.lastSeen.has(key)) look.lastSeen.set(key, at);
  }
  return tellWho(state, look, ctx);
}

/** Most never ask, and who has asked keeps nothing for it. */
function endLook(state: UserState, look: Look): void {
  state.looks?.delete(look);
  if (state.looks?.size === 0) state.looks = undefined;
}

function refuseLook(state: UserState, look: Look, code: Refusal, ctx: Ctx): UserState {
  endLook(state, look);
  return refuseWho(state, look.request, code, ctx);
}

export function refuseWho(state: UserState, request: Who, code: Refusal, ctx: Ctx): UserState {
  const mayPass = code === "mailbox.full" || code === "store.unavailable";
  const options = mayPass ? { retryAfterMs: RETRY_AFTER_MS } : {};
  ctx.reply(request, fail(new RuntimeError(code, WORDS[code], options)));
  return state;
}

const WORDS: Readonly<Record<Refusal, string>> = {
  "route.forbidden": "there is nobody at this address whom you may see",
  "route.timeout": "not all who were asked answered in time",
  "mailbox.full": "too many requests wait until it is known whom you may see",
  "store.unavailable": "what it needs of the store cannot be had now",
};

function tellWho(state: UserState, look: Look, ctx: Ctx): UserState {
  endLook(state, look);
  const { request, keys, sessions, lastSeen, count } = look;
  const members = keys.map((key, index): OnlineState => {
    const principal = addressOf(key);
    const connected = sessions[index]!;
    if (connected > 0) return { principal, online: true, sessions: connected };
    const at = lastSeen.get(key);
    return { principal, online: false, ...(at === undefined ? {} : { lastSeen: at }) };
  });
  ctx.reply(request, ok({ members, count }));
  return state;
}

function connectedOf({ sessions }: UserState): number {
  return sessions.reduce((sum, { attached }) => (attached ? sum + 1 : sum), 0);
}

/**
 * Keys of the principals at an address whose comings and goings this one is told, guests included,
 * and its own: among the phones, as a message to them goes to its other ones, and by its name.
 */
function seenAt(self: string, reach: Reach | undefined, address: Place): readonly string[] {
  switch (address.type) {
    case "user":
    case "board": {
      const key = address.type === "board" ? boardKey(address.id) : address.id;
      return key === self || reach?.roles.has(key) === true ? [key] : [];
    }
    case "boards":
      return related(reach, "board");
    case "family":
      if (reach?.family !== address.id) return [];
      return withOwn(self, related(reach, "phone"));
    case "phones":
      return withOwn(self, related(reach, "phone"));
  }
}

function related(reach: Reach | undefined, kind: "board" | "phone"): string[] {
  return [...(reach?.roles.keys() ?? [])].filter((key) => kindOf(key) === kind);
}
