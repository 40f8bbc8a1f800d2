import type { TaskChange } from "../task/state.ts";
import type { RunNotes } from "./messages.ts";
import { answerQuiet } from "./quiesce.ts";
import { isThrough, markDone } from "./run.ts";
import type { CampaignTask, Ctx, MasterState } from "./state.ts";
import { lateness, openingsAt } from "./timing.ts";

/** What a run decides by itself. */
type Decision = Pick<TaskChange<never, RunNotes>, "to" | "why" | "notes">;

/**
 * Changes the campaign's state when the run itself is the reason: it is through, cannot go on,
 * takes up what a dead worker held, or its canary is over.
 */
export function checkRun(state: MasterState, task: CampaignTask, ctx: Ctx): MasterState {
  const { run, campaign, changing } = state;
  if (state.quiescing !== undefined) return answerQuiet(state, ctx);
  if (run === undefined || campaign === undefined || changing) return state;
  if (ctx.monotonic < state.restsUntil) return state;
  const decision = decide(state);
  if (decision !== undefined) return task.changeItself(state, decision, ctx);
  if (!isThrough(run)) return state;

  const through = { ...state, run: markDone(run) };
  const { zones, open = [] } = through.run;
  if (zones === undefined) return task.changeItself(through, finished(through), ctx);
  const openings = openingsAt(campaign, zones, ctx.now);
  if (openings.open.some((zone) => !open.includes(zone))) {
    ctx.setTimer("opening", 1, { type: "opening" });
    return through;
  }
  if (openings.waiting.length > 0) return through;
  const { late } = openings;
  if (late.length === 0) return task.changeItself(through, finished(through), ctx);
  const why = lateness(campaign, late, zones.length);
  return task.changeItself(through, { to: "pause", why }, ctx);
}

/** What has to be decided whether the run is through or not. */
function decide({ run, campaign }: MasterState): Decision | undefined {
  if (run === undefined || campaign === undefined) return undefined;
  if (run.fault !== "") return { to: "failed", why: run.fault };
  if (run.verdict !== undefined && campaign.run.canary === "trial") {
    const { passed, why } = run.verdict;
    const canary = passed ? "passed" : "halted";
    const to = passed ? campaign.state : "pause";
    return { to, why, notes: { ...campaign.run, canary } };
  }
  const { state } = campaign;
  if (state === "started" && run.lost.size > 0) return { to: "reboot", why: run.lostWhy };
  if (state === "reboot" && run.prepared && run.lost.size === 0) {
    return { to: "started", why: "everything that was lost is in good hands again" };
  }
  return undefined;
}

function finished({ run }: MasterState): Decision {
  const refusal = run?.refusal ?? "";
  const some = refusal === "" ? "" : `; some were given up, the first because: ${refusal}`;
  return { to: "finished", why: `everybody was dealt with${some}` };
}
