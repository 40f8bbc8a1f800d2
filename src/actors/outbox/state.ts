import type { Logger } from "../../core/logger.ts";
import type { Counter, Gauge, Metrics } from "../../core/metrics.ts";
import type { Result } from "../../core/result.ts";
import type { OutboxLedger, OutboxStore, UploadsRead } from "../../persistence/ports/outbox.ts";
import type { Context } from "../kernel/actor.ts";
import type { Forward } from "../kernel/answer.ts";
import type { OutboxMessage } from "./messages.ts";

export interface OutboxLimits {
  /** Uploads older than this are deleted, whoever has read them, in milliseconds. 7 days. */
  readonly retentionMs: number;
  /** How often it is looked for them, in milliseconds, and how many go at once. 15 000, 1 000. */
  readonly pruneEveryMs: number;
  readonly pruneMax: number;
  /** Requests that may wait for uploads at once; further ones are answered at once. 64. */
  readonly waitersMax: number;
  /** Whoever waits looks at most this often, in milliseconds. 50. */
  readonly lookEveryMs: number;
  /** Characters of payload in one answer. */
  readonly charactersMax: number;
}

export const OUTBOX_LIMITS: OutboxLimits = {
  retentionMs: 604_800_000,
  pruneEveryMs: 15_000,
  pruneMax: 1_000,
  waitersMax: 64,
  lookEveryMs: 50,
  charactersMax: 4_194_304,
};

export interface OutboxDeps {
  readonly store: OutboxStore;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits?: Partial<OutboxLimits>;
}

export interface OutboxFigures {
  readonly read: Counter;
  readonly pruned: Counter;
  readonly ledger: Readonly<Record<keyof OutboxLedger, Gauge>>;
}

export function outboxFigures(metrics: Metrics): OutboxFigures {
  const help = "Uploads by where they are, as of the last look.";
  const state = (name: string) => metrics.gauge("herald_outbox_uploads", help, { state: name });
  return {
    ledger: {
      accepted: state("accepted"),
      acked: state("acked"),
      waiting: state("waiting"),
      pruned: state("pruned"),
    },
    read: metrics.counter("herald_outbox_read_total", "Uploads given to consumers."),
    pruned: metrics.counter("herald_outbox_pruned_total", "Uploads deleted for their age."),
  };
}

/** What the parts of the desk share. */
export interface Desk extends Omit<OutboxDeps, "limits"> {
  readonly limits: OutboxLimits;
  readonly figures: OutboxFigures;
}

export type ReadRequest = Extract<OutboxMessage, { type: "read-uploads" }>;

export interface Waiter {
  readonly request: ReadRequest;
  /** What it was given by its last look: nothing but up to where that was. */
  readonly read: UploadsRead;
  /** In monotonic milliseconds. */
  readonly until: number;
}

/** Changed in place; a restart begins with an empty one, and whoever waited asks again. */
export interface OutboxState {
  /** Requests that found nothing, by a number of the desk's own. */
  waiters: Map<number, Waiter>;
  number: number;
  /** How often it has grown: a look that began before the last time did not see everything. */
  growth: number;
  /** When those who wait last looked, in monotonic milliseconds. */
  lookedAt: number;
  isReleased: boolean;
}

export function newOutbox(): OutboxState {
  return {
    waiters: new Map(),
    number: 0,
    growth: 0,
    lookedAt: Number.NEGATIVE_INFINITY,
    isReleased: false,
  };
}

/** How many were deleted, and where all of them are now. */
export interface Pruned {
  readonly count: number;
  readonly ledger: OutboxLedger;
}

export type Message =
  | OutboxMessage
  | { readonly type: "start" }
  | {
      readonly type: "looked";
      readonly request: ReadRequest;
      readonly until: number;
      readonly growth: number;
      readonly outcome: Result<UploadsRead>;
    }
  | { readonly type: "look" }
  | { readonly type: "waited"; readonly number: number }
  | { readonly type: "prune" }
  | { readonly type: "pruned"; readonly outcome: Result<Pruned> }
  | Forward;

export type Ctx = Context<Message>;
