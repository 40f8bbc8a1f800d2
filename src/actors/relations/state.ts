import type { Logger } from "../../core/logger.ts";
import type { Counter, Histogram, Metrics } from "../../core/metrics.ts";
import type { NewId } from "../../core/random.ts";
import type { Reach } from "../../core/relations.ts";
import type { Result } from "../../core/result.ts";
import type { AuditStore } from "../../persistence/ports/audit.ts";
import type { Appended } from "../../persistence/ports/inbox.ts";
import type {
  Announcement,
  Board,
  RelationChanged,
  RelationStore,
} from "../../persistence/ports/relations.ts";
import type { Context, Ref } from "../kernel/actor.ts";
import type { Forward } from "../kernel/answer.ts";
import type { RelationsMessage } from "./messages.ts";

/** What the relations desk works with. */
export interface RelationsDeps {
  readonly relations: RelationStore;
  readonly audit: Pick<AuditStore, "append">;
  /** Whether a board may choose its owner, as somebody was asked, or nobody need be; absent: no. */
  readonly boardsBind?: boolean;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits?: Partial<RelationsLimits> | undefined;
}

export interface RelationsLimits {
  /** Principals in one store operation. Default 1 000. */
  readonly batchMax: number;
  /** Principals whose reach may be waited for at once; more are refused. Default 50 000. */
  readonly readsMax: number;
  /** How often the instants at which principals were seen are stored. Default 60 000 ms. */
  readonly seenEveryMs: number;
  /** Principals whose instant waits to be stored; more are lost. Default 100 000. */
  readonly seenMax: number;
  /** How long a status event waits for whoever is away. Default 7 days. */
  readonly statusTtlMs: number;
  /** Boards whose secret's version is kept in memory; the oldest go first. Default 100 000. */
  readonly secretsMax: number;
  /** Announcements that are told in one go. Default 100. */
  readonly announcementsMax: number;
  /** How long the inbox clerk may take. Default 10 000 ms. */
  readonly askMs: number;
  /** Pause after the first failure, doubled with each further one. Default 200 to 30 000 ms. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

export const RELATIONS_LIMITS: RelationsLimits = {
  batchMax: 1_000,
  readsMax: 50_000,
  seenEveryMs: 60_000,
  seenMax: 100_000,
  statusTtlMs: 604_800_000,
  secretsMax: 100_000,
  announcementsMax: 100,
  askMs: 10_000,
  retryMinMs: 200,
  retryMaxMs: 30_000,
};

export interface RelationsFigures {
  readonly changes: Counter;
  readonly told: Counter;
  readonly reads: Histogram;
  readonly seenLost: Counter;
}

export function relationsFigures(metrics: Metrics): RelationsFigures {
  return {
    changes: metrics.counter("herald_relation_changes_total", "Changes of relations made."),
    told: metrics.counter("herald_status_events_total", "Status events put into an inbox."),
    reads: metrics.histogram(
      "herald_relations_reach_batch",
      "Principals whose reach was read in one store operation.",
      [1, 4, 16, 64, 256, 1_000],
    ),
    seenLost: metrics.counter("herald_relations_seen_lost_total", "Last-seen instants given up."),
  };
}

export type ChangeRequest = Extract<RelationsMessage, { type: "change" }>;
export type ReachWaiters = Ref<Result<Reach>>[];

/** Changed in place; a restart begins with an empty one. */
export interface RelationsState {
  /** Who waits for whose reach, by principal. */
  reads: Map<string, ReachWaiters>;
  /** Whether a batch of reads is with the store. */
  isReading: boolean;
  /**
   * Principals that are here and whose new reach could not be read. As many at most as there are
   * user actors.
   */
  stale: Set<string>;
  seen: Map<string, number>;
  /** The versions of boards' secrets, by board. */
  secrets: Map<string, number>;
  /** Grows with every secret that ends: what was read before that is not believed after it. */
  rotations: number;
  /** How often in a row reading for the stale, and telling, have failed. */
  failures: { refresh: number; tell: number };
}

export function newRelations(): RelationsState {
  return {
    reads: new Map(),
    isReading: false,
    stale: new Set(),
    seen: new Map(),
    secrets: new Map(),
    rotations: 0,
    failures: { refresh: 0, tell: 0 },
  };
}

export type Message =
  | RelationsMessage
  | { readonly type: "start" }
  | {
      readonly type: "changed";
      readonly request: ChangeRequest;
      readonly outcome: Result<RelationChanged>;
    }
  /** The new views of whoever is here; `request` and `announcement` are those of the change. */
  | {
      readonly type: "refreshed";
      readonly principals: readonly string[];
      readonly request: ChangeRequest;
      readonly announcement: Announcement | undefined;
      readonly outcome: Result<readonly Reach[]>;
    }
  | {
      readonly type: "told";
      readonly announcements: readonly Announcement[];
      readonly request: ChangeRequest | undefined;
      readonly outcome: AppendOutcome;
    }
  /** Looks for what has not been announced. */
  | { readonly type: "tell" }
  | { readonly type: "found"; readonly outcome: Result<readonly Announcement[]> }
  | {
      readonly type: "reaches-read";
      readonly reads: ReadonlyMap<string, ReachWaiters>;
      readonly outcome: Result<readonly Reach[]>;
    }
  | { readonly type: "refresh-stale" }
  | {
      readonly type: "sessions-listed";
      readonly request: Extract<RelationsMessage, { type: "kick" }>;
      readonly outcome: Result<readonly { readonly device: string }[]>;
    }
  | {
      readonly type: "secret-read";
      readonly request: Extract<RelationsMessage, { type: "secret-version" }>;
      readonly rotations: number;
      readonly outcome: Result<Board | undefined>;
    }
  | {
      readonly type: "stale-read";
      readonly principals: readonly string[];
      readonly outcome: Result<readonly Reach[]>;
    }
  | { readonly type: "store-seen" }
  | Forward<Ctx>;

export type AppendOutcome = Result<readonly Appended[]>;
export type Ctx = Context<Message>;

/** What the parts of the desk share. */
export interface Desk extends RelationsDeps {
  readonly limits: RelationsLimits;
  readonly figures: RelationsFigures;
}
