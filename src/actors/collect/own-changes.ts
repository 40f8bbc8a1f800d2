import { isRunning, OWN_CHANGES } from "../../core/task.ts";
import { persist } from "./commands.ts";
import type { Change, CollectionDeps, CollectionState, Ctx } from "./state.ts";

const BY_ITSELF = "system";

type Decision = Pick<Change, "to" | "why" | "made">;

/** Changes the audience's state when its own run is the reason. */
export function checkRun(state: CollectionState, deps: CollectionDeps, ctx: Ctx): CollectionState {
  const { audience, changing, restsUntil } = state;
  if (audience === undefined || changing || ctx.monotonic < restsUntil) return state;
  if (!isRunning(audience.state)) return state;
  const decision = decide(state);
  if (decision === undefined) return state;
  if (!OWN_CHANGES[audience.state].includes(decision.to)) {
    throw new Error(`a collection cannot go from ${audience.state} to ${decision.to} by itself`);
  }
  const same = { command: undefined, newRun: false, by: BY_ITSELF, attempts: 1 };
  return persist(state, { ...same, ...decision }, deps, ctx);
}

function decide({ audience, run }: CollectionState): Decision | undefined {
  const state = audience?.state;
  if (run === undefined) {
    // The node, or this actor, ended while it collected: that is to be seen.
    const why = "it was cut off, and goes on by itself";
    return state === "started" ? { to: "reboot", why } : undefined;
  }
  const { outcome } = run;
  if (outcome?.type === "failed") return { to: "failed", why: outcome.why };
  if (outcome?.type === "made") return { to: "finished", why: "done", made: outcome.made };
  if (state !== "reboot" || !run.stepped) return undefined;
  return { to: "started", why: "what was cut off is in good hands again" };
}
