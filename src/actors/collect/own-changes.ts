import { isRunning } from "../../core/task.ts";
import type { TaskChange } from "../task/state.ts";
import type { CollectionState, CollectionTask, Ctx, Made } from "./state.ts";

type Decision = Pick<TaskChange<never, Made>, "to" | "why" | "notes">;

/** Changes the audience's state when its own run is the reason. */
export function checkRun(state: CollectionState, task: CollectionTask, ctx: Ctx): CollectionState {
  const { audience, changing, restsUntil } = state;
  if (audience === undefined || changing || ctx.monotonic < restsUntil) return state;
  if (!isRunning(audience.state)) return state;
  const decision = decide(state);
  return decision === undefined ? state : task.changeItself(state, decision, ctx);
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
  if (outcome?.type === "made") return { to: "finished", why: "done", notes: outcome.made };
  if (state !== "reboot" || !run.stepped) return undefined;
  return { to: "started", why: "what was cut off is in good hands again" };
}
