import type { QuietHours, Schedule } from "../../core/schedule.ts";
import type { SendCounts } from "../../core/send-counts.ts";
import type { TaskState } from "../../core/task.ts";
import type { MessageSpec } from "../../core/variants.ts";
import type { PageId, PageOf, PageRequest } from "./audience.ts";

/** The states of a campaign: those of any task. */
export type CampaignState = TaskState;

/**
 * What happens to a window that was in doubt when its worker died, or whose answer was lost: it
 * is `unknown`; sent again; sent again under the same ids, which the provider recognizes; or
 * receipts are waited for, and those without one are sent again.
 */
export type Guarantee = "at-most-once" | "at-least-once" | "key" | "receipt";

/** At most so many messages for one member, counted over all campaigns that have a cap. */
export interface FrequencyCap {
  readonly max: number;
  readonly perMs: number;
}

/** Sends the first pages alone, and halts by itself when too much of them goes wrong. */
export interface Canary {
  readonly pages: number;
  /**
   * Shares of those it was sent to, from 0 to 1: of what became `unknown` or failed, also when it
   * went at a later attempt; and of what was refused, given up, or had a bad address.
   */
  readonly errorRateMax: number;
  readonly refusalRateMax: number;
}

/** What one campaign sends, to whom, when and how. */
export interface CampaignSpec extends MessageSpec {
  readonly name: string;
  readonly audience: string;
  readonly provider: string;
  readonly topic: string;
  readonly ack: boolean;
  /** How long a message waits for its member, in milliseconds from the moment it is sent. */
  readonly ttlMs: number;
  /** Messages per second over all workers; 0 means no limit. */
  readonly rate: number;
  readonly workers: number;
  /** Recipients per journal window (W), and windows in flight per worker (D). */
  readonly window: number;
  readonly inFlight: number;
  readonly guarantee: Guarantee;
  /** Absent: it goes when it is started. */
  readonly schedule?: Schedule | undefined;
  readonly quietHours?: QuietHours | undefined;
  readonly cap?: FrequencyCap | undefined;
  readonly canary?: Canary | undefined;
  /** A start needs a dry run of the same audience and the same message. */
  readonly requireDryRun?: boolean | undefined;
}

/** What a run remembers beside its pages. */
export interface RunNotes {
  /** When somebody last resumed it; 0: not in this run. What was due before goes, late or not. */
  readonly resumedAt: number;
  /** `overruled`: it had halted, and somebody resumed it. */
  readonly canary: "none" | "trial" | "passed" | "halted" | "overruled";
  /** The request that began it, where it said one: its repetition begins no other run. */
  readonly request?: string | undefined;
}

/** A campaign: its spec, its state and the identity of its present run. */
export interface Campaign extends CampaignSpec {
  readonly id: string;
  readonly state: CampaignState;
  /** Why it is in this state, for people. */
  readonly why: string;
  /** Grows with every `start`; page states belong to one epoch. 0 before the first start. */
  readonly epoch: number;
  /** Grows with every edit, from 1. Pages say which one they were sent with. */
  readonly version: number;
  readonly run: RunNotes;
  readonly createdAt: number;
  readonly changedAt: number;
}

export interface Transition {
  readonly from: CampaignState;
  readonly to: CampaignState;
  readonly epoch: number;
  readonly by: string;
  readonly why: string;
  readonly at: number;
}

/** One edit of a campaign's spec, and the spec after it. */
export interface SpecVersion {
  readonly version: number;
  readonly spec: CampaignSpec;
  readonly by: string;
  readonly why: string;
  readonly at: number;
}

/** Who did something, why, and when. */
export interface Authorship {
  readonly by: string;
  readonly why: string;
  readonly at: number;
}

/** A dry run has shown what a campaign would do. */
export interface Certificate {
  readonly id: string;
  readonly campaign: string;
  readonly audienceHash: string;
  /** See `templateHash` of core/variants.ts. */
  readonly templateHash: string;
  readonly at: number;
  readonly by: string;
}

/** How a recipient ended that was neither delivered, nor handed over, nor in the control group. */
export type ExceptionStatus = "refused" | "invalid" | "unknown" | "capped" | "skipped";

/** Recipients of a page, `[from, to)`, that ended in the same way. */
export interface PageException {
  readonly from: number;
  readonly to: number;
  readonly status: ExceptionStatus;
  /** What decided: `provider`, `retries`, `crash`, `cap`, `variable`, `operator`, ... */
  readonly rule: string;
  /** For people. */
  readonly reason: string;
  readonly providerId?: string | undefined;
}

/** From this index on a page was sent with this version of the spec. */
export interface PageVersion {
  readonly from: number;
  readonly version: number;
}

/**
 * How far a page has come: `[0, done)` settled, `[done, intent)` in doubt, `[intent, size)`
 * untouched. Absent from the store means 0, 0, fence 0.
 */
export interface PageState extends PageId {
  readonly size: number;
  readonly done: number;
  readonly intent: number;
  readonly fence: number;
  readonly owner: string;
  readonly leaseUntil: number;
  readonly counts: SendCounts;
  /** In order; the last one that begins at or before an index is the one it was sent with. */
  readonly versions: readonly PageVersion[];
}

export interface PageKey extends PageId {
  readonly campaign: string;
  readonly epoch: number;
}

/** One journal step of a page; `counts` are added to those stored. */
export interface Advance extends PageKey {
  readonly fence: number;
  readonly done: number;
  readonly intent: number;
  readonly counts: SendCounts;
  /** The same counts by A/B arm; absent for a campaign without arms. */
  readonly arms?: Readonly<Record<string, SendCounts>> | undefined;
  /** Among what this step settles. */
  readonly exceptions?: readonly PageException[] | undefined;
  readonly leaseUntil: number;
}

/** A page that can be had, as a master hands it out. */
export interface OpenPage extends PageId {
  readonly size: number;
  /** The time zone of all its recipients; empty when not known. */
  readonly zone: string;
}

/** A run in figures: the audience's pages and their states in one epoch, added up. */
export interface RunTotals {
  readonly pages: number;
  readonly pagesDone: number;
  readonly recipients: number;
  /** Sum of `done` over the pages: settled one way or another. */
  readonly settled: number;
  /** Sum of `intent - done`. */
  readonly inDoubt: number;
  readonly counts: SendCounts;
  /** By A/B arm; empty for a campaign without arms. */
  readonly arms: Readonly<Record<string, SendCounts>>;
}

/** Everything of campaigns: records, the journal of their pages, and frequency caps. */
export interface CampaignStore extends CampaignRecords, PageJournal {
  /**
   * Counts one message per entry unless its member has had `max` within the last `perMs`;
   * returns which may go. An item that was counted before may go, and is not counted again.
   *
   * What was counted is forgotten after 31 days.
   */
  takeCaps(request: {
    readonly entries: readonly { readonly member: string; readonly item: string }[];
    readonly cap: FrequencyCap;
    readonly now: number;
  }): Promise<readonly boolean[]>;
  /** Takes back what was counted for messages that certainly did not go. */
  returnCaps(request: {
    readonly entries: readonly { readonly member: string; readonly item: string }[];
  }): Promise<void>;
  /** Which of these members have had as many as the cap allows, without counting anything. */
  overCaps(request: {
    readonly members: readonly string[];
    readonly cap: FrequencyCap;
    readonly now: number;
  }): Promise<readonly boolean[]>;
}

/** Campaigns, their versions, certificates, and the log of their transitions. */
export interface CampaignRecords {
  /**
   * Writes the campaign in state `ready` with its first log line and its first version.
   *
   * @throws RuntimeError `store.conflict` when the id is taken.
   */
  create(campaign: Campaign, by: string): Promise<void>;
  read(id: string): Promise<Campaign | undefined>;
  /** Newest first. */
  list(request: PageRequest & { state?: CampaignState | undefined }): Promise<PageOf<Campaign>>;
  /**
   * Changes state and epoch if both still are what was expected, and logs it, in one step.
   * Absent `run`: the run's notes stay.
   *
   * @throws RuntimeError `campaign.unknown`, or `store.conflict` when state or epoch differ.
   */
  transition(
    id: string,
    expected: { readonly state: CampaignState; readonly epoch: number },
    change: Omit<Transition, "from"> & { readonly run?: RunNotes | undefined },
  ): Promise<Campaign>;
  /** Oldest first. */
  log(id: string, request: PageRequest): Promise<PageOf<Transition>>;
  /**
   * Replaces the spec by a new version if state and version still are what was expected.
   *
   * @throws RuntimeError `campaign.unknown`, or `store.conflict` when state or version differ.
   */
  edit(
    id: string,
    expected: { readonly state: CampaignState; readonly version: number },
    change: Authorship & { readonly spec: CampaignSpec },
  ): Promise<Campaign>;
  /**
   * Changes the pace of a campaign, also while it runs: no new version, but a line in its log.
   *
   * @throws RuntimeError `campaign.unknown`, or `store.conflict` when state or epoch differ.
   */
  tune(
    id: string,
    expected: { readonly state: CampaignState; readonly epoch: number },
    change: Authorship & { readonly workers: number; readonly rate: number },
  ): Promise<Campaign>;
  /** Oldest first. */
  versions(id: string, request: PageRequest): Promise<PageOf<SpecVersion>>;
  /** @throws RuntimeError `campaign.unknown`, or `store.conflict` when the id is taken. */
  certify(certificate: Certificate): Promise<void>;
  /** The latest one of a campaign. */
  certificate(campaign: string): Promise<Certificate | undefined>;
}

/** The pages of campaigns: leases, cursors, and what became of recipients. */
export interface PageJournal {
  /**
   * Pages of the campaign's audience not done in this epoch, in page order, after a cursor;
   * only those of `zones`, if given.
   *
   * @throws RuntimeError `campaign.unknown`.
   */
  openPages(
    campaign: string,
    epoch: number,
    request: PageRequest & { readonly zones?: readonly string[] | undefined },
  ): Promise<PageOf<OpenPage>>;
  /**
   * The time zones of the audience's pages, in order, and whether anybody has claimed a page of
   * it in this epoch; pages without one count as the zone "".
   *
   * @throws RuntimeError `campaign.unknown`.
   */
  zones(
    campaign: string,
    epoch: number,
  ): Promise<readonly { readonly zone: string; readonly begun: boolean }[]>;
  /**
   * Open pages that dead workers left: in doubt, and nobody has them or their lease has ended by
   * `now`; or `owner` has them, all of whose workers for this run have ended.
   */
  interrupted(
    campaign: string,
    epoch: number,
    request: {
      readonly limit: number;
      readonly owner?: string | undefined;
      readonly now?: number | undefined;
    },
  ): Promise<readonly OpenPage[]>;
  /**
   * Takes a page in doubt away from everybody, for whoever settles what a run that is over has
   * left: fence + 1, no owner. Undefined when nothing is in doubt, or the lease of another owner
   * is alive.
   */
  seize(
    page: PageKey,
    by: { readonly owner: string; readonly now: number },
  ): Promise<PageState | undefined>;
  /**
   * Takes the lease: when the page is not done and nobody's lease is alive, fence + 1. A lease
   * is alive while `leaseUntil` is greater than `now`, also for its own owner. What is sent from
   * `sendsFrom` on, is sent with `version`.
   *
   * `takesOver`: a lease of this same owner is no obstacle, because whoever held it has ended.
   *
   * Returns undefined when it cannot be had, also when there is no such page, or the campaign is
   * in a later epoch.
   */
  claim(
    page: PageKey,
    lease: {
      readonly owner: string;
      readonly now: number;
      readonly leaseUntil: number;
      readonly version: number;
      readonly sendsFrom: "done" | "intent";
      readonly takesOver?: boolean | undefined;
    },
  ): Promise<PageState | undefined>;
  /**
   * Moves the cursors, adds counts and exceptions, and renews the lease; `leaseUntil` 0 gives it
   * up, and so does the page's last step. Durable when it resolves.
   *
   * The intent may go back, for what was certainly not handed off.
   *
   * @throws RuntimeError `store.fenced` when the fence is not the page's any more, or `done`
   * would go back, or a cursor beyond the page.
   */
  advance(step: Advance): Promise<void>;
  /** @throws RuntimeError `campaign.unknown`. */
  totals(campaign: string, epoch: number): Promise<RunTotals>;
  /** Undefined when nobody has claimed the page in this epoch. */
  pageState(page: PageKey): Promise<PageState | undefined>;
  /** Pages that somebody has claimed, in page order; with `unknown` only those that have some. */
  pageStates(
    campaign: string,
    epoch: number,
    request: PageRequest & { readonly unknown?: boolean | undefined },
  ): Promise<PageOf<PageState>>;
  /** In the order of their indices. */
  exceptions(page: PageKey): Promise<readonly PageException[]>;
  /**
   * Settles recipients that are `unknown`, as delivered, handed over or given up; others are left
   * alone.
   * Returns the indices that were settled: repeating it changes nothing.
   */
  resolve(
    page: PageKey,
    settled: {
      readonly indices: readonly number[];
      readonly as: "delivered" | "handed" | "refused";
      /** The A/B arm that all of them are in, for a campaign with arms. */
      readonly arm?: string | undefined;
      readonly rule: string;
      readonly reason: string;
    },
  ): Promise<readonly number[]>;
  /**
   * Ends every lease whose owner is neither this boot nor begins with it and `#`, and returns how
   * many: a node's start knows that the others are dead.
   */
  releaseOthers(boot: string): Promise<number>;
}
