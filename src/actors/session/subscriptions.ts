import { addressOf } from "../../core/address.ts";
import type { DeviceRequest } from "../../core/device-request.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { Result } from "../../core/result.ts";
import type { EndReason, Ref } from "../kernel/actor.ts";
import {
  type Publication,
  type TopicMessage,
  type TopicNotice,
  topicKind,
} from "../topic/messages.ts";
import { forbid, forbidden, isGranted } from "./grants.ts";
import { ASK_MS, ask, passed, takePlace, write } from "./recovering.ts";
import type { Ctx, Message, SessionDeps, SessionState, Subscription } from "./state.ts";
import { tell, tellError } from "./telling.ts";

/** A topic that has ended is made again after this, give or take half of it. */
const AGAIN_MS = 50;
/** After so many failures in a row a subscription is given up. */
const FAILURES_MAX = 5;
const PASSING: ReadonlySet<string> = new Set(["actor.stopped", "ask.timeout", "mailbox.full"]);

type Request<Type> = Extract<DeviceRequest, { type: Type }>;
type Told = Extract<Message, { type: "subscribed" }>;
type Own = "topic-ended" | "subscribed" | "subscribe-again";

/**
 * Told by the kernel, past the limit of a mailbox. One function for all: a session may have many
 * subscriptions, and of a topic's end it hears seldom enough to look for which of them that is.
 */
const ENDED = (_: EndReason, ref: Ref<never>): Message => ({ type: "topic-ended", ref });

/** A topic, or what was asked of one, has something to say. */
export function fromTopic(
  state: SessionState,
  message: Extract<Message, { type: TopicNotice["type"] | Own }>,
  ctx: Ctx,
): SessionState {
  switch (message.type) {
    case "subscribed":
      return subscribed(state, message, ctx);
    case "subscribe-again":
      return subscribeAgain(state, message, ctx);
    case "topic-ended":
      return topicEnded(state, message.ref, ctx);
    case "publication":
    case "presence":
    case "moved":
      return noticed(state, message, ctx);
  }
}

/**
 * Subscribes the connection to a topic.
 *
 * A subscription lasts as long as the connection: what a device that comes back has missed, only
 * the device can say, by the place it gives when it subscribes again.
 */
export function subscribe(
  state: SessionState,
  request: Request<"subscribe">,
  { limits }: SessionDeps,
  ctx: Ctx,
): SessionState {
  const { id, topic, epoch = "", offset = 0, presence = false } = request;
  if (!isGranted(state.grants?.subscribe, topic))
    return forbid(state, id, "subscribe to", topic, ctx);
  state.subscriptions ??= new Map();
  const known = state.subscriptions.get(topic);
  if (known === undefined && state.subscriptions.size >= limits.subscriptionsMax) {
    const message = `a session has at most ${limits.subscriptionsMax} subscriptions`;
    tellError(state, id, new RuntimeError("route.too-many", message), ctx);
    return state;
  }
  if (known?.id !== undefined) supersede(state, topic, known.id, ctx);
  const ref = ctx.entity(topicKind, topic);
  const fresh: Subscription = {
    ...{ ref, id, epoch, offset, presence, isLive: false, hasMore: false, failures: 0 },
  };
  state.subscriptions.set(topic, fresh);
  ctx.watch(ref, ENDED);
  ask(topic, fresh, state, ctx);
  return state;
}

export function unsubscribe(
  state: SessionState,
  { id, topic }: Request<"unsubscribe">,
  ctx: Ctx,
): SessionState {
  const known = state.subscriptions?.get(topic);
  if (known?.id !== undefined) supersede(state, topic, known.id, ctx);
  if (known !== undefined) forget(state, topic, known, ctx);
  tell(state, { type: "unsubscribed", id, topic }, ctx);
  return state;
}

export function publish(
  state: SessionState,
  { id, topic, payload }: Request<"publish">,
  ctx: Ctx,
): SessionState {
  if (!isGranted(state.grants?.publish, topic)) return forbid(state, id, "publish to", topic, ctx);
  const from = addressOf(state.user);
  const text = JSON.stringify(payload);
  ctx.ask<TopicMessage, Result<{ readonly offset: number }>>(
    ctx.entity(topicKind, topic),
    (replyTo) => ({ type: "publish", payload: text, from, replyTo }),
    ASK_MS,
    (outcome) => {
      const answer = outcome.ok ? outcome.value : outcome;
      if (!answer.ok) return { type: "tell-error", id, error: answer.error };
      return { type: "tell", frame: { type: "published", id, offset: answer.value.offset } };
    },
  );
  return state;
}

export function who(
  state: SessionState,
  { id, topic }: Extract<Request<"who">, { readonly topic: string }>,
  ctx: Ctx,
): SessionState {
  if (!isGranted(state.grants?.subscribe, topic)) return forbid(state, id, "look into", topic, ctx);
  type Here = Extract<TopicMessage, { type: "who" }>["replyTo"] extends Ref<infer A> ? A : never;
  ctx.ask<TopicMessage, Here>(
    ctx.entity(topicKind, topic),
    (replyTo) => ({ type: "who", replyTo }),
    ASK_MS,
    (outcome) => {
      const answer = outcome.ok ? outcome.value : outcome;
      if (!answer.ok) return { type: "tell-error", id, error: answer.error };
      return { type: "tell", frame: { type: "here", id, topic, ...answer.value } };
    },
  );
  return state;
}

/** The topic's answer; one to a subscription that is not any more is nothing. */
function subscribed(state: SessionState, told: Told, ctx: Ctx): SessionState {
  const { topic, subscription, outcome } = told;
  if (state.subscriptions?.get(topic) !== subscription) return state;
  const answer = outcome.ok ? outcome.value : outcome;
  if (answer.ok) takePlace(state, topic, subscription, answer.value, ctx);
  else failed(state, topic, subscription, answer.error, ctx);
  return state;
}

/**
 * A topic that ends at that moment is made again, and one that all its subscribers come back to at
 * once has room a moment later; whatever else fails is told.
 */
function failed(
  state: SessionState,
  topic: string,
  subscription: Subscription,
  error: RuntimeError,
  ctx: Ctx,
): void {
  if (PASSING.has(error.code) && subscription.failures < FAILURES_MAX) {
    subscription.failures += 1;
    return again(topic, subscription, ctx);
  }
  const { id } = subscription;
  forget(state, topic, subscription, ctx);
  if (id !== undefined) tellError(state, id, error, ctx);
  else tell(state, { type: "error", code: error.code, message: `${topic}: ${error.message}` }, ctx);
}

/** What a topic says by itself. */
function noticed(state: SessionState, notice: TopicNotice, ctx: Ctx): SessionState {
  switch (notice.type) {
    case "publication":
      return published(state, notice.publication, ctx);
    case "presence": {
      const { topic } = notice.frame;
      if (state.subscriptions?.has(topic)) tell(state, notice.frame, ctx);
      else leaveAgain(state, topic, ctx);
      return state;
    }
    case "moved": {
      const subscription = state.subscriptions?.get(notice.topic);
      if (subscription !== undefined) passed(state, notice.topic, subscription, notice.offset, ctx);
      return state;
    }
  }
}

function topicEnded(state: SessionState, ref: Ref<never>, ctx: Ctx): SessionState {
  for (const [topic, subscription] of state.subscriptions ?? []) {
    if (subscription.ref === ref) again(topic, subscription, ctx);
  }
  return state;
}

/** The measured path of a publication: in order it goes on as it came. */
function published(state: SessionState, publication: Publication, ctx: Ctx): SessionState {
  const { topic, offset } = publication;
  const subscription = state.subscriptions?.get(topic);
  if (subscription === undefined) return leaveAgain(state, topic, ctx);
  if (!subscription.isLive) return state;
  if (offset === subscription.offset + 1) {
    subscription.offset = offset;
    write(state, publication, ctx);
  } else passed(state, topic, subscription, offset, ctx);
  return state;
}

/** It was left before, if the topic had room for hearing that. */
function leaveAgain(state: SessionState, topic: string, ctx: Ctx): SessionState {
  const from = ctx.find(topicKind, topic);
  if (from !== undefined) ctx.send(from, { type: "unsubscribe", sessionId: state.id });
  return state;
}

function again(topic: string, subscription: Subscription, ctx: Ctx): void {
  subscription.isLive = false;
  subscription.hasMore = false;
  const message = { type: "subscribe-again", topic, subscription } as const;
  ctx.setTimer(`topic ${topic}`, AGAIN_MS * (0.5 + ctx.random()), message);
}

function subscribeAgain(
  state: SessionState,
  { topic, subscription }: Extract<Message, { type: "subscribe-again" }>,
  ctx: Ctx,
): SessionState {
  if (state.subscriptions?.get(topic) !== subscription) return state;
  subscription.ref = ctx.entity(topicKind, topic);
  ctx.watch(subscription.ref, ENDED);
  ask(topic, subscription, state, ctx);
  return state;
}

function forget(state: SessionState, topic: string, { ref }: Subscription, ctx: Ctx): void {
  state.subscriptions!.delete(topic);
  if (state.subscriptions!.size === 0) state.subscriptions = undefined;
  ctx.unwatch(ref);
  ctx.send(ref, { type: "unsubscribe", sessionId: state.id });
}

/** The earlier of two requests for one topic gets its answer, too. */
function supersede(state: SessionState, topic: string, id: number, ctx: Ctx): void {
  const message = `another request for ${topic} came before this one was done`;
  tellError(state, id, new RuntimeError("store.conflict", message), ctx);
}

/** Leaves every topic, as the connection is gone. */
export function leaveTopics(state: SessionState, ctx: Ctx): void {
  for (const [topic, it] of state.subscriptions ?? []) forget(state, topic, it, ctx);
}

/** Leaves the topics that a newer credential does not allow, and says so. */
export function leaveForbidden(state: SessionState, ctx: Ctx): void {
  for (const [topic, subscription] of state.subscriptions ?? []) {
    if (isGranted(state.grants?.subscribe, topic)) continue;
    forget(state, topic, subscription, ctx);
    const { code, message } = forbidden("stay in", topic);
    if (subscription.id !== undefined) forbid(state, subscription.id, "subscribe to", topic, ctx);
    else tell(state, { type: "error", code, message }, ctx);
  }
}
