import type { Result } from "../../core/result.ts";
import type { AudienceStore } from "../../persistence/ports/audience.ts";
import type { CampaignStore } from "../../persistence/ports/campaign.ts";
import type { ReceiptStore } from "../../persistence/ports/receipts.ts";
import type { Provider } from "../../providers/provider.ts";
import type { Context, Ref } from "../kernel/actor.ts";
import { newTask, type TaskFields, type TaskMessage } from "../task/state.ts";
import type { Task } from "../task/task.ts";
import type {
  PageToSend,
  ResendPiece,
  ResendWindow,
  Resent,
  SettleAbandoned,
  SpawnWorker,
  WorkerMessage,
} from "../worker/messages.ts";
import type { Campaign, CampaignProgress, MasterMessage, RunNotes } from "./messages.ts";
import { type FailureMeter, RateMeter } from "./meters.ts";
import type { PageSupply } from "./page-supply.ts";
import type { Figures } from "./progress.ts";
import type { ZoneState } from "./timing.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** What masters are made with; the same for all of a node. */
export interface MasterDeps {
  readonly campaigns: CampaignStore;
  readonly audiences: AudienceStore;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly spawnWorker: SpawnWorker;
  readonly settleAbandoned: SettleAbandoned;
  readonly resendWindow: ResendWindow;
  /** Identity of this boot of the node, which is what its workers' leases are held by. */
  readonly owner: string;
  /** They settle what was in doubt, when they come late. */
  readonly receipts?: Pick<ReceiptStore, "ofPage"> | undefined;
  /** The lease of workers on their pages, in milliseconds. Default 4 000. */
  readonly leaseMs?: number;
}

type Of<Type extends MasterMessage["type"]> = Extract<MasterMessage, { readonly type: Type }>;

export type Command = Of<"command">;
export type Edit = Of<"edit-campaign" | "tune-campaign">;
export type Other = Edit | Of<"read-campaign" | "resend" | "subscribe" | "unsubscribe">;
export type Report<Type extends MasterMessage["type"]> = Of<Type>;

export interface MasterState extends TaskFields<Command | Other> {
  /** Undefined until it has been read. */
  readonly campaign: Campaign | undefined;
  /** Recipients of its audience. */
  readonly accepted: number;
  readonly run: Run | undefined;
  /** The next run may find pages that a dead node left in doubt. */
  readonly resuming: boolean;
  /** Grows with every run, so that a late report of an earlier one is recognised. */
  readonly generation: number;
  /** Workers of earlier runs that have not ended yet. */
  readonly leaving: number;
  /** Runs that are over, and may have left something in doubt. */
  readonly over: readonly Campaign[];
  /** What they left is being settled. */
  readonly settling: boolean;
  /** In their order; a window of the first one is under way. */
  readonly resends: readonly Resend[];
  readonly resending: boolean;
  /** Their rate while no run has one. */
  readonly resendBucket: TokenBucket | undefined;
  readonly rate: RateMeter | undefined;
  readonly watching: Watching;
  /** The node stops; who is to be told when the last worker has ended. */
  readonly quiescing: Quiescing | undefined;
}

/** Recipients who are sent to again because somebody said so; one window at a time. */
export interface Resend {
  readonly request: Report<"resend">;
  readonly isAnswered: boolean;
  readonly pieces: readonly ResendPiece[];
  readonly delivered: number;
  readonly refused: number;
  readonly unknown: number;
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
  /** Workers ever made for it, from which the next one's name follows. */
  readonly workersMade: number;
  /** Undefined when the campaign has no rate. */
  readonly bucket: TokenBucket | undefined;
  readonly asks: readonly { readonly worker: string; readonly count: number }[];
  readonly failures: FailureMeter;
  /** Nothing is handed out before what it begins with has been read. */
  readonly prepared: boolean;
  /** Time zones and which of them have begun; undefined: pages may go at any time. */
  readonly zones: readonly ZoneState[] | undefined;
  /** Those whose pages may go now, in order; undefined: all. */
  readonly open: readonly string[] | undefined;
  /** When the next zone that waits may go, in milliseconds since the epoch; 0: none waits. */
  readonly opensAt: number;
  /** Those whose time has passed by more than the campaign allows, as far as they are left. */
  readonly late: readonly string[];
  /** Grows when the pages to list become others. */
  readonly listings: number;
  /** Pages that a dead worker held, and that nobody has taken up yet, by `partition/k`. */
  readonly lost: ReadonlySet<string>;
  /** When workers were looked after last, in monotonic milliseconds. */
  readonly lookedAt: number;
  /** Why there are lost pages. */
  readonly lostWhy: string;
  /** Why the run cannot go on; empty while it can. */
  readonly fault: string;
  /** What the canary has shown, once it is over. */
  readonly verdict: CanaryVerdict | undefined;
  /** Why a recipient was given up; empty when none was. */
  readonly refusal: string;
}

export interface CanaryVerdict {
  readonly passed: boolean;
  readonly why: string;
}

/** A worker of the present run. */
export interface Slot {
  readonly ref: Ref<WorkerMessage>;
  readonly page: PageToSend | undefined;
  /** It has said that it is ready, and has nothing to do. */
  readonly idle: boolean;
  /** It has said that it holds the page. */
  readonly held: boolean;
  /** It only looks for receipts: somebody else goes on meanwhile. */
  readonly waits: boolean;
  readonly done: number;
  readonly intent: number;
  /** Recipients that it has settled in this run, as far as this master knows. */
  settled: number;
  /** When its oldest window under way was handed off, in monotonic milliseconds. */
  readonly oldestAt: number | undefined;
  /** When it was last heard of, in monotonic milliseconds. */
  readonly seenAt: number;
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
  /** Up to which page late receipts have been looked for. */
  readonly unknownAfter: string | undefined;
  /** The last progress sent, as text without its time. */
  readonly lastSent: string;
}

export type Message =
  | MasterMessage
  | TaskMessage<Command, RunNotes, Loaded>
  | {
      readonly type: "edited";
      readonly request: Edit;
      readonly outcome: Result<Loaded>;
    }
  | {
      readonly type: "prepared";
      readonly generation: number;
      readonly outcome: Result<Prepared>;
    }
  | { readonly type: "prepare" }
  | {
      readonly type: "pages-listed";
      readonly generation: number;
      readonly listing: number;
      readonly outcome: Result<Listed>;
    }
  | { readonly type: "opening" }
  | { readonly type: "look-after" }
  | { readonly type: "list-pages" }
  | { readonly type: "pages-due" }
  | { readonly type: "permits-due" }
  | { readonly type: "worker-ended"; readonly worker: string }
  | { readonly type: "figures-read"; readonly outcome: Result<FiguresRead> }
  | { readonly type: "figures-due" }
  | { readonly type: "subscriber-ended"; readonly subscriber: Ref<CampaignProgress> }
  | { readonly type: "resend-due" }
  | { readonly type: "resent"; readonly outcome: Result<Resent> }
  | { readonly type: "answer-resends" }
  | { readonly type: "settle-over" }
  | { readonly type: "over-settled"; readonly epochs: number; readonly outcome: Result<void> };

/** What was read of a campaign's figures. */
export interface FiguresRead extends Omit<Figures, "accepted"> {
  readonly unknownAfter: string | undefined;
}

export interface Loaded {
  readonly campaign: Campaign;
  readonly accepted: number;
}

/** What a run begins with. */
export interface Prepared {
  readonly zones: readonly ZoneState[] | undefined;
  /** Pages that a dead node left in doubt. */
  readonly interrupted: readonly PageToSend[];
}

export interface Listed {
  readonly items: readonly PageToSend[];
  readonly next: string | undefined;
  /** Read with the pages of a canary. */
  readonly canary?: CanaryVerdict | undefined;
}

export type Ctx = Context<Message>;

export type CampaignTask = Task<MasterState, Command, Other, RunNotes, Loaded, Ctx>;

export function newMaster(id: string): MasterState {
  return {
    ...newTask(id),
    campaign: undefined,
    accepted: 0,
    run: undefined,
    resuming: true,
    generation: 0,
    leaving: 0,
    over: [],
    settling: false,
    resends: [],
    resending: false,
    resendBucket: undefined,
    rate: undefined,
    watching: {
      figures: undefined,
      readAt: 0,
      reading: false,
      dirty: false,
      askers: [],
      subscribers: [],
      unknownAfter: undefined,
      lastSent: "",
    },
    quiescing: undefined,
  };
}

export function newRate(ctx: Ctx): RateMeter {
  return new RateMeter(ctx.monotonic);
}
