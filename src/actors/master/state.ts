import type { Result } from "../../core/result.ts";
import type { AudienceStore } from "../../persistence/ports/audience.ts";
import type { CampaignStore } from "../../persistence/ports/campaign.ts";
import type { Provider } from "../../providers/provider.ts";
import type { Context, Ref } from "../kernel/actor.ts";
import type { PageToSend, SpawnWorker, WorkerMessage } from "../worker/messages.ts";
import type { Campaign, CampaignProgress, CampaignState, MasterMessage } from "./messages.ts";
import { type FailureMeter, RateMeter } from "./meters.ts";
import type { PageSupply } from "./page-supply.ts";
import type { Figures } from "./progress.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** What masters are made with; the same for all of a node. */
export interface MasterDeps {
  readonly campaigns: CampaignStore;
  readonly audiences: AudienceStore;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly spawnWorker: SpawnWorker;
}

type Of<Type extends MasterMessage["type"]> = Extract<MasterMessage, { readonly type: Type }>;

export type Command = Of<"command">;
export type Request = Of<"read-campaign" | "command" | "subscribe" | "unsubscribe">;
export type Report<Type extends MasterMessage["type"]> = Of<Type>;

export interface MasterState {
  readonly id: string;
  /** Undefined until it has been read. */
  readonly campaign: Campaign | undefined;
  /** Recipients of its audience. */
  readonly accepted: number;
  readonly loadFailures: number;
  /** What came before the campaign was read, or while its state was being changed. */
  readonly stash: readonly Request[];
  /** A change of state is on its way to the store. */
  readonly changing: boolean;
  readonly run: Run | undefined;
  /** Grows with every run, so that a late report of an earlier one is recognised. */
  readonly generation: number;
  /** Workers of earlier runs that have not ended yet. */
  readonly leaving: number;
  readonly rate: RateMeter | undefined;
  readonly watching: Watching;
  /** The node stops; who is to be told when the last worker has ended. */
  readonly quiescing: Quiescing | undefined;
}

interface Quiescing {
  readonly workers: number;
  readonly askers: readonly Of<"quiesce">[];
}

/**
 * The part of a run that lives in memory; everything that must last is in the store.
 *
 * The meters and the bucket are changed in place, once per window: a crash begins with new ones.
 */
export interface Run {
  readonly supply: PageSupply;
  readonly slots: ReadonlyMap<string, Slot>;
  /** Undefined when the campaign has no rate. */
  readonly bucket: TokenBucket | undefined;
  readonly asks: readonly { readonly worker: string; readonly count: number }[];
  readonly failures: FailureMeter;
  /** Why the run cannot go on; empty while it can. */
  readonly fault: string;
  /** Why a recipient was given up; empty when none was. */
  readonly refusal: string;
}

/** A worker of the present run. */
export interface Slot {
  readonly ref: Ref<WorkerMessage>;
  readonly page: PageToSend | undefined;
  /** It has said that it is ready, and has nothing to do. */
  readonly idle: boolean;
}

/** Who wants to know, and what is known. */
export interface Watching {
  readonly figures: Figures | undefined;
  /** Monotonic milliseconds. */
  readonly readAt: number;
  readonly reading: boolean;
  /** Something changed since the last reading began. */
  readonly dirty: boolean;
  readonly askers: readonly Of<"read-campaign" | "subscribe">[];
  readonly subscribers: readonly Ref<CampaignProgress>[];
  /** The last progress sent, as text without its time. */
  readonly lastSent: string;
}

/** A change of state on its way: asked for by somebody, or by the run itself. */
export interface Change {
  readonly command: Command | undefined;
  readonly to: CampaignState;
  readonly newRun: boolean;
  readonly why: string;
  readonly by: string;
  readonly attempts: number;
}

export type Message =
  | MasterMessage
  | { readonly type: "load" }
  | { readonly type: "loaded"; readonly outcome: Result<Loaded | undefined> }
  | {
      readonly type: "changed";
      readonly change: Change;
      readonly outcome: Result<Loaded>;
    }
  | {
      readonly type: "read-again";
      readonly change: Change;
      readonly outcome: Result<Loaded | undefined>;
    }
  | {
      readonly type: "pages-listed";
      readonly generation: number;
      readonly outcome: Result<{
        readonly items: readonly PageToSend[];
        readonly next: string | undefined;
      }>;
    }
  | { readonly type: "list-pages" }
  | { readonly type: "pages-due" }
  | { readonly type: "permits-due" }
  | { readonly type: "check-run" }
  | { readonly type: "worker-ended"; readonly worker: string }
  | { readonly type: "figures-read"; readonly outcome: Result<Omit<Figures, "accepted">> }
  | { readonly type: "figures-due" }
  | { readonly type: "subscriber-ended"; readonly subscriber: Ref<CampaignProgress> }
  | { readonly type: "idle" };

export interface Loaded {
  readonly campaign: Campaign;
  readonly accepted: number;
}

export type Ctx = Context<Message>;

export function newMaster(id: string): MasterState {
  return {
    id,
    campaign: undefined,
    accepted: 0,
    loadFailures: 0,
    stash: [],
    changing: false,
    run: undefined,
    generation: 0,
    leaving: 0,
    rate: undefined,
    watching: {
      figures: undefined,
      readAt: 0,
      reading: false,
      dirty: false,
      askers: [],
      subscribers: [],
      lastSent: "",
    },
    quiescing: undefined,
  };
}

export function newRate(ctx: Ctx): RateMeter {
  return new RateMeter(ctx.monotonic);
}

/** The pause before trying the store again, in milliseconds. */
export function storePause(failures: number): number {
  return Math.min(5_000, 100 * 2 ** Math.min(failures - 1, 10));
}
