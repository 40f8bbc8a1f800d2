import type { ItemRef, ReceiptStatus } from "../../core/receipt.ts";
import type { PageKey } from "./campaign.ts";

/** What a provider told of one part of one message; there is one receipt per part. */
export interface Receipt {
  readonly provider: string;
  /** The item's id, or what the provider calls the message. */
  readonly message: string;
  /** Which part of a message that was cut, from 0. */
  readonly part: number;
  readonly status: ReceiptStatus;
  /** When it happened, in milliseconds since the epoch, by the provider's clock. */
  readonly at: number;
  /** Why it failed; empty when nothing was said. */
  readonly reason: string;
}

/**
 * What became of one receipt: it told something new of a recipient; it told nothing new; or it
 * told something new of a message that nobody knows yet, and is kept until somebody does.
 */
export type ReceiptOutcome = "applied" | "repeated" | "unmatched";

/** What a provider calls the message to a recipient. */
export interface ProviderMessage {
  readonly provider: string;
  readonly message: string;
  readonly item: ItemRef;
}

/** What is known of one recipient of a page: of several parts the highest rank. */
export interface PageReceipt {
  readonly index: number;
  readonly status: ReceiptStatus;
  /** The time of the receipt that counts. */
  readonly at: number;
}

/** Receipts by status; a message of several parts counts for each. */
export type ReceiptCounts = Readonly<Record<ReceiptStatus, number>>;

/**
 * What providers told of messages, in whatever order and however often they tell it.
 *
 * Of two receipts for one part the higher rank counts, then the earlier time, then the smaller
 * reason: so the result does not depend on their order.
 */
export interface ReceiptStore {
  /**
   * Keeps the receipts and says of each, in order, what became of it. One whose message is
   * registered, or is an item's id, is matched; `now` is when it came. Durable when it resolves.
   */
  apply(receipts: readonly Receipt[], now: number): Promise<readonly ReceiptOutcome[]>;
  /**
   * Notes what a provider calls messages, and matches receipts that came before; returns how
   * many. A message that is registered already keeps its recipient.
   */
  register(messages: readonly ProviderMessage[], now: number): Promise<number>;
  /** What this provider told of a page's recipients, by index; nothing of the others. */
  ofPage(provider: string, page: PageKey): Promise<readonly PageReceipt[]>;
  /** Everything told of one recipient, by provider, message and part. */
  ofItem(item: ItemRef): Promise<readonly Receipt[]>;
  counts(campaign: string, epoch: number): Promise<ReceiptCounts>;
  /**
   * Forgets at most `limit` unmatched receipts that came before `before`, and as many registered
   * messages, the oldest first; returns how many of both.
   */
  purge(before: number, limit: number): Promise<number>;
}
