import type {
  Audience,
  AudienceAt,
  AudienceSource,
  LineError,
  Page,
  SpillChunk,
} from "./audience.ts";
import type { Exclusions } from "./members.ts";

/** How an audience is being collected. Frozen when it begins, so that it can go on anywhere. */
export interface CollectionPlan {
  readonly source: AudienceSource;
  /** The frozen audiences that it reads; none of them may change meanwhile. */
  readonly operands: readonly string[];
  /** A power of two. */
  readonly partitions: number;
  /** What `lastSeen.within` counts back from. */
  readonly now: number;
}

/** A partition that has been collected. */
export interface CollectionPart {
  readonly partition: number;
  readonly size: number;
  readonly pages: number;
  readonly excluded: Exclusions;
  /** Recipients that were left out because they were there already. */
  readonly duplicates: number;
  /** Of its recipients in page order. */
  readonly hash: string;
}

/** How far the pages of a member API have been taken. */
export interface PullState {
  readonly pages: number;
  /** Where the next page is, in the words of the source's paging; empty: the first. */
  readonly cursor: string;
  /** Members that came, also those that were left out. */
  readonly items: number;
  readonly invalid: number;
  readonly isDone: boolean;
}

/** One page of a member API on its way to the heap. */
export interface PulledPage {
  readonly epoch: number;
  /** How far it is with this page. */
  readonly state: PullState;
  readonly chunks: readonly SpillChunk[];
  readonly errors: readonly LineError[];
}

/** What is known of a run, from which it goes on. */
export interface CollectionRun {
  readonly plan: CollectionPlan;
  /** Undefined before the first page. */
  readonly pull: PullState | undefined;
  /** The parts that are done, by partition. */
  readonly parts: readonly CollectionPart[];
}

/** The tasks of collecting audiences: their states, and how far they have come. */
export interface CollectionStore {
  /**
   * Replaces the record of an audience that is `expected`, and writes the change to its log.
   * With a plan it begins anew: pages, parts, heap and errors of before are gone. A state that is
   * final forgets plan, heap and parts, not pages.
   *
   * @throws RuntimeError `audience.unknown`; `store.conflict` when it is not as expected. With a
   * plan: `audience.in-use` when it is finished, and a campaign or collection has it;
   * `audience.not-ready` when one that the plan reads is not finished.
   */
  transition(audience: Audience, expected: AudienceAt, plan?: CollectionPlan): Promise<void>;
  /** The ids of what is `started` or `reboot` and has a plan, oldest first. */
  running(): Promise<readonly string[]>;
  /** Undefined when nothing is begun, or it is over. */
  run(audience: string): Promise<CollectionRun | undefined>;
  /**
   * Writes a partition's pages and that it is done, in one step; its heap is gone. One that is
   * done stays as it is. Returns false when it is not running in this epoch.
   */
  addPart(
    audience: string,
    epoch: number,
    part: CollectionPart,
    pages: readonly Page[],
  ): Promise<boolean>;
  /**
   * Adds a member API's page to the heap and keeps how far it is, in one step. Returns false when
   * it is not running in this epoch, or this page does not follow the last one.
   */
  addPulled(audience: string, page: PulledPage): Promise<boolean>;
}
