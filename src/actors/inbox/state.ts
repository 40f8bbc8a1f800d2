import type { Outcome } from "../../core/ledger.ts";
import type { Logger } from "../../core/logger.ts";
import type { Counter, Gauge, Histogram, Metrics } from "../../core/metrics.ts";
import type { Result } from "../../core/result.ts";
import type {
  Appended,
  InboxStore,
  NewInboxItem,
  Settlement,
} from "../../persistence/ports/inbox.ts";
import type { Context, Ref } from "../kernel/actor.ts";
import type { InboxMessage, InboxRead } from "./messages.ts";
import type { RoundOutcome } from "./round.ts";

export interface ClerkLimits {
  /** Items, users or settlements in one call to the store. Default 2 000. */
  readonly batchMax: number;
  /** Items that may wait to be appended; more are refused. Default 50 000. */
  readonly appendsMax: number;
  /** Users that may wait for their inbox; more are refused and try again. Default 50 000. */
  readonly readsMax: number;
  /** Settlements that may wait for the store; more are given up. Default 200 000. */
  readonly settlementsMax: number;
  /** Users of whom it is remembered since when items went to no device. Default 100 000. */
  readonly untouchedMax: number;
  /** How often what has expired is settled, and at most how many at once. Default 1 000, 1 000. */
  readonly expireEveryMs: number;
  readonly expireMax: number;
  /** How long ids of settled items are kept, in milliseconds. Default 24 h. */
  readonly keyTtlMs: number;
  /** How often older ones are forgotten, and at most how many at once. Default 10 000, 500. */
  readonly purgeEveryMs: number;
  readonly purgeMax: number;
  /** Pause after the first settling that failed, doubled up to the second. 100 to 10 000 ms. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

export const CLERK_LIMITS: ClerkLimits = {
  batchMax: 2_000,
  appendsMax: 50_000,
  readsMax: 50_000,
  settlementsMax: 200_000,
  untouchedMax: 100_000,
  expireEveryMs: 1_000,
  expireMax: 1_000,
  keyTtlMs: 86_400_000,
  purgeEveryMs: 10_000,
  purgeMax: 500,
  retryMinMs: 100,
  retryMaxMs: 10_000,
};

export interface ClerkDeps {
  readonly store: InboxStore;
  readonly logger: Logger;
  readonly figures: ClerkFigures;
  readonly limits: ClerkLimits;
}

/** What the clerk counts; asked for once. */
export interface ClerkFigures {
  readonly sizes: Readonly<Record<"append" | "read" | "settle", Histogram>>;
  readonly waiting: Readonly<Record<"append" | "read" | "settle", Gauge>>;
  /** Items recorded; a repeated id is not counted again. */
  readonly appended: Counter;
  /** An item that two devices settle counts twice here, and once in its ledger. */
  readonly settled: Readonly<Record<Outcome, Counter>>;
  readonly failures: Counter;
  readonly settlementsLost: Counter;
  readonly expired: Counter;
}

export function clerkFigures(metrics: Metrics): ClerkFigures {
  const sizes = (kind: string): Histogram =>
    metrics.histogram(
      "herald_inbox_batch_entries",
      "Entries in one call of the inbox store.",
      [1, 4, 16, 64, 256, 1_024, 2_000],
      { kind },
    );
  const waiting = (kind: string): Gauge =>
    metrics.gauge("herald_inbox_waiting", "Entries that wait for the inbox store.", { kind });
  const settled = (outcome: string): Counter =>
    metrics.counter("herald_inbox_settlements_total", "Settlements recorded.", { outcome });
  return {
    sizes: { append: sizes("append"), read: sizes("read"), settle: sizes("settle") },
    waiting: { append: waiting("append"), read: waiting("read"), settle: waiting("settle") },
    appended: metrics.counter("herald_inbox_appended_total", "Items recorded in inboxes."),
    settled: {
      delivered: settled("delivered"),
      acked: settled("acked"),
      expired: settled("expired"),
      shed: settled("shed"),
      unknown: settled("unknown"),
    },
    failures: metrics.counter("herald_inbox_failures_total", "Calls that the inbox store failed."),
    settlementsLost: metrics.counter(
      "herald_inbox_settlements_lost_total",
      "Settlements given up; their items stay pending and come again.",
    ),
    expired: metrics.counter("herald_inbox_expired_total", "Items settled as expired."),
  };
}

export interface AppendRequest {
  readonly items: readonly NewInboxItem[];
  readonly priority?: number;
  readonly replyTo?: Ref<Result<readonly Appended[]>> | undefined;
}

/** Who waits for the inbox of one user. */
export type ReadWaiters = Ref<Result<InboxRead>>[];

/** One round under way: who asked for what. */
export interface Round {
  readonly settlements: readonly Settlement[];
  readonly appends: readonly AppendRequest[];
  readonly items: readonly NewInboxItem[];
  readonly reads: ReadonlyMap<string, ReadWaiters>;
  readonly expire: boolean;
  readonly purge: boolean;
}

/**
 * What waits for the store. Queues are changed in place: copying them would cost more than the
 * work. They are made by the first message of a life, so a restart begins with new ones.
 */
export interface ClerkState {
  readonly appends: AppendRequest[];
  reads: Map<string, ReadWaiters>;
  readonly flushes: { readonly replyTo: Ref<Result<number>>; readonly until: number }[];
  /**
   * By user: all items from this offset on came while the user was not here, so that no device
   * was given them. Oldest first; who is not in it may have been given everything.
   */
  readonly untouched: Map<string, number>;
  /** Users that refused what was delivered; they are told to look again. */
  readonly behind: Set<string>;
  settlements: Settlement[];
  /** Items in `appends`. */
  itemsWaiting: number;
  /** Settlements ever taken in, and ever done with. */
  settlementsTaken: number;
  settlementsDone: number;
  /** Settlings that failed in a row; while it is not 0 a timer says when to try again. */
  settleFailures: number;
  settlePaused: boolean;
  busy: boolean;
  expireDue: boolean;
  purgeDue: boolean;
}

export type Message =
  | InboxMessage
  | { readonly type: "start" }
  | { readonly type: "round-done"; readonly round: Round; readonly outcome: RoundOutcome }
  | { readonly type: "settle-again" }
  | { readonly type: "expire" }
  | { readonly type: "purge" }
  | { readonly type: "delivery-refused"; readonly user: string };

export type Ctx = Context<Message>;

export function newClerk(): ClerkState {
  return {
    appends: [],
    reads: new Map(),
    flushes: [],
    untouched: new Map(),
    behind: new Set(),
    settlements: [],
    itemsWaiting: 0,
    settlementsTaken: 0,
    settlementsDone: 0,
    settleFailures: 0,
    settlePaused: false,
    busy: false,
    expireDue: false,
    purgeDue: false,
  };
}
