import type { Condition } from "../../core/condition.ts";
import type { Scalar } from "../../core/member-rules.ts";

/** Somebody who can be reached, and what is known of them. */
export interface Member {
  readonly id: string;
  readonly attributes: Readonly<Record<string, Scalar>>;
  /** In the order of their code units. */
  readonly tags: readonly string[];
  /** A language tag, as `de-AT`. */
  readonly locale?: string;
  /** A name of the IANA time zone database, as `Europe/Vienna`. */
  readonly timeZone?: string;
  readonly lastSeenAt?: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Wants nothing from anybody: no audience takes them. */
  readonly optedOut: boolean;
}

/** What to change of a member, who is made when there is none. What is absent stays. */
export interface MemberChange {
  readonly id: string;
  /** Merged into those there are; null removes one. */
  readonly attributes?: Readonly<Record<string, Scalar | null>>;
  /** Takes the place of all tags. */
  readonly tags?: readonly string[];
  readonly addTags?: readonly string[];
  readonly removeTags?: readonly string[];
  /** Null removes it; so do the next two. */
  readonly locale?: string | null;
  readonly timeZone?: string | null;
  readonly lastSeenAt?: number | null;
}

/** When a member was seen. */
export interface Sighting {
  readonly id: string;
  readonly at: number;
}

/** Who is wanted. */
export interface MemberQuery {
  readonly condition: Condition;
  /** What `lastSeen.within` counts back from. */
  readonly now: number;
  /** The attribute that holds the address to reach members at, when that is not their id. */
  readonly address?: string | undefined;
}

/** Members for whom the condition holds and who are left out all the same; each counts once. */
export interface Exclusions {
  readonly optedOut: number;
  /** The member or their address is suppressed. */
  readonly suppressed: number;
  /** The attribute that the query names as the address is not there, or is no text. */
  readonly noAddress: number;
}

/** Ids that no audience may take, each in one of the lists. */
export interface Blocked {
  readonly optedOut: readonly string[];
  readonly suppressed: readonly string[];
}

export interface MemberCounts extends Exclusions {
  /** Members for whom the condition holds and who are not left out. */
  readonly eligible: number;
}

/** A part of one bucket: at most `limit` members after an id. */
export interface ScanRequest {
  /** 0 to `MEMBER_BUCKETS` - 1. */
  readonly bucket: number;
  readonly after?: string | undefined;
  readonly limit: number;
}

export type ScannedMember = Pick<Member, "id" | "attributes" | "locale" | "timeZone">;

export interface Scan {
  /** Eligible members in the order of `compareText` of their ids. */
  readonly members: readonly ScannedMember[];
  /** Left out among those looked at. */
  readonly excluded: Exclusions;
  /** Give it as `after` to go on; undefined at the end of the bucket. */
  readonly next: string | undefined;
}

/**
 * Members and what is known of them, in buckets by hash.
 *
 * Queries agree with `matches` of `core/condition-matches.ts`. An audience that a condition names
 * and that is not there is empty.
 */
export interface MemberStore {
  /**
   * Makes or changes members, in order; one id may come twice. Durable when it resolves.
   *
   * Returns the places in the list of those that were refused because the member's attributes
   * would take more than `MEMBER_LIMITS.attributesBytesMax`.
   */
  upsert(changes: readonly MemberChange[], at: number): Promise<readonly number[]>;
  read(id: string): Promise<Member | undefined>;
  /** Returns false when there is no such member. */
  remove(id: string): Promise<boolean>;
  /** Makes the member when there is none: an opt-out is never lost. */
  optOut(id: string, change: { readonly optedOut: boolean; readonly at: number }): Promise<void>;
  /** Those of these ids that no audience may take, whoever knows them. */
  blocked(ids: readonly string[]): Promise<Blocked>;
  /** Moves `lastSeenAt` of members that there are, never back; returns how many it moved. */
  seen(sightings: readonly Sighting[]): Promise<number>;
  /** Counts over all buckets; others' calls get their turn in between. */
  count(query: MemberQuery): Promise<MemberCounts>;
  scan(query: MemberQuery, request: ScanRequest): Promise<Scan>;
}
