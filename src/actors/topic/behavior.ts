import { RuntimeError } from "../../core/errors.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { ActorType } from "../kernel/actor.ts";
import { fellBehind, refusedBy, tellBehind } from "./behind.ts";
import { dropOld, keep, missedSince } from "./history.ts";
import { describe, history, who } from "./looking.ts";
import { type TopicMessage, type TopicNotice, topicKind } from "./messages.ts";
import { arrive, leave, tellOccupancy, watch } from "./presence.ts";
import type { Ctx, Message, TopicDeps, TopicState, TopicsOfNode } from "./state.ts";

/**
 * How long a topic lasts that nobody comes to, in milliseconds: it was only asked who is there, or
 * the node has no room for it.
 */
const UNUSED_MS = 1_000;
/** Publications and subscriptions that may wait for one topic. */
const MAILBOX_MAX = 100_000;

type Subscribe = Extract<TopicMessage, { type: "subscribe" }>;
type Publish = Extract<TopicMessage, { type: "publish" }>;

/** What a topic does; make one per node. Its instances are named by the topic. */
export function topicType(deps: TopicDeps): ActorType<TopicState, Message> {
  const { historyBytesMax } = deps.limits;
  const node: TopicsOfNode = { topics: 0, historyBytes: 0, historyBytesMax };
  return {
    label: "topic",
    kind: topicKind,
    onStart: { type: "start" },
    onEnd: (state) => {
      if (!state.isSurplus) state.node.topics -= 1;
      state.node.historyBytes -= state.historyBytes;
    },
    mailbox: { max: MAILBOX_MAX, overflow: "refuse" },
    restart: "temporary",
    behavior(state, message, ctx) {
      if (state.isSurplus && "replyTo" in message) return refuse(state, message, ctx);
      switch (message.type) {
        case "publish":
          return publish(state, message, deps, ctx);
        case "subscribe":
          return subscribe(state, message, deps, ctx);
        case "unsubscribe":
          return unsubscribe(state, message.sessionId, ctx);
        case "who":
          return who(state, message, ctx);
        case "describe":
          return describe(state, message, ctx);
        case "history":
          return history(state, message, ctx);
        case "start":
          return begin(state, node, deps, ctx);
        case "idle":
          return idle(state, deps, ctx);
        case "refused":
          return fellBehind(state, message, ctx);
        case "tell-behind":
          return tellBehind(state, (id) => unsubscribe(state, id, ctx), ctx);
        case "forget-replayed":
          state.replayed = undefined;
          return state;
        case "tell-occupancy":
          return tellOccupancy(state, ctx);
      }
    },
  };
}

function begin(state: TopicState, node: TopicsOfNode, deps: TopicDeps, ctx: Ctx): TopicState {
  state.epoch = newEpoch(ctx);
  state.rule = deps.ruleOf(state.name);
  state.node = node;
  state.isSurplus = node.topics >= deps.limits.topicsMax;
  if (!state.isSurplus) node.topics += 1;
  ctx.setTimer("idle", UNUSED_MS, { type: "idle" });
  return state;
}

/** Nobody is in it, so that it ends soon; others may have ended before. */
function refuse(
  state: TopicState,
  request: Extract<TopicMessage, { replyTo?: unknown }>,
  ctx: Ctx,
): TopicState {
  const message = `the node has ${state.node.topics} topics already`;
  const busy = new RuntimeError("gateway.busy", message, { retryAfterMs: UNUSED_MS });
  ctx.reply<Result<never>>(request, fail(busy));
  return state;
}

/** Sixteen letters and digits: no two lives of a topic have the same. */
function newEpoch(ctx: Ctx): string {
  const half = (): string =>
    Math.floor(ctx.random() * 36 ** 8)
      .toString(36)
      .padStart(8, "0");
  return half() + half();
}

/** One message object goes to every subscriber, however many there are. */
function publish(state: TopicState, message: Publish, deps: TopicDeps, ctx: Ctx): TopicState {
  state.offset += 1;
  const { payload, from } = message;
  const { name: topic, offset, subscribers, rule } = state;
  const publication = { topic, offset, from, payload, slow: rule.slow, wire: {} };
  keep(state, publication, ctx.monotonic);
  const notice: TopicNotice = { type: "publication", publication };
  for (const { ref, refused } of subscribers.values()) ctx.trySend(ref, notice, refused);
  deps.figures.published.add();
  deps.figures.fannedOut.add(subscribers.size);
  ctx.reply(message, ok({ offset, reached: subscribers.size }));
  return state;
}

/**
 * The answer comes before any publication that is later than it, as it goes to the same mailbox:
 * what was missed, the answer's `offset`, and what follows are without hole or repetition.
 */
function subscribe(state: TopicState, request: Subscribe, deps: TopicDeps, ctx: Ctx): TopicState {
  const { session: ref, sessionId, principal, since } = request;
  const known = state.subscribers.get(sessionId);
  if (known === undefined && state.subscribers.size >= deps.limits.subscribersMax) {
    const message = `the topic has ${state.subscribers.size} subscribers already`;
    ctx.reply(request, fail(new RuntimeError("gateway.busy", message)));
    return state;
  }
  dropOld(state, ctx.monotonic);
  const missed = since === undefined ? undefined : missedSince(state, since, ctx);
  if (since !== undefined) {
    const { recovered, notRecovered } = deps.figures;
    (missed === undefined ? notRecovered : recovered).add();
  }
  const presence = request.presence && state.rule.presence;
  const refused = refusedBy(sessionId, false);
  const unaware = presence ? refusedBy(sessionId, true) : refused;
  const subscriber = { ref, principal, presence, refused, unaware };
  state.subscribers.set(sessionId, subscriber);
  const { epoch, offset } = state;
  const recovered = missed !== undefined;
  ctx.reply(request, ok({ epoch, offset, recovered, missed: missed ?? [] }));
  if (known === undefined) arrive(state, principal, ctx);
  watch(state, sessionId, subscriber, ctx);
  return state;
}

function unsubscribe(state: TopicState, sessionId: string, ctx: Ctx): TopicState {
  const subscriber = state.subscribers.get(sessionId);
  if (subscriber === undefined) return state;
  state.subscribers.delete(sessionId);
  state.watchers.delete(sessionId);
  leave(state, subscriber.principal, ctx);
  return state;
}

/** Ends when nobody is there and nobody could recover anything. */
function idle(state: TopicState, deps: TopicDeps, ctx: Ctx): TopicState {
  dropOld(state, ctx.monotonic);
  if (state.subscribers.size === 0 && state.history.length === 0) ctx.drain();
  else ctx.setTimer("idle", deps.limits.idleMs, { type: "idle" });
  return state;
}
