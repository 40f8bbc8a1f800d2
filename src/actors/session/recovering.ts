import { addressOf } from "../../core/address.ts";
import type { Result } from "../../core/result.ts";
import type { Publication, Subscribed, TopicMessage } from "../topic/messages.ts";
import type { Ctx, SessionState, Subscription } from "./state.ts";
import { tell } from "./telling.ts";

/** How long a topic may take to answer. */
export const ASK_MS = 5_000;
/** Of what was missed so much is written at once, in bytes, and a last one. */
const CHUNK_BYTES = 32_768;
/** What a frame takes beside its payload, about. */
const FRAME_BYTES = 100;

/** The topic's answer: from here on publications follow, or what was missed comes first. */
export function takePlace(
  state: SessionState,
  topic: string,
  subscription: Subscription,
  { epoch, offset, recovered, missed }: Subscribed,
  ctx: Ctx,
): void {
  const { id } = subscription;
  subscription.id = undefined;
  subscription.isLive = true;
  subscription.failures = 0;
  subscription.epoch = epoch;
  if (!recovered) subscription.offset = offset;
  if (id !== undefined)
    tell(state, { type: "subscribed", id, topic, epoch, offset, recovered }, ctx);
  // What was repaired without a hole is nobody's concern.
  else if (!recovered) tell(state, { type: "resubscribed", topic, epoch, offset, recovered }, ctx);
  if (recovered) writeMissed(state, subscription, missed, ctx);
  if (subscription.offset === offset) return;
  subscription.isLive = false;
  subscription.hasMore = true;
  askForRoom(state, ctx);
}

/**
 * Writes what was missed as far as a connection takes it at once; the rest is asked for when there
 * is room. A device that has missed much is not slow for that.
 */
function writeMissed(
  state: SessionState,
  subscription: Subscription,
  missed: readonly Publication[],
  ctx: Ctx,
): void {
  for (const publication of missed) {
    if (state.replayedBytes >= CHUNK_BYTES) return;
    state.replayedBytes += publication.payload.length + FRAME_BYTES;
    subscription.offset = publication.offset;
    write(state, publication, ctx);
  }
}

/** The connection has room again: the next that has more to recover goes on, one at a time. */
export function recoverOn(state: SessionState, ctx: Ctx): void {
  let isFirst = true;
  for (const [topic, subscription] of state.subscriptions ?? []) {
    if (!subscription.hasMore) continue;
    if (!isFirst) return askForRoom(state, ctx);
    isFirst = false;
    subscription.hasMore = false;
    ask(topic, subscription, state, ctx);
  }
}

function askForRoom({ connection }: SessionState, ctx: Ctx): void {
  if (connection !== undefined) ctx.send(connection, { type: "when-drained" });
}

/** This session's mailbox was full: the topic has what it refused, if it keeps any. */
export function passed(
  state: SessionState,
  topic: string,
  subscription: Subscription,
  offset: number,
  ctx: Ctx,
): void {
  if (!subscription.isLive || offset <= subscription.offset) return;
  subscription.isLive = false;
  ask(topic, subscription, state, ctx);
}

export function write({ connection }: SessionState, publication: Publication, ctx: Ctx): void {
  if (connection !== undefined) ctx.send(connection, { type: "publication", publication, lost: 0 });
}

/** Subscribes, or says again where the connection is: the answer has what it missed since. */
export function ask(
  topic: string,
  subscription: Subscription,
  state: SessionState,
  ctx: Ctx,
): void {
  const { ref, presence, epoch, offset } = subscription;
  const since = epoch === "" ? undefined : { epoch, offset };
  const principal = addressOf(state.user);
  const { id: sessionId } = state;
  ctx.ask<TopicMessage, Result<Subscribed>>(
    ref,
    (replyTo) => ({
      ...{ type: "subscribe", session: ctx.self, sessionId, principal, presence, since, replyTo },
    }),
    ASK_MS,
    (outcome) => ({ type: "subscribed", topic, subscription, outcome }),
  );
}
