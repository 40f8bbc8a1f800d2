import { backoffMs } from "../../core/backoff.ts";
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

/**
 * Gives every session what was read.
 *
 * Nothing is missing between it and the pushes that follow: the clerk answers before it delivers
 * what was recorded later. Sessions that are open already take what they lack of it, which is
 * nothing unless a push got lost on its way.
 */
export function readDone(
  state: UserState,
  outcome: Result<Result<InboxRead>>,
  limits: UserLimits,
  ctx: Ctx,
): UserState {
  const found = outcome.ok ? outcome.value : outcome;
  if (!found.ok || found.value.inbox.head < state.latest) {
    pause(state, limits, ctx);
    return state;
  }
  const { inbox, newFrom } = found.value;
  state.failures = 0;
  state.reading = false;
  state.head = inbox.head;
  const { head, forgotten } = inbox;
  const view: InboxView = { head, forgotten, newFrom, items: inbox.items.map(toPush) };
  const lookAgain = { type: "deliver", items: [] } as const;
  for (const session of state.sessions) {
    session.waiting = false;
    ctx.trySend(session.ref, { type: "opened", inbox: view }, () => lookAgain);
  }
  return state;
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
function pause(state: UserState, limits: UserLimits, ctx: Ctx): void {
  const delayMs = backoffMs(limits, state.failures, ctx.random());
  state.failures += 1;
  ctx.setTimer("read", delayMs, { type: "read-again" });
}
