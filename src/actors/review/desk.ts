import { RuntimeError } from "../../core/errors.ts";
import { fail, type Result } from "../../core/result.ts";
import type { ActorType, Behavior, Ref } from "../kernel/actor.ts";
import { answer } from "../kernel/answer.ts";
import { dryRun } from "./dry-run.ts";
import { reviewKind } from "./messages.ts";
import { resolveUnknown } from "./resolve.ts";
import { readResults } from "./results.ts";
import { sendTest } from "./send-test.ts";
import type { Ctx, Message, ReviewDeps, ReviewState } from "./state.ts";
import { listUnknown } from "./unknown.ts";
import { askWhy } from "./why.ts";

export type { ReviewDeps } from "./state.ts";
export { newReview } from "./state.ts";

/** Questions at the same time that read a whole audience, or send. */
const HEAVY_MAX = 2;
const BUSY_MS = 2_000;

/**
 * The desk that answers questions about campaigns from what the stores hold: what would happen,
 * what did, and to whom. It leads no campaign, and journals nothing but what it is told to settle.
 */
export function reviewDesk(deps: ReviewDeps): ActorType<ReviewState, Message> {
  return {
    label: "review",
    kind: reviewKind,
    behavior: reviewBehavior(deps),
    restart: "permanent",
  };
}

function reviewBehavior(deps: ReviewDeps): Behavior<ReviewState, Message> {
  return (state, message, ctx) => {
    switch (message.type) {
      case "ask-why":
        return answer(state, ctx, message, () => askWhy(message, deps));
      case "list-unknown":
        return answer(state, ctx, message, () => listUnknown(message, deps));
      case "read-results":
        return answer(state, ctx, message, () => readResults(message, deps));
      case "resolve-unknown":
        return answerHeavy(state, ctx, message, () => resolveUnknown(message, deps));
      case "dry-run":
        return answerHeavy(state, ctx, message, (signal) => dryRun(message, deps, signal));
      case "send-test":
        return answerHeavy(state, ctx, message, (signal) => sendTest(message, deps, signal));
      case "forward":
        message.reply(ctx);
        return state;
      case "heavy-done":
        message.reply(ctx);
        return { heavy: state.heavy - 1 };
    }
  };
}

/** Answers what takes its time: at most so many at once, the rest is refused. */
function answerHeavy<Answer>(
  state: ReviewState,
  ctx: Ctx,
  request: { readonly replyTo: Ref<Result<Answer>> },
  effect: (signal: AbortSignal) => Promise<Answer>,
): ReviewState {
  if (state.heavy >= HEAVY_MAX) {
    const message = `${HEAVY_MAX} dry runs or the like are under way`;
    ctx.reply(request, fail(new RuntimeError("gateway.busy", message, { retryAfterMs: BUSY_MS })));
    return state;
  }
  ctx.perform(effect, (outcome) => ({
    type: "heavy-done",
    reply: (later) => later.reply(request, outcome),
  }));
  return { heavy: state.heavy + 1 };
}
