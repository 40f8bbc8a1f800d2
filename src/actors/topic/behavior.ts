import { RuntimeError } from "../../core/errors.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { ActorType } from "../kernel/actor.ts";
import { fellBehind, refusedBy, tellBehind } from "./behind.ts";
import { dropOld, keep, missedSince } from "./history.ts";
import { describe, history, who } from "./looking.ts";
import { type TopicMessage, type TopicNotice, topicKind } from "./messages.ts";
import type { Ctx, Message, Subscriber, TopicDeps, TopicState, TopicsOfNode } from "./state.ts";

/** How long a topic lasts that the node has no room for, in milliseconds. */
const SURPLUS_MS = 1_000;
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
      const { name, subscribers } = state;
      state.node.topics -= 1;
      state.node.historyBytes -= state.historyBytes;
      for (const { ref } of subscribers.values()) ref.send({ type: "topic-ended", topic: name });
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
          return fellBehind(state, message.sessionId, ctx);
        case "tell-behind":
          return tellBehind(state, (id) => unsubscribe(state, id, ctx), ctx);
      }
    },
  };
}

function begin(state: TopicState, node: TopicsOfNode, deps: TopicDeps, ctx: Ctx): TopicState {
  const { topicsMax, idleMs } = deps.limits;
  state.epoch = newEpoch(ctx);
  state.rule = deps.ruleOf(state.name);
  state.node = node;
  node.topics += 1;
  state.isSurplus = node.topics > topicsMax;
  ctx.setTimer("idle", state.isSurplus ? SURPLUS_MS : idleMs, { type: "idle" });
  return state;
}

/** Nobody is in it, so that it ends soon; others may have ended before. */
function refuse(
  state: TopicState,
  request: Extract<TopicMessage, { replyTo?: unknown }>,
  ctx: Ctx,
): TopicState {
  const message = `the node has ${state.node.topics - 1} topics already`;
  const busy = new RuntimeError("gateway.busy", message, { retryAfterMs: SURPLUS_MS });
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
  keep(state, publication, ctx.now);
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
  dropOld(state, ctx.now);
  const missed = since === undefined ? undefined : missedSince(state, since);
  if (since !== undefined) {
    const { recovered, notRecovered } = deps.figures;
    (missed === undefined ? notRecovered : recovered).add();
  }
  const presence = request.presence && state.rule.presence;
  const subscriber = { ref, principal, presence, refused: refusedBy(sessionId) };
  state.subscribers.set(sessionId, subscriber);
  watch(state, sessionId, subscriber);
  const { epoch, offset } = state;
  const recovered = missed !== undefined;
  ctx.reply(request, ok({ epoch, offset, recovered, missed: missed ?? [] }));
  if (known === undefined) arrive(state, subscriber, ctx);
  return state;
}

function watch({ watchers }: TopicState, sessionId: string, subscriber: Subscriber): void {
  if (subscriber.presence) watchers.set(sessionId, subscriber);
  else watchers.delete(sessionId);
}

function arrive(state: TopicState, { principal }: Subscriber, ctx: Ctx): void {
  const sessions = (state.principals.get(principal) ?? 0) + 1;
  state.principals.set(principal, sessions);
  if (sessions === 1) tell(state, "joined", principal, ctx);
}

function unsubscribe(state: TopicState, sessionId: string, ctx: Ctx): TopicState {
  const subscriber = state.subscribers.get(sessionId);
  if (subscriber === undefined) return state;
  state.subscribers.delete(sessionId);
  state.watchers.delete(sessionId);
  const { principal } = subscriber;
  const sessions = state.principals.get(principal)! - 1;
  if (sessions > 0) state.principals.set(principal, sessions);
  else {
    state.principals.delete(principal);
    tell(state, "left", principal, ctx);
  }
  return state;
}

/** Tells those who asked for it, and nobody of himself. */
function tell(state: TopicState, type: "joined" | "left", principal: string, ctx: Ctx): void {
  if (state.watchers.size === 0) return;
  const sessions = state.principals.get(principal) ?? 0;
  const frame = { type, topic: state.name, who: { principal, sessions } } as const;
  const notice: TopicNotice = { type: "presence", frame };
  for (const watcher of state.watchers.values()) {
    if (watcher.principal !== principal) ctx.send(watcher.ref, notice);
  }
}

/** Ends when nobody is there and nobody could recover anything. */
function idle(state: TopicState, deps: TopicDeps, ctx: Ctx): TopicState {
  dropOld(state, ctx.now);
  if (state.subscribers.size === 0 && state.history.length === 0) ctx.drain();
  else ctx.setTimer("idle", deps.limits.idleMs, { type: "idle" });
  return state;
}
