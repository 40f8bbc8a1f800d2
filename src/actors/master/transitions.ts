import type { CampaignCommand, CampaignState } from "./messages.ts";

/** What one command does: from which states, to which, and whether everybody is reached again. */
interface Rule {
  readonly from: readonly CampaignState[];
  readonly to: CampaignState;
  readonly newRun: boolean;
}

/** Every change that somebody may ask for. */
const COMMANDS: Readonly<Record<CampaignCommand, Rule>> = {
  start: { from: ["ready", "stopped", "finished", "failed"], to: "started", newRun: true },
  resume: { from: ["pause"], to: "started", newRun: false },
  pause: { from: ["started"], to: "pause", newRun: false },
  stop: { from: ["started", "pause"], to: "stopped", newRun: false },
};

/** Changes that a master makes by itself; both only from `started`. */
export type RunEnd = "finished" | "failed";

/** What becomes of a command in a state. */
export type Verdict =
  | { readonly type: "change"; readonly to: CampaignState; readonly newRun: boolean }
  /** The state asked for holds already. */
  | { readonly type: "holds" }
  | { readonly type: "refused"; readonly allowed: readonly CampaignCommand[] };

export function judge(state: CampaignState, command: CampaignCommand): Verdict {
  const { from, to, newRun } = COMMANDS[command];
  if (from.includes(state)) return { type: "change", to, newRun };
  if (state === to) return { type: "holds" };
  return { type: "refused", allowed: allowedIn(state) };
}

/** The commands that change something in this state. */
export function allowedIn(state: CampaignState): CampaignCommand[] {
  return (Object.keys(COMMANDS) as CampaignCommand[]).filter((command) =>
    COMMANDS[command].from.includes(state),
  );
}

/** Whether nothing will be sent any more unless somebody starts it again. */
export function isFinal(state: CampaignState): boolean {
  return state === "finished" || state === "failed" || state === "stopped";
}
