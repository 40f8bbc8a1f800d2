import { ok } from "../../core/result.ts";
import type { InboxItem } from "../../persistence/ports/inbox.ts";
import type { ActorType } from "../kernel/actor.ts";
import type { Push } from "../session/messages.ts";
import { admit } from "./login.ts";
import { countConnected, counted, lastSeenRead, notePresence, who } from "./looking.ts";
import { type UserMessage, userKind } from "./messages.ts";
import { endWhenAlone, linger, noticePresence, presenceSettled } from "./presence.ts";
import { loadReach, park, reachRead, takeReach } from "./reach.ts";
import { read, readAgain, readDone, toPush } from "./reading.ts";
import { arrive, kept, missed, route, untaken } from "./routing.ts";
import type { Ctx, Message, UserDeps, UserState } from "./state.ts";
import { changeSub, listSubs } from "./subs.ts";

type Opening = Extract<UserMessage, { type: "open-session" }>;

/** What a principal does; make one per node. Instances are named by its key. */
export function userType(deps: UserDeps): ActorType<UserState, Message> {
  return {
    label: "user",
    kind: userKind,
    // Whoever is left over when it crashes finds the next one.
    onEnd: ({ sessions }, _, sendAnyway) => {
      for (const { ref } of sessions) sendAnyway(ref, { type: "reopen" });
    },
    restart: "temporary",
    behavior(state, message, ctx) {
      switch (message.type) {
        case "open-session":
          return openSession(state, message, deps, ctx);
        case "close-session":
          return closeSession(state, message.sessionId, deps, ctx);
        case "attached":
          return attached(state, message, deps, ctx);
        case "route":
          if (state.reachIs !== "known") return park(state, message, ctx);
          return route(state, message, deps, ctx);
        case "who":
          if (state.reachIs !== "known") return park(state, message, ctx);
          return who(state, message, deps, ctx);
        case "counted":
          return counted(state, message, deps, ctx);
        case "last-seen-read":
          return lastSeenRead(state, message, ctx);
        case "count-connected":
          return countConnected(state, message, ctx);
        case "arrive":
          return arrive(state, message, deps, ctx);
        case "missed":
          return missed(state, message, deps, ctx);
        case "refused":
          return untaken(state, message, deps, ctx);
        case "kept":
          return kept(state, message, ctx);
        case "reach":
          return takeReach(state, message.reach, deps, ctx);
        case "reach-read":
          return reachRead(state, message.outcome, deps, ctx);
        case "read-reach":
          loadReach(state, deps, ctx);
          return state;
        case "presence-settled":
          return presenceSettled(state, ctx);
        case "linger-over":
          endWhenAlone(state, ctx);
          return state;
        case "deliver":
          return deliver(state, message.items, deps, ctx);
        case "volatile":
          return volatilePush(state, message, deps, ctx);
        case "list-sessions":
          ctx.reply(message, ok(state.sessions.map(({ id, device }) => ({ id, device }))));
          return state;
        case "change-sub":
          return changeSub(state, message, deps, ctx);
        case "list-subs":
          return listSubs(state, message, ctx);
        case "kick":
          return kick(state, message, ctx);
        case "read-done":
          return readDone(state, message.outcome, deps.limits, ctx);
        case "read-again":
          return readAgain(state, deps.limits, ctx);
      }
    },
  };
}

function openSession(state: UserState, opening: Opening, deps: UserDeps, ctx: Ctx): UserState {
  const { session: ref, sessionId: id, device, attached } = opening;
  if (state.ending) {
    ctx.sendAnyway(ref, { type: "reopen" });
    return state;
  }
  const known = state.sessions.find((session) => session.id === id);
  if (known !== undefined) {
    known.waiting = true;
    known.attached = attached;
  } else {
    const older = state.sessions.find((session) => session.device === device);
    if (older !== undefined) {
      ctx.sendAnyway(older.ref, { type: "close", reason: "replaced" });
      state.sessions = state.sessions.filter((session) => session !== older);
    }
    const message = admit(state, deps.limits.login, ctx);
    if (message !== undefined) {
      ctx.sendAnyway(ref, { type: "close", reason: "too-many-sessions", message });
      return state;
    }
    state.sessions.push({ id, device, ref, attached, waiting: true });
  }
  if (state.presence !== undefined) ctx.clearTimer("linger");
  loadReach(state, deps, ctx);
  noticePresence(state, deps, ctx);
  read(state, deps.limits, ctx);
  return state;
}

function closeSession(state: UserState, sessionId: string, deps: UserDeps, ctx: Ctx): UserState {
  state.sessions = state.sessions.filter(({ id }) => id !== sessionId);
  noticePresence(state, deps, ctx);
  linger(state, deps, ctx);
  return state;
}

function attached(
  state: UserState,
  { sessionId, attached: isAttached }: Extract<UserMessage, { type: "attached" }>,
  deps: UserDeps,
  ctx: Ctx,
): UserState {
  const session = state.sessions.find(({ id }) => id === sessionId);
  if (session === undefined) return state;
  session.attached = isAttached;
  noticePresence(state, deps, ctx);
  return state;
}

/**
 * Passes on what the inbox has recorded: each offset once, in order, without holes.
 *
 * Behind a hole something got lost on its way here; the store has it.
 */
function deliver(
  state: UserState,
  items: readonly InboxItem[],
  { limits }: UserDeps,
  ctx: Ctx,
): UserState {
  if (state.ending) return state;
  if (items.length === 0) read(state, limits, ctx);
  for (const item of items) {
    if (item.offset <= state.head) continue;
    if (item.offset > state.latest) state.latest = item.offset;
    if (state.head >= 0 && item.offset === state.head + 1) passOn(state, toPush(item), ctx);
    else read(state, limits, ctx);
  }
  return state;
}

function passOn(state: UserState, push: Push, ctx: Ctx): void {
  state.head = push.offset!;
  const message = { type: "push", push, redelivered: false } as const;
  for (const session of state.sessions) {
    if (!session.waiting) ctx.send(session.ref, message);
  }
}

function volatilePush(
  state: UserState,
  request: Extract<UserMessage, { type: "volatile" }>,
  { tally }: UserDeps,
  ctx: Ctx,
): UserState {
  const { push, only, presence } = request;
  if (presence !== undefined) notePresence(state, presence);
  const sessions = state.sessions.filter(({ id }) => only === undefined || id === only);
  tally.accept(Math.max(1, sessions.length));
  if (sessions.length === 0) tally.settle("shed");
  const message = { type: "push", push, redelivered: false } as const;
  for (const { ref } of sessions) ctx.send(ref, message);
  ctx.reply(request, ok({ reached: sessions.filter(({ attached }) => attached).length }));
  return state;
}

function kick(
  state: UserState,
  { device, why }: Extract<UserMessage, { type: "kick" }>,
  ctx: Ctx,
): UserState {
  const told = why === undefined ? {} : { message: why };
  for (const session of state.sessions) {
    if (device !== undefined && session.device !== device) continue;
    ctx.sendAnyway(session.ref, { type: "close", reason: "kicked", ...told });
  }
  return state;
}
