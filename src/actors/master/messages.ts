import type { Ledger } from "../../core/ledger.ts";
import type { Result } from "../../core/result.ts";
import type { PageOf, PageRequest } from "../../persistence/ports/audience.ts";
import type {
  Campaign,
  CampaignSpec,
  CampaignState,
  Transition,
} from "../../persistence/ports/campaign.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";
import type { WorkerReport } from "../worker/messages.ts";

export type {
  Campaign,
  CampaignSpec,
  CampaignState,
  Guarantee,
  Transition,
} from "../../persistence/ports/campaign.ts";

export type CampaignCommand = "start" | "pause" | "resume" | "stop";

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
  /** Messages that may still go after a pause: workers x windows in flight x window. */
  readonly pauseBound: number;
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
      readonly command: CampaignCommand;
      readonly by: string;
      readonly why: string;
      readonly replyTo: Ref<Result<CommandAnswer>>;
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
  /** Gives every campaign that is `started` its master; answers how many. For a node's start. */
  | { readonly type: "recover"; readonly replyTo: Ref<Result<number>> };

/** The campaign desk; there is one. */
export const campaignDeskKind = kind<CampaignMessage>("campaigns");

/** What the desk and the workers say to the master of one campaign. */
export type MasterMessage =
  | Extract<
      CampaignMessage,
      { readonly type: "read-campaign" | "command" | "subscribe" | "unsubscribe" }
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
