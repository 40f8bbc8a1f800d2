import type { Audience, AudienceSource, Page } from "./audience.ts";
import type { Exclusions } from "./members.ts";

/** How an audience is being collected. Frozen when it begins, so that it can go on anywhere. */
export interface CollectionPlan {
  readonly source: AudienceSource;
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
  /** Of its recipients in page order. */
  readonly hash: string;
}

export interface Collection {
  readonly audience: Audience;
  readonly plan: CollectionPlan;
}

/** Audiences that are being collected, and how far they have come. */
export interface CollectionStore {
  /**
   * Writes the audience, in state `collecting`, and its plan.
   *
   * @throws RuntimeError `store.conflict` when the id is taken.
   */
  begin(audience: Audience, plan: CollectionPlan): Promise<void>;
  /** What has begun and not ended, oldest first: a node that starts goes on with it. */
  open(): Promise<readonly Collection[]>;
  /**
   * Writes a partition's pages and that it is done, in one step. One that is done stays as it is.
   * Returns false when the collection has ended.
   */
  addPart(audience: string, part: CollectionPart, pages: readonly Page[]): Promise<boolean>;
  /** The parts that are done, by partition. */
  parts(audience: string): Promise<readonly CollectionPart[]>;
  /** Replaces the audience's record and forgets plan and parts. Repeating it changes nothing. */
  end(audience: Audience): Promise<void>;
}
