import type { RuntimeError } from "../../core/errors.ts";
import type { Result } from "../../core/result.ts";
import type { AudienceStore } from "../../persistence/ports/audience.ts";
import type {
  CollectionPlan,
  CollectionRun,
  CollectionStore,
  PullState,
} from "../../persistence/ports/collections.ts";
import type { Exclusions, MemberStore } from "../../persistence/ports/members.ts";
import type { Context, EndReason, Ref } from "../kernel/actor.ts";
import { newTask, type TaskFields, type TaskMessage } from "../task/state.ts";
import type { Task } from "../task/task.ts";
import type { PartEnded } from "./collect-worker.ts";
import type { Audience, AudienceProgress, CollectionMessage, MemberApi } from "./messages.ts";
import type { PullReport } from "./pull-worker.ts";

/** What collections are made with; the same for all of a node. */
export interface CollectionDeps {
  readonly audiences: AudienceStore;
  readonly collections: CollectionStore;
  readonly members: MemberStore;
  readonly memberApi: MemberApi;
}

type Of<Type extends CollectionMessage["type"]> = Extract<
  CollectionMessage,
  { readonly type: Type }
>;

export type Command = Of<"command-audience">;
export type Wait = Of<"wait-audience">;
export type Look = Of<"read-audience-progress" | "watch-audience">;
export type Request = Command | Wait | Look;

/** What the store says of an audience, and of its run if there is one. */
export interface Loaded {
  readonly audience: Audience;
  readonly run: CollectionRun | undefined;
}

export type Message =
  | CollectionMessage
  | PartEnded
  | PullReport
  | TaskMessage<Command, Made, Loaded>
  | { readonly type: "sealed"; readonly generation: number; readonly outcome: Result<Made> }
  | { readonly type: "worker-ended"; readonly generation: number; readonly reason: EndReason }
  | { readonly type: "publish" }
  | { readonly type: "subscriber-ended"; readonly subscriber: Ref<AudienceProgress> };

export type Ctx = Context<Message>;

export type CollectionTask = Task<CollectionState, Command, Wait | Look, Made, Loaded, Ctx>;

/** What a collection has made of an audience. */
export type Made = Partial<Audience>;

/** How a run ends. */
export type Outcome =
  | { readonly type: "made"; readonly made: Made }
  | { readonly type: "failed"; readonly why: string };

/** Sums over the parts that are done. */
export interface Totals {
  readonly partitions: number;
  readonly size: number;
  readonly duplicates: number;
  readonly excluded: Exclusions;
}

/** The part of a run that lives in memory; what must last is in the store. */
export interface Run {
  /** Tells late reports of workers of an earlier run from those of this one. */
  readonly generation: number;
  readonly epoch: number;
  readonly plan: CollectionPlan;
  readonly pull: PullState;
  readonly workers: readonly Ref<never>[];
  /** Partitions that nobody works on yet. */
  readonly open: readonly number[];
  readonly working: number;
  readonly done: Totals;
  /** What was done when this run began or went on, and when that was. */
  readonly doneBefore: number;
  readonly begunAt: number;
  /** Something was done since then, so that what was cut off is in good hands. */
  readonly stepped: boolean;
  readonly trouble: string;
  readonly sealing: boolean;
  readonly outcome: Outcome | undefined;
}

export interface CollectionState extends TaskFields<Request> {
  /** Undefined until it has been read. */
  readonly audience: Audience | undefined;
  readonly run: Run | undefined;
  /** How far a paused run was. */
  readonly held: Pick<Run, "done" | "pull"> | undefined;
  readonly generation: number;
  readonly waiting: readonly Wait[];
  readonly subscribers: readonly Ref<AudienceProgress>[];
  /** What subscribers were told last. */
  readonly told: string;
  /** Whether a time to tell them is set. */
  readonly publishing: boolean;
}

export function newCollection(id: string): CollectionState {
  return {
    ...newTask(id),
    ...{ audience: undefined, run: undefined, held: undefined, generation: 0 },
    ...{ waiting: [], subscribers: [], told: "", publishing: false },
  };
}

/** Ends a run with an error; the first one counts. */
export function withFault(run: Run, error: RuntimeError): Run {
  return { ...run, outcome: run.outcome ?? { type: "failed", why: error.message } };
}
