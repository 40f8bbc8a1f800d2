/** The states of a task: collecting an audience, or pushing a campaign. Named as in the field. */
export const TASK_STATES = [
  "ready",
  "started",
  "finished",
  "failed",
  "stopped",
  "pause",
  "reboot",
] as const;

/**
 * Where a task is. `reboot`: work of a dead worker is being taken up again, healthy workers go
 * on; otherwise it is as `started`.
 */
export type TaskState = (typeof TASK_STATES)[number];

/** What somebody may ask of a task. `start` begins anew and reaches everybody; `resume` goes on. */
export const TASK_COMMANDS = ["start", "resume", "pause", "stop"] as const;

export type TaskCommand = (typeof TASK_COMMANDS)[number];

/** What one command does: from which states, to which, and whether everything is done again. */
interface Rule {
  readonly from: readonly TaskState[];
  readonly to: TaskState;
  readonly newRun: boolean;
}

/** Every change that somebody may ask for. */
const RULES: Readonly<Record<TaskCommand, Rule>> = {
  start: { from: ["ready", "pause", "stopped", "finished", "failed"], to: "started", newRun: true },
  resume: { from: ["pause"], to: "started", newRun: false },
  pause: { from: ["started", "reboot"], to: "pause", newRun: false },
  stop: { from: ["started", "reboot", "pause"], to: "stopped", newRun: false },
};

/** Changes that a task makes by itself, by the state that it is in. */
export const OWN_CHANGES: Readonly<Record<TaskState, readonly TaskState[]>> = {
  ready: [],
  started: ["reboot", "pause", "finished", "failed"],
  reboot: ["started", "pause", "finished", "failed"],
  pause: [],
  stopped: [],
  finished: [],
  failed: [],
};

/** What becomes of a command in a state. */
export type Verdict =
  | { readonly type: "change"; readonly to: TaskState; readonly newRun: boolean }
  /** The state asked for holds already. */
  | { readonly type: "holds" }
  | { readonly type: "refused"; readonly allowed: readonly TaskCommand[] };

export function judge(state: TaskState, command: TaskCommand): Verdict {
  const { from, to, newRun } = RULES[command];
  if (from.includes(state)) return { type: "change", to, newRun };
  // A repeated start must not begin anew what only takes up a dead worker's share.
  if (state === to || (to === "started" && state === "reboot")) return { type: "holds" };
  return { type: "refused", allowed: allowedIn(state) };
}

/** The commands that change something in this state. */
export function allowedIn(state: TaskState): TaskCommand[] {
  return TASK_COMMANDS.filter((command) => RULES[command].from.includes(state));
}

/** Whether workers are at it. */
export function isRunning(state: TaskState): boolean {
  return state === "started" || state === "reboot";
}

/** Whether nothing will be done any more unless somebody starts it again. */
export function isFinal(state: TaskState): boolean {
  return state === "finished" || state === "failed" || state === "stopped";
}
