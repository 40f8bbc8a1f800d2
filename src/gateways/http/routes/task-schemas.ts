import { z } from "zod";
import { TASK_STATES, type TaskCommand } from "../../../core/task.ts";
import { answer, byId, count, instant, request, text } from "../schemas.ts";

/** `proceed` is the field's word for `resume`. */
export type CommandName = TaskCommand | "proceed";

export const COMMAND_NAMES = ["start", "pause", "resume", "proceed", "stop"] as const;

export const taskState = z.enum(TASK_STATES);

/** A line of a task's log. */
export function transitionOf(id: string) {
  const states = { from: taskState, to: taskState };
  const rest = { epoch: count, by: z.string(), why: z.string(), at: instant };
  return answer(id, z.object({ ...states, ...rest }));
}

/** Whether a command changed anything; for its answer. */
export const changed = z.boolean().describe("False when it was in that state already.");

const BODIES = {
  audience: commandBody("AudienceCommand", "audience"),
  campaign: commandBody("Command", "campaign"),
};

function commandBody(id: string, noun: string) {
  const why = text(500).default("asked for").describe(`For the ${noun}'s log.`);
  return request(id, z.strictObject({ why }));
}

/** What the routes of all commands have in common. */
export function commandFacts(noun: keyof typeof BODIES, command: CommandName) {
  return {
    method: "POST",
    path: `/v1/${noun}s/{id}/${command}`,
    role: "operator",
    action: `${noun}.${command}`,
    params: byId,
    body: BODIES[noun],
  } as const;
}
