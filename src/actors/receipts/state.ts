import type { Logger } from "../../core/logger.ts";
import type { Counter, Histogram, Metrics } from "../../core/metrics.ts";
import type { Result } from "../../core/result.ts";
import type { ReceiptOutcome, ReceiptStore } from "../../persistence/ports/receipts.ts";
import type { Context } from "../kernel/actor.ts";
import type { Forward } from "../kernel/answer.ts";
import type { ProviderMessage, ReceiptsMessage } from "./messages.ts";

export interface ReceiptLimits {
  /** Receipts, and registered messages, in one call to the store. Default 2 000. */
  readonly batchMax: number;
  /** Receipts that may wait for the store; more are refused. Default 100 000. */
  readonly waitingMax: number;
  /** Messages that may wait to be registered; more are given up. Default 200 000. */
  readonly registersMax: number;
  /** Pause before the store is tried again, doubled each time. Default 100 to 5 000 ms. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** How long unmatched receipts and provider's names are kept. Default 7 days. */
  readonly keptMs: number;
  /** How often, and how many of them at once, are forgotten. Default 60 000 ms, 5 000. */
  readonly purgeEveryMs: number;
  readonly purgeMax: number;
}

export const RECEIPT_LIMITS: ReceiptLimits = {
  batchMax: 2_000,
  waitingMax: 100_000,
  registersMax: 200_000,
  retryMinMs: 100,
  retryMaxMs: 5_000,
  keptMs: 7 * 86_400_000,
  purgeEveryMs: 60_000,
  purgeMax: 5_000,
};

export interface ReceiptsDeps {
  readonly store: ReceiptStore;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits?: Partial<ReceiptLimits>;
}

/** What the desk is made of, once. */
export interface Desk {
  readonly store: ReceiptStore;
  readonly logger: Logger;
  readonly limits: ReceiptLimits;
  readonly figures: ReceiptFigures;
}

export interface ReceiptFigures {
  readonly receipts: Readonly<Record<ReceiptOutcome, Counter>>;
  readonly matchedLater: Counter;
  readonly registersLost: Counter;
  readonly batch: Histogram;
}

export function receiptFigures(metrics: Metrics): ReceiptFigures {
  const receipts = (outcome: ReceiptOutcome): Counter =>
    metrics.counter("herald_receipts_total", "Receipts by what they told us.", { outcome });
  return {
    receipts: {
      applied: receipts("applied"),
      repeated: receipts("repeated"),
      unmatched: receipts("unmatched"),
    },
    matchedLater: metrics.counter(
      "herald_receipts_matched_later_total",
      "Unmatched receipts that found their item afterwards.",
    ),
    registersLost: metrics.counter(
      "herald_receipts_names_lost_total",
      "Provider's names of messages given up for want of room; their receipts stay unmatched.",
    ),
    batch: metrics.histogram(
      "herald_receipts_batch",
      "Receipts in one call of the store.",
      [1, 4, 16, 64, 256, 1_024, 2_000],
    ),
  };
}

export type ApplyRequest = Extract<ReceiptsMessage, { type: "apply-receipts" }>;

/** One round under way. */
export interface Round {
  readonly requests: readonly ApplyRequest[];
  readonly messages: readonly ProviderMessage[];
}

export interface RoundOutcome {
  readonly applied: Result<readonly ReceiptOutcome[]>;
  readonly registered: Result<number>;
}

/** What waits for the store. Queues are changed in place; a restart begins with new ones. */
export interface ReceiptsState {
  readonly requests: ApplyRequest[];
  /** Receipts in `requests`. */
  receiptsWaiting: number;
  messages: ProviderMessage[];
  busy: boolean;
  /** Calls to register that failed in a row; the next one waits for its timer. */
  failures: number;
  paused: boolean;
}

export function newReceipts(): ReceiptsState {
  return {
    requests: [],
    receiptsWaiting: 0,
    messages: [],
    busy: false,
    failures: 0,
    paused: false,
  };
}

export type Message =
  | ReceiptsMessage
  | { readonly type: "start" }
  | { readonly type: "round-done"; readonly round: Round; readonly outcome: RoundOutcome }
  | { readonly type: "register-again" }
  | { readonly type: "purge" }
  | { readonly type: "purged"; readonly outcome: Result<number> }
  | Forward;

export type Ctx = Context<Message>;
