import type { Ref } from "../kernel/actor.ts";
import { sessionKind } from "../session/messages.ts";
import type { TopicNotice } from "./messages.ts";
import { occupancy } from "./presence.ts";
import type { Ctx, Message, TopicState } from "./state.ts";

/** Sessions whose mailbox was full get time to work it off, in milliseconds. */
const PAUSE_MS = 50;

type Refused = Extract<Message, { type: "refused" }>;

/**
 * A session had no room for a publication, or for who came or left. The next one would show it
 * that there is a hole, but none may come: so it is told how far the topic is, and how many are
 * there, until it has taken that or is gone.
 */
export function fellBehind(
  state: TopicState,
  { sessionId, isUnaware }: Refused,
  ctx: Ctx,
): TopicState {
  state.behind ??= new Map();
  if (state.behind.size === 0) ctx.setTimer("behind", PAUSE_MS, { type: "tell-behind" });
  state.behind.set(sessionId, isUnaware || state.behind.get(sessionId) === true);
  return state;
}

/** Tells those that are behind; `left` is for those that have ended without a word. */
export function tellBehind(state: TopicState, left: (id: string) => void, ctx: Ctx): TopicState {
  const { behind, name: topic, offset, subscribers } = state;
  state.behind = undefined;
  const moved: TopicNotice = { type: "moved", topic, offset };
  for (const [sessionId, isUnaware] of behind ?? []) {
    const subscriber = subscribers.get(sessionId);
    if (subscriber === undefined) continue;
    const { ref, presence, refused, unaware } = subscriber;
    const here: Ref<never> | undefined = ctx.find(sessionKind, sessionId);
    if (here !== ref) left(sessionId);
    else {
      ctx.trySend(ref, moved, refused);
      if (isUnaware && presence) ctx.trySend(ref, occupancy(state), unaware);
    }
  }
  return state;
}

/** What comes back to the topic of a session that has no room. */
export function refusedBy(sessionId: string, isUnaware: boolean): () => Message {
  return () => ({ type: "refused", sessionId, isUnaware });
}
