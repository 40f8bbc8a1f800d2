import type { TopicNotice } from "./messages.ts";
import type { Ctx, Subscriber, TopicState } from "./state.ts";

/** Many who want to know of each other are told how many they are once in so long. */
const OCCUPANCY_MS = 1_000;

/** Whether this subscriber is to be told who comes and goes; one that begins is told how many. */
export function watch(state: TopicState, sessionId: string, subscriber: Subscriber, ctx: Ctx) {
  const { watchers } = state;
  const isNew = subscriber.presence && !watchers.has(sessionId);
  if (subscriber.presence) watchers.set(sessionId, subscriber);
  else watchers.delete(sessionId);
  if (isNew) ctx.trySend(subscriber.ref, occupancy(state), subscriber.unaware);
}

/** One more session of this principal is here. */
export function arrive(state: TopicState, principal: string, ctx: Ctx): void {
  const sessions = (state.principals.get(principal) ?? 0) + 1;
  state.principals.set(principal, sessions);
  if (sessions === 1) changed(state, "joined", principal, ctx);
}

/** One session of this principal has left. */
export function leave(state: TopicState, principal: string, ctx: Ctx): void {
  const sessions = state.principals.get(principal)! - 1;
  if (sessions > 0) state.principals.set(principal, sessions);
  else {
    state.principals.delete(principal);
    changed(state, "left", principal, ctx);
  }
}

/**
 * Tells those who asked for it, and nobody of himself. Where so many ask that each change would be
 * told too often, they are told how many are there instead, all changes of a second at once.
 */
function changed(state: TopicState, type: "joined" | "left", principal: string, ctx: Ctx): void {
  const { watchers, rule, crowd } = state;
  if (watchers.size === 0) return;
  if (crowd !== "none" || watchers.size > rule.presenceMax) {
    if (crowd !== "changed") ctx.setTimer("occupancy", OCCUPANCY_MS, { type: "tell-occupancy" });
    state.crowd = "changed";
    return;
  }
  const sessions = state.principals.get(principal) ?? 0;
  const frame = { type, topic: state.name, who: { principal, sessions } } as const;
  const notice: TopicNotice = { type: "presence", frame };
  for (const watcher of watchers.values()) {
    if (watcher.principal !== principal) ctx.trySend(watcher.ref, notice, watcher.unaware);
  }
}

/** Tells all how many they are; if they are few again, they are told each change from now on. */
export function tellOccupancy(state: TopicState, ctx: Ctx): TopicState {
  const { watchers, rule } = state;
  state.crowd = watchers.size > rule.presenceMax ? "told" : "none";
  const notice = occupancy(state);
  for (const { ref, unaware } of watchers.values()) ctx.trySend(ref, notice, unaware);
  return state;
}

/** How many are there, for those who were not told one by one. */
export function occupancy({ name: topic, principals }: TopicState): TopicNotice {
  return { type: "presence", frame: { type: "occupancy", topic, count: principals.size } };
}
