import { RuntimeError } from "../../core/errors.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { Context } from "../kernel/actor.ts";
import { judged } from "../task/judged.ts";
import type { Audience } from "./messages.ts";
import type { Command, Request } from "./state.ts";
import { shown } from "./store.ts";
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
      const verdict = judged("audience", audience, request);
      const same = { before: audience.state, audience: shown(audience), changed: false };
      if (!verdict.ok) ctx.reply(request, verdict);
      else ctx.reply(request, verdict.value === "holds" ? ok(same) : fed(audience, request));
      return;
    }
    case "wait-audience":
      return ctx.reply(request, restAnswer(audience));
    case "read-audience-progress":
    case "watch-audience":
      return ctx.reply(request, ok(restingProgress(audience, ctx.now)));
  }
}

/** What was fed from outside cannot be fetched again, nor held: only its feeder has it. */
function fed<Answer>({ id, state }: Audience, { command }: Command): Result<Answer> {
  const text = `${command} refused: audience ${id} is ${state}, and was imported: import it again`;
  return fail(new RuntimeError("audience.refused", text));
}
