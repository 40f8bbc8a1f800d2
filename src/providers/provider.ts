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

/**
 * What the provider says of one item.
 *
 * `ok` is final; `handed` means taken and settled later in the provider's own ledger; `refused`
 * is final, too; `retry` was certainly not sent; `unknown` may have been (timeout, reset).
 */
export type ItemStatus = "ok" | "handed" | "refused" | "retry" | "unknown";

export interface ItemResult {
  readonly status: ItemStatus;
  /** For `refused`, `retry` and `unknown`: why, for people. */
  readonly reason?: string | undefined;
  readonly retryAfterMs?: number | undefined;
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
  readonly maxBatch: number;
  /** `key`: a repeated id within `keyTtlMs` is not a second message. */
  readonly idempotency: "none" | "key";
  readonly keyTtlMs: number;
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
  /** Where `handed` items ended so far, for providers that settle later. */
  ledger?(name: string): Promise<Ledger>;
}
