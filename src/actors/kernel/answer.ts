import type { Result } from "../../core/result.ts";
import type { Context, Ref } from "./actor.ts";

/** A message of an actor to itself: an effect that changes nothing in it has come to its end. */
export interface Forward<Ctx = Pick<Context<never>, "reply">> {
  readonly type: "forward";
  readonly reply: (ctx: Ctx) => void;
}

/** Starts I/O and answers the request with its outcome; the actor handles `forward`. */
export function answer<State, Answer>(
  state: State,
  ctx: Pick<Context<Forward>, "perform">,
  request: { readonly replyTo: Ref<Result<Answer>> },
  effect: (signal: AbortSignal) => Promise<Answer>,
): State {
  ctx.perform(effect, (outcome) => ({
    type: "forward",
    reply: (later) => later.reply(request, outcome),
  }));
  return state;
}
