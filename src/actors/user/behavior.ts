import type { InboxItem } from "../../persistence/ports/inbox.ts";
import type { ActorType } from "../kernel/actor.ts";
import type { Push } from "../session/messages.ts";
import { type UserMessage, userKind } from "./messages.ts";
import { read, readAgain, readDone, toPush } from "./reading.ts";
import type { Ctx, Message, UserLimits, UserState } from "./state.ts";

type Opening = Extract<UserMessage, { type: "open-session" }>;

/** What users share: how their volatile pushes are counted, and limits. */
export interface UserDeps {
  readonly tally: { accept(sessions: number): void; settle(outcome: "shed"): void };
  readonly limits: UserLimits;
}

/** What a user does; make one per node. Instances are named by the user's id. */
export function userType(deps: UserDeps): ActorType<UserState, Message> {
  return {
    label: "user",
    kind: userKind,
    // Whoever is left over when it crashes finds the next one.
    onEnd: ({ sessions }) => {
      for (const { ref } of sessions) ref.send({ type: "reopen" });
    },
    restart: "temporary",
    behavior(state, message, ctx) {
      switch (message.type) {
        case "open-session":
          return openSession(state, message, deps, ctx);
        case "close-session":
          return closeSession(state, message.sessionId, ctx);
        case "deliver":
          return deliver(state, message.items, deps, ctx);
        case "volatile":
          return volatilePush(state, message.push, deps, ctx);
        case "kick":
          return kick(state, message.device, ctx);
        case "read-done":
          return readDone(state, message.outcome, deps.limits, ctx);
        case "read-again":
          return readAgain(state, deps.limits, ctx);
      }
    },
  };
}

function openSession(state: UserState, opening: Opening, { limits }: UserDeps, ctx: Ctx) {
  const { session: ref, sessionId: id, device } = opening;
  if (state.ending) {
    ctx.send(ref, { type: "reopen" });
    return state;
  }
  const known = state.sessions.find((session) => session.id === id);
  if (known !== undefined) known.waiting = true;
  else {
    const older = state.sessions.find((session) => session.device === device);
    if (older !== undefined) {
      ctx.send(older.ref, { type: "close", reason: "replaced" });
      state.sessions = state.sessions.filter((session) => session !== older);
    }
    state.sessions.push({ id, device, ref, waiting: true });
  }
  read(state, limits, ctx);
  return state;
}

/** Ends after the last session; what is in the mailbox by then is still answered. */
function closeSession(state: UserState, sessionId: string, ctx: Ctx): UserState {
  state.sessions = state.sessions.filter(({ id }) => id !== sessionId);
  if (state.sessions.length > 0 || state.ending) return state;
  state.ending = true;
  ctx.drain();
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

function volatilePush(state: UserState, push: Push, { tally }: UserDeps, ctx: Ctx): UserState {
  tally.accept(Math.max(1, state.sessions.length));
  if (state.sessions.length === 0) tally.settle("shed");
  const message = { type: "push", push, redelivered: false } as const;
  for (const { ref } of state.sessions) ctx.send(ref, message);
  return state;
}

function kick(state: UserState, device: string | undefined, ctx: Ctx): UserState {
  for (const session of state.sessions) {
    if (device !== undefined && session.device !== device) continue;
    ctx.send(session.ref, { type: "close", reason: "kicked" });
  }
  return state;
}
