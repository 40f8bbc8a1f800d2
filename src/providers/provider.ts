import type { Problem } from "../core/errors.ts";
import type { Ledger } from "../core/ledger.ts";

/** One message to one member, ready to go. */
export interface ProviderItem {
  /** Unique per campaign run and recipient: the idempotency key, `campaign:epoch:partition/k:i`. */
  readonly id: string;
  readonly member: string;
  readonly topic: string;
  /** The payload as JSON text, variables filled in. */
  readonly payload: string;
  readonly ack: boolean;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** How one item can end, as far as the provider knows. See `ItemStatus`. */
export const ITEM_STATUSES = [
  "ok",
  "handed",
  "refused",
  "invalid",
  "retry",
  "throttled",
  "unknown",
] as const;

/**
 * What the provider says of one item.
 *
 * Final: `ok`; `handed`, taken and settled later in the provider's own ledger; `refused`;
 * `invalid`, refused because the member's address is bad, so that nobody should try it again.
 * Certainly not sent: `retry`, which was tried and failed; `throttled`, which was not even tried
 * for a reason that is not the item's, see `ThrottleCause`: it costs no attempt.
 * `unknown`: it may have gone (timeout, reset).
 */
export type ItemStatus = (typeof ITEM_STATUSES)[number];

/**
 * Why an item was not even tried: the provider, or the limits around it, take no more now; it
 * cannot be reached or is not set up right; or it was too late, since the sender's lease is over
 * or the sender was stopped, which says nothing of the provider.
 */
export type ThrottleCause = "busy" | "unreachable" | "late";

export interface ItemResult {
  readonly status: ItemStatus;
  /** For all but `ok` and `handed`: why, for people. */
  readonly reason?: string | undefined;
  /** For `retry` and `throttled`: when to try again, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
  /** For `throttled`. Default `busy`. */
  readonly cause?: ThrottleCause | undefined;
  /** What the provider calls this message; receipts may name it so. */
  readonly providerId?: string | undefined;
  /** What it cost, in the provider's own unit. */
  readonly cost?: number | undefined;
  /** For `invalid`: the addresses that are bad. Default: the member's id is. */
  readonly addresses?: readonly string[] | undefined;
}

export interface SendOptions {
  /** The ledger that these items count in. */
  readonly ledger: string;
  /** Monotonic milliseconds: the lease ends then, and nothing may be sent after it. */
  readonly deadline: number;
  readonly fence: number;
  readonly signal: AbortSignal;
}

export interface ProviderCapabilities {
  /** Items in one call. */
  readonly maxBatch: number;
  /** Calls under way at the same time that are of use; more wait. */
  readonly maxInFlight: number;
  /**
   * `key`: a repeated id within `keyTtlMs` is not a second message. `collapse`: it is, but a
   * device shows only the last one.
   */
  readonly idempotency: "none" | "key" | "collapse";
  /** How long ids are recognised, in milliseconds; 0 unless `key`. */
  readonly keyTtlMs: number;
  /** How the provider tells what became of a message: not at all, by calling us, when asked. */
  readonly receipts: "none" | "callback" | "poll";
  /** It sends nothing to anybody: for trials and measurements. */
  readonly dryRun: boolean;
}

/** What a provider is doing, for the live view. */
export interface ProviderState {
  /** Batches under way, and batches that wait for their turn. */
  readonly inFlight: number;
  readonly waiting: number;
  /** Items by what was said of them, since the start of the node. */
  readonly items: Readonly<Record<ItemStatus, number>>;
  /** Time from hand-off to answer, averaged over about the last 20 batches; 0 before the first. */
  readonly latencyMs: number;
  /** Each limit's own figures, by its name: `rate`, `concurrency`, `breaker`. */
  readonly gates: Readonly<Record<string, Readonly<Record<string, number | string>>>>;
}

/** An outside sender, or our own sessions, as a campaign worker sees it. */
export interface Provider {
  readonly name: string;
  readonly capabilities: ProviderCapabilities;
  /**
   * Sends a batch; one result per item, in order. A rejection means that nothing is known about
   * any of them.
   */
  sendBatch(items: readonly ProviderItem[], options: SendOptions): Promise<readonly ItemResult[]>;
  /**
   * What is wrong with a campaign's payload, for providers that take no others; its variables are
   * not filled in yet.
   */
  payloadProblems?(payload: unknown, path: string): readonly Problem[];
  /** Where `handed` items ended so far, for providers that settle later. */
  ledger?(name: string): Promise<Ledger>;
  /** What it is doing now, for providers with limits around them. */
  state?(): ProviderState;
}
