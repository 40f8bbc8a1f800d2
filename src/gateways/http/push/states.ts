import type { TaskState } from "../../../core/task.ts";

/** The numbers that old callers know states by. */
export const STATE_NUMBERS: Readonly<Record<TaskState, number>> = {
  ready: 1,
  started: 2,
  stopped: 3,
  finished: 4,
  failed: 5,
  reboot: 6,
  pause: 7,
};
