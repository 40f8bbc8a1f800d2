import type { Ledger } from "../../core/ledger.ts";
import type { Result } from "../../core/result.ts";
import type { SendCounts } from "../../core/send-counts.ts";
import type { TaskCommand } from "../../core/task.ts";
import type { PageId, PageOf, PageRequest } from "../../persistence/ports/audience.ts";
import type {
  Campaign,
  CampaignSpec,
  CampaignState,
  SpecVersion,
  Transition,
} from "../../persistence/ports/campaign.ts";
import type { ProviderState } from "../../providers/provider.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";
import type { Resent, WorkerReport } from "../worker/messages.ts";

export type {
  Campaign,
  CampaignSpec,
  CampaignState,
  Guarantee,
  RunNotes,
  SpecVersion,
  Transition,
} from "../../persistence/ports/campaign.ts";

export type CampaignCommand = TaskCommand;

/** Optional parts of a spec, which an edit may take away. */
export type OptionalPart =
  | "locales"
  | "link"
  | "arms"
  | "controlPercent"
  | "schedule"
  | "quietHours"
  | "cap"
  | "canary"
  | "requireDryRun";

/** What a worker is doing. */
export interface WorkerStatus {
  readonly name: string;
  /** `resting`: it has no page; there may be none for it. */
  readonly state: "resting" | "claiming" | "sending";
  readonly page: (PageId & { readonly size: number; readonly zone: string }) | undefined;
  readonly done: number;
  readonly intent: number;
  /** Recipients that it has settled since it was made. */
  readonly settled: number;
  /** Since it was last heard of, in milliseconds. */
  readonly silentMs: number;
}

/** A campaign's present run in figures. */
export interface CampaignProgress {
  readonly id: string;
  readonly state: CampaignState;
  readonly why: string;
  readonly epoch: number;
  /** Recipients of the frozen audience. */
  readonly collected: number;
  /** Recipients that a worker has dealt with, one way or another. */
  readonly sent: number;
  readonly acked: number;
  /** Taken by the inbox and not yet settled: unconfirmed, or their member is away. */
  readonly inInbox: number;
  /** Messages per second over the last seconds. */
  readonly rate: number;
  /** Until everything is sent at this rate, in milliseconds; -1 when it cannot be said. */
  readonly etaMs: number;
  /**
   * Messages that may still go after a pause: workers x windows in flight x window; twice that
   * with the guarantee `receipt`, see `holdersMax`.
   */
  readonly pauseBound: number;
  readonly version: number;
  /** What became of the recipients that workers have dealt with. */
  readonly counts: SendCounts;
  /** The same by A/B arm; empty for a campaign without arms. */
  readonly arms: Readonly<Record<string, SendCounts>>;
  readonly workerStates: readonly WorkerStatus[];
  /** For a provider with limits around it. */
  readonly provider?: ProviderState | undefined;
  /** How long the oldest window has been with the provider, in milliseconds; 0: none is. */
  readonly oldestWindowMs: number;
  /** When pages that wait for their time may go; 0: none waits. */
  readonly opensAt: number;
  /** Time zones that are too late to go by themselves, `` for none; absent: there are none. */
  readonly lateZones?: readonly string[] | undefined;
  readonly ledger: Ledger;
  /** `accepted` minus the rest; anything but 0 is a fault. */
  readonly ledgerGap: number;
  readonly workers: number;
  readonly at: number;
}

/** A command's honest answer: what it was, what it is, and whether this command changed it. */
export interface CommandAnswer {
  readonly before: CampaignState;
  readonly campaign: Campaign;
  readonly changed: boolean;
}

/** What anyone may send to the campaign desk, which knows every campaign. */
export type CampaignMessage =
  | {
      readonly type: "create-campaign";
      /** Its id. When there is one with it, that is the answer, and nothing is made. */
      readonly id?: string;
      readonly spec: CampaignSpec;
      readonly by: string;
      readonly replyTo: Ref<Result<Campaign>>;
    }
  | {
      readonly type: "read-campaign";
      readonly id: string;
      readonly replyTo: Ref<Result<{ campaign: Campaign; progress: CampaignProgress }>>;
    }
  | {
      readonly type: "list-campaigns";
      readonly request: PageRequest & { readonly state?: CampaignState | undefined };
      readonly replyTo: Ref<Result<PageOf<Campaign>>>;
    }
  | {
      readonly type: "read-log";
      readonly id: string;
      readonly request: PageRequest;
      readonly replyTo: Ref<Result<PageOf<Transition>>>;
    }
  | {
      readonly type: "command";
      readonly id: string;
      /** `proceed` is the field's word for `resume`. */
      readonly command: CampaignCommand | "proceed";
      /** Which request it is of: the run that a start of it began is not begun again. */
      readonly request?: string;
      readonly by: string;
      readonly why: string;
      readonly replyTo: Ref<Result<CommandAnswer>>;
    }
  /**
   * Changes what a campaign that does not run sends: a new version. While it is paused, its
   * audience, provider and guarantee stay. Fails with `campaign.refused`, `campaign.invalid`, or
   * `campaign.conflict` when the version is not `expectedVersion`.
   */
  | {
      readonly type: "edit-campaign";
      readonly id: string;
      readonly changes: Partial<CampaignSpec>;
      readonly removes: readonly OptionalPart[];
      readonly expectedVersion: number | undefined;
      readonly by: string;
      readonly why: string;
      readonly replyTo: Ref<Result<Campaign>>;
    }
  /** Changes the number of workers and the rate, also while it runs. Absent: as it is. */
  | {
      readonly type: "tune-campaign";
      readonly id: string;
      readonly workers: number | undefined;
      readonly rate: number | undefined;
      readonly by: string;
      readonly why: string;
      readonly replyTo: Ref<Result<Campaign>>;
    }
  /**
   * Sends again to recipients who are unknown, at the campaign's rate and within its other limits;
   * who is not unknown any more is left alone. Answered when it is through, or after a few seconds
   * with what came of it so far: the rest goes on, and is lost with a crash, so still unknown.
   * Fails with `gateway.busy`.
   */
  | {
      readonly type: "resend";
      readonly id: string;
      readonly pages: readonly { readonly page: PageId; readonly indices: readonly number[] }[];
      readonly replyTo: Ref<Result<Omit<Resent, "named">>>;
    }
  | {
      readonly type: "list-versions";
      readonly id: string;
      readonly request: PageRequest;
      readonly replyTo: Ref<Result<PageOf<SpecVersion>>>;
    }
  /** Sends progress at once, then twice a second while it changes, and at every transition. */
  | {
      readonly type: "subscribe";
      readonly id: string;
      readonly subscriber: Ref<CampaignProgress>;
      readonly replyTo: Ref<Result<CampaignProgress>>;
    }
  | {
      readonly type: "unsubscribe";
      readonly id: string;
      readonly subscriber: Ref<CampaignProgress>;
    }
  /** Gives every campaign that runs its master; answers how many. For a node's start. */
  | { readonly type: "recover"; readonly replyTo: Ref<Result<number>> };

/** The campaign desk; there is one. */
export const campaignDeskKind = kind<CampaignMessage>("campaigns");

/** What the desk and the workers say to the master of one campaign. */
export type MasterMessage =
  | Extract<
      CampaignMessage,
      {
        readonly type:
          | "read-campaign"
          | "command"
          | "edit-campaign"
          | "tune-campaign"
          | "resend"
          | "subscribe"
          | "unsubscribe";
      }
    >
  /** Go on with what the store says. */
  | { readonly type: "wake" }
  /**
   * The node stops: finish what is in flight, and begin nothing. The campaign stays `started`.
   * Answers, with the number of workers that were busy, when everything is journalled.
   */
  | { readonly type: "quiesce"; readonly replyTo: Ref<Result<number>> }
  | WorkerReport;

/** The master of a campaign, by the campaign's id. */
export const campaignKind = kind<MasterMessage>("campaign");

/** The ledger that the items of a campaign's present run count in. */
export function ledgerName(campaign: Pick<Campaign, "id" | "epoch">): string {
  return `campaign:${campaign.id}:${campaign.epoch}`;
}
