import type { RuntimeError } from "../../core/errors.ts";
import type { Result } from "../../core/result.ts";
import type { TaskState } from "../../core/task.ts";
import type { AudienceStore } from "../../persistence/ports/audience.ts";
import type {
  CollectionPlan,
  CollectionRun,
  CollectionStore,
  PullState,
} from "../../persistence/ports/collections.ts";
import type { Exclusions, MemberStore } from "../../persistence/ports/members.ts";
import type { Context, EndReason, Ref } from "../kernel/actor.ts";
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

/** A change of state on its way to the store. */
export interface Change {
  /** Undefined: the collection changes it by itself. */
  readonly command: Command | undefined;
  readonly to: TaskState;
  readonly newRun: boolean;
  readonly by: string;
  readonly why: string;
  /** What the audience has become. */
  readonly made?: Partial<Audience> | undefined;
  /** How often it was decided. */
  readonly attempts: number;
}

/** What the store says of an audience, and of its run if there is one. */
export interface Loaded {
  readonly audience: Audience;
  readonly run: CollectionRun | undefined;
}

export type Message =
  | CollectionMessage
  | PartEnded
  | PullReport
  | { readonly type: "load" }
  | { readonly type: "loaded"; readonly outcome: Result<Loaded | undefined> }
  | { readonly type: "changed"; readonly change: Change; readonly outcome: Result<Loaded> }
  | {
      readonly type: "read-again";
      readonly change: Change;
      readonly outcome: Result<Loaded | undefined>;
    }
  | { readonly type: "sealed"; readonly generation: number; readonly outcome: Result<Made> }
  | { readonly type: "worker-ended"; readonly generation: number; readonly reason: EndReason }
  | { readonly type: "check" }
  | { readonly type: "publish" }
  | { readonly type: "subscriber-ended"; readonly subscriber: Ref<AudienceProgress> }
  | { readonly type: "idle" };

export type Ctx = Context<Message>;

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

export interface CollectionState {
  readonly id: string;
  /** Undefined until it has been read. */
  readonly audience: Audience | undefined;
  readonly run: Run | undefined;
  /** How far a paused run was. */
  readonly held: Pick<Run, "done" | "pull"> | undefined;
  readonly generation: number;
  /** What came before it was read, or while its state was being changed. */
  readonly stash: readonly Request[];
  readonly changing: boolean;
  /** Before this it changes nothing by itself, in monotonic milliseconds: the store failed. */
  readonly restsUntil: number;
  readonly waiting: readonly Wait[];
  readonly subscribers: readonly Ref<AudienceProgress>[];
  /** What subscribers were told last. */
  readonly told: string;
  /** Whether a time to tell them is set. */
  readonly publishing: boolean;
}

export function newCollection(id: string): CollectionState {
  return {
    ...{ id, audience: undefined, run: undefined, held: undefined, generation: 0, stash: [] },
    ...{
      changing: false,
      restsUntil: 0,
      waiting: [],
      subscribers: [],
      told: "",
      publishing: false,
    },
  };
}

/** Ends a run with an error; the first one counts. */
export function withFault(run: Run, error: RuntimeError): Run {
  return { ...run, outcome: run.outcome ?? { type: "failed", why: error.message } };
}
