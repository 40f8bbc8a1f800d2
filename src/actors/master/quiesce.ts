import { ok, type Result } from "../../core/result.ts";
import type { ActorSystem } from "../kernel/system.ts";
import { campaignKind, type MasterMessage } from "./messages.ts";
import { endRun } from "./run.ts";
import type { Ctx, MasterState, Report } from "./state.ts";

/**
 * Lets every campaign of this node finish its windows in flight, for a stop that leaves nothing
 * in doubt. The campaigns stay `started`, and go on at the next start.
 *
 * Resolves when all have, or at the deadline; what is in flight then is in doubt, as after a
 * crash. Call it after the gateways have closed and before the actors are stopped.
 */
export async function quiesceCampaigns(
  system: ActorSystem,
  options: { readonly deadlineMs: number },
): Promise<void> {
  const asked: Promise<unknown>[] = [];
  system.each(campaignKind, (master) => {
    const answer = system.ask<MasterMessage, Result<number>>(
      master,
      (replyTo) => ({ type: "quiesce", replyTo }),
      options,
    );
    asked.push(answer);
  });
  await Promise.allSettled(asked);
}

export function quiesce(state: MasterState, request: Report<"quiesce">, ctx: Ctx): MasterState {
  const workers = (state.run?.slots.size ?? 0) + state.leaving;
  const quiescing = state.quiescing ?? { workers, askers: [] };
  const askers = [...quiescing.askers, request];
  return endRun({ ...state, quiescing: { ...quiescing, askers } }, ctx);
}

/** Answers once the last worker has ended. */
export function answerQuiet(state: MasterState, ctx: Ctx): MasterState {
  const { quiescing, leaving, changing } = state;
  if (quiescing === undefined || leaving > 0 || changing) return state;
  for (const asker of quiescing.askers) ctx.reply(asker, ok(quiescing.workers));
  return { ...state, quiescing: { ...quiescing, askers: [] } };
}
