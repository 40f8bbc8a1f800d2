import type { PageId, PageOf, PageRequest } from "./audience.ts";

/** The states of a campaign. Issue 3 adds `reboot`; names are the replaced system's. */
export type CampaignState = "ready" | "started" | "pause" | "stopped" | "finished" | "failed";

/** What happens to a window that was in doubt when its worker died. */
export type Guarantee = "at-most-once" | "at-least-once" | "key";

/** What one campaign sends, and how. Frozen at creation in this version. */
export interface CampaignSpec {
  readonly name: string;
  readonly audience: string;
  readonly provider: string;
  readonly topic: string;
  /** JSON; a string value may hold `{{variable}}` or `{{variable|fallback}}`. */
  readonly payload: unknown;
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
}

/** A campaign: its spec, its state and the identity of its present run. */
export interface Campaign extends CampaignSpec {
  readonly id: string;
  readonly state: CampaignState;
  /** Why it is in this state, for people. */
  readonly why: string;
  /** Grows with every `start`; page states belong to one epoch. 0 before the first start. */
  readonly epoch: number;
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

/** What became of the recipients of a page or a run, as far as its workers know. */
export interface SendCounts {
  /** The provider confirmed that it is done with it. */
  readonly delivered: number;
  /** The provider took it and settles it later in its own ledger. */
  readonly handed: number;
  /** The provider refused it for good. */
  readonly shed: number;
  /** In doubt after a crash or a lost answer. */
  readonly unknown: number;
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
  readonly leaseUntil: number;
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
}

/** Campaigns, the log of their transitions, and the journal of their pages. */
export interface CampaignStore {
  /**
   * Writes the campaign in state `ready` with its first log line.
   *
   * @throws RuntimeError `store.conflict` when the id is taken.
   */
  create(campaign: Campaign, by: string): Promise<void>;
  read(id: string): Promise<Campaign | undefined>;
  /** Newest first. */
  list(request: PageRequest & { state?: CampaignState | undefined }): Promise<PageOf<Campaign>>;
  /**
   * Changes state and epoch if both still are what was expected, and logs it, in one step.
   *
   * @throws RuntimeError `campaign.unknown`, or `store.conflict` when state or epoch differ.
   */
  transition(
    id: string,
    expected: { readonly state: CampaignState; readonly epoch: number },
    change: Omit<Transition, "from">,
  ): Promise<Campaign>;
  /** Oldest first. */
  log(id: string, request: PageRequest): Promise<PageOf<Transition>>;
  /**
   * Pages of the campaign's audience not done in this epoch, in page order, after a cursor.
   *
   * @throws RuntimeError `campaign.unknown`.
   */
  openPages(
    campaign: string,
    epoch: number,
    request: PageRequest,
  ): Promise<PageOf<PageId & { readonly size: number }>>;
  /**
   * Takes the lease: when the page is not done and nobody's lease is alive, fence + 1. A lease
   * is alive while `leaseUntil` is greater than `now`, also for its own owner.
   *
   * Returns undefined when it cannot be had, also when there is no such page, or the campaign is
   * in a later epoch.
   */
  claim(
    page: PageKey,
    lease: { readonly owner: string; readonly now: number; readonly leaseUntil: number },
  ): Promise<PageState | undefined>;
  /**
   * Moves the cursors, adds the counts and renews the lease; `leaseUntil` 0 gives it up, and so
   * does the page's last step. Durable when it resolves.
   *
   * @throws RuntimeError `store.fenced` when the fence is not the page's any more, or the
   * cursors would go back or beyond the page.
   */
  advance(step: Advance): Promise<void>;
  /** @throws RuntimeError `campaign.unknown`. */
  totals(campaign: string, epoch: number): Promise<RunTotals>;
  /**
   * Ends every lease that is not of this owner, and returns how many: a node's start knows that
   * the others are dead.
   */
  releaseOthers(owner: string): Promise<number>;
}
