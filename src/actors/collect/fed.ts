import { ok } from "../../core/result.ts";
import type { Context } from "../kernel/actor.ts";
import { decide } from "./commands.ts";
import type { Audience } from "./messages.ts";
import type { Request } from "./state.ts";
import { restAnswer, restingProgress } from "./watching.ts";

/**
 * Answers for an audience that was fed from outside: nobody can start or hold it but whoever
 * feeds it, and it says so.
 */
export function answerFed<Message>(
  audience: Audience,
  request: Request,
  ctx: Context<Message>,
): void {
  switch (request.type) {
    case "command-audience": {
      const decision = decide(audience, request);
      if (decision.type === "answer") ctx.reply(request, decision.answer);
      return;
    }
    case "wait-audience":
      return ctx.reply(request, restAnswer(audience));
    case "read-audience-progress":
    case "watch-audience":
      return ctx.reply(request, ok(restingProgress(audience, ctx.now)));
  }
}
