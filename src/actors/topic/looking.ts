import { RuntimeError } from "../../core/errors.ts";
import { fail, ok } from "../../core/result.ts";
import { dropOld } from "./history.ts";
import type { TopicMessage } from "./messages.ts";
import type { Ctx, TopicState } from "./state.ts";

/** Principals that are listed at most. */
const LISTED_MAX = 1_000;

type Of<Type extends TopicMessage["type"]> = Extract<TopicMessage, { type: Type }>;

/** Whether devices may be told is the topic's rule. */
export function who(state: TopicState, request: Of<"who">, ctx: Ctx): TopicState {
  if (state.rule.presence) ctx.reply(request, ok(occupants(state)));
  else {
    const message = "this topic does not tell who is there";
    ctx.reply(request, fail(new RuntimeError("topic.forbidden", message)));
  }
  return state;
}

export function describe(state: TopicState, request: Of<"describe">, ctx: Ctx): TopicState {
  dropOld(state, ctx.monotonic);
  const { name, rule, epoch, offset, history, subscribers } = state;
  const facts = { name, rule, epoch, offset, kept: history.length, sessions: subscribers.size };
  ctx.reply(request, ok({ ...facts, ...occupants(state) }));
  return state;
}

export function history(state: TopicState, request: Of<"history">, ctx: Ctx): TopicState {
  dropOld(state, ctx.monotonic);
  const { epoch, offset, history: all } = state;
  const { after = 0, limit = all.length } = request;
  const from = all.findIndex(({ offset: its }) => its > after);
  const asked = from < 0 ? [] : all.slice(from, from + limit);
  const kept = asked.map(({ since, ...it }) => ({ ...it, at: wallOf(since, ctx) }));
  ctx.reply(request, ok({ epoch, offset, kept }));
  return state;
}

function wallOf(monotonic: number, ctx: Ctx): number {
  return Math.round(ctx.now - ctx.monotonic + monotonic);
}

function occupants({ principals }: TopicState) {
  const members = [];
  for (const [principal, sessions] of principals) {
    if (members.push({ principal, sessions }) === LISTED_MAX) break;
  }
  return { members, count: principals.size };
}
