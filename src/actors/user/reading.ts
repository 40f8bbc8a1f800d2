import type { Result } from "../../core/result.ts";
import type { InboxItem } from "../../persistence/ports/inbox.ts";
import { CLERK, clerkKind, type InboxRead } from "../inbox/messages.ts";
import type { InboxView, Push } from "../session/messages.ts";
import type { Ctx, UserLimits, UserState } from "./state.ts";

/** Makes one push of an item, for all sessions: its bytes are made once per encoding. */
export function toPush({ id, offset, topic, payload, ack, expiresAt }: InboxItem): Push {
  return { id, offset, topic, payload, ack, expiresAt, wire: {} };
}

/** Reads the inbox unless that is under way. */
export function read(state: UserState, limits: UserLimits, ctx: Ctx): void {
  if (state.reading) return;
  state.reading = true;
  ask(state, limits, ctx);
}

export function readAgain(state: UserState, limits: UserLimits, ctx: Ctx): UserState {
  ask(state, limits, ctx);
  return state;
}

/** Keeps a push for those who wait for the read, up to the limit. */
export function keep(state: UserState, push: Push, { bufferMax }: UserLimits): void {
  if (state.overflowed) return;
  if (state.buffer === undefined) state.buffer = [push];
  else if (state.buffer.length < bufferMax) state.buffer.push(push);
  else {
    state.buffer = undefined;
    state.overflowed = true;
  }
}

/**
 * Gives every session what was read together with what came in the meantime.
 *
 * Sessions that are open already take what they lack of it, which is nothing unless a push got
 * lost on its way. When something is missing between the two, the inbox is read once more.
 */
export function readDone(
  state: UserState,
  outcome: Result<Result<InboxRead>>,
  limits: UserLimits,
  ctx: Ctx,
): UserState {
  const found = outcome.ok ? outcome.value : outcome;
  if (!found.ok) {
    pause(state, limits, ctx);
    return state;
  }
  state.failures = 0;
  const view = state.overflowed ? undefined : merge(state, found.value);
  state.overflowed = false;
  if (view === undefined) return readAgain(state, limits, ctx);
  state.reading = false;
  state.joined = false;
  state.buffer = undefined;
  state.head = view.head;
  for (const session of state.sessions) {
    session.waiting = false;
    ctx.trySend(session.ref, { type: "opened", inbox: view }, () => ({
      type: "deliver",
      items: [],
    }));
  }
  return state;
}

/** Returns undefined when something is missing between what was read and what came later. */
function merge(state: UserState, { inbox, newFrom }: InboxRead): InboxView | undefined {
  const items = inbox.items.map(toPush);
  let { head } = inbox;
  for (const push of state.buffer ?? []) {
    if (push.offset! <= head) continue;
    if (push.offset !== head + 1) return undefined;
    head = push.offset;
    items.push(push);
  }
  return { head, forgotten: inbox.forgotten, newFrom: state.joined ? head + 1 : newFrom, items };
}

function ask(state: UserState, limits: UserLimits, ctx: Ctx): void {
  const clerk = ctx.find(clerkKind, CLERK);
  if (clerk === undefined) return pause(state, limits, ctx);
  const { id: user } = state;
  ctx.ask<Parameters<typeof clerk.send>[0], Result<InboxRead>>(
    clerk,
    (replyTo) => ({ type: "read", user, replyTo }),
    limits.readDeadlineMs,
    (outcome) => ({ type: "read-done", outcome }),
  );
}

/** Waits longer after each failure, and not as long as everybody else. */
function pause(state: UserState, { retryMinMs, retryMaxMs }: UserLimits, ctx: Ctx): void {
  const delayMs = Math.min(retryMinMs * 2 ** state.failures, retryMaxMs);
  state.failures = Math.min(state.failures + 1, 30);
  ctx.setTimer("read", delayMs * (0.5 + ctx.random() / 2), { type: "read-again" });
}
