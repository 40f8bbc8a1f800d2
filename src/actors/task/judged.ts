import { RuntimeError } from "../../core/errors.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { judge, type TaskState, type Verdict } from "../../core/task.ts";
import type { Commanded } from "./state.ts";

/** What a task is called in its errors' codes and texts. */
export type TaskNoun = "audience" | "campaign";

/** What a command does; `holds` is nothing. Fails with `audience.refused`, `campaign.refused`. */
export function judged(
  noun: TaskNoun,
  { id, state }: { readonly id: string; readonly state: TaskState },
  { command }: Pick<Commanded, "command">,
): Result<"holds" | Omit<Extract<Verdict, { type: "change" }>, "type">> {
  const verdict = judge(state, command === "proceed" ? "resume" : command);
  switch (verdict.type) {
    case "holds":
      return ok("holds");
    case "change":
      return ok({ to: verdict.to, newRun: verdict.newRun });
    case "refused": {
      const may = `that allows: ${verdict.allowed.join(", ")}`;
      const text = `${command} refused: ${noun} ${id} is ${state}; ${may}`;
      return fail(new RuntimeError(`${noun}.refused`, text));
    }
  }
}

export function unknownTask(noun: TaskNoun, id: string): RuntimeError {
  return new RuntimeError(`${noun}.unknown`, `there is no ${noun} ${id.slice(0, 64)}`);
}
