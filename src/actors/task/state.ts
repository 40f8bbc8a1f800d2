import type { Result } from "../../core/result.ts";
import type { TaskCommand, TaskState } from "../../core/task.ts";
import type { Ref } from "../kernel/actor.ts";

/** A request to a task. */
export interface Asked {
  readonly type: string;
  readonly replyTo?: Ref<Result<never>> | undefined;
}

/** A request to change a task's state. */
export interface Commanded extends Asked {
  /** `proceed` is the field's word for `resume`. */
  readonly command: TaskCommand | "proceed";
  readonly by: string;
  readonly why: string;
}

/** A change of state on its way to the store. */
export interface TaskChange<Command, Notes> {
  /** Undefined: the task changes it by itself. */
  readonly command: Command | undefined;
  readonly to: TaskState;
  readonly newRun: boolean;
  readonly by: string;
  readonly why: string;
  /** What is written with it; absent: that stays. */
  readonly notes?: Notes | undefined;
}

/** What the actor of every task has in its state. */
export interface TaskFields<Request> {
  readonly id: string;
  readonly loadFailures: number;
  /** What came before it was loaded, or while its state was being changed. */
  readonly stash: readonly Request[];
  /** A change is on its way to the store. */
  readonly changing: boolean;
  /** How often in a row somebody else was faster. */
  readonly conflicts: number;
  /** Before this it changes nothing by itself, in monotonic milliseconds: the store failed. */
  readonly restsUntil: number;
}

export function newTask(id: string): TaskFields<never> {
  return { id, loadFailures: 0, stash: [], changing: false, conflicts: 0, restsUntil: 0 };
}

/** What the actor of every task says to itself, and `wake`: go on with what the store says. */
export type TaskMessage<Command, Notes, Loaded> =
  | { readonly type: "load" | "wake" | "check" | "idle" }
  | { readonly type: "loaded"; readonly outcome: Result<Loaded | undefined> }
  | {
      readonly type: "changed";
      readonly change: TaskChange<Command, Notes>;
      readonly outcome: Result<Loaded>;
    }
  | {
      readonly type: "read-again";
      readonly change: TaskChange<Command, Notes>;
      readonly outcome: Result<Loaded | undefined>;
    };
