import type { ItemRef } from "../../core/receipt.ts";
import type { Result } from "../../core/result.ts";
import type { PageKey } from "../../persistence/ports/campaign.ts";
import type {
  PageReceipt,
  ProviderMessage,
  Receipt,
  ReceiptCounts,
} from "../../persistence/ports/receipts.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";

export type {
  PageReceipt,
  ProviderMessage,
  Receipt,
  ReceiptCounts,
} from "../../persistence/ports/receipts.ts";

/** The receipts desk is found by this kind and the name `RECEIPTS`. */
export const receiptsKind = kind<ReceiptsMessage>("receipts");

export const RECEIPTS = "receipts-desk";

/** How many of a request's receipts told something new, nothing new, or of nobody we know. */
export interface ReceiptTally {
  readonly applied: number;
  readonly repeated: number;
  readonly unmatched: number;
}

/**
 * What anyone may send to the receipts desk, through which everything that providers tell of
 * messages goes to the store, so that many small requests become few store operations.
 */
export type ReceiptsMessage =
  /** Answered once they are durable. Repeating it, in whatever order, is harmless. */
  | {
      readonly type: "apply-receipts";
      readonly receipts: readonly Receipt[];
      readonly replyTo: Ref<Result<ReceiptTally>>;
    }
  /**
   * What providers call the messages that they were given; receipts that came before find their
   * items by it. Repeated while the store is unavailable, as far as there is room.
   */
  | { readonly type: "register-messages"; readonly messages: readonly ProviderMessage[] }
  /** What this provider told of a page's recipients: they are not in doubt any more. */
  | {
      readonly type: "settled-by-receipt";
      readonly provider: string;
      readonly page: PageKey;
      readonly replyTo: Ref<Result<readonly PageReceipt[]>>;
    }
  /** Everything that was told of one recipient. */
  | {
      readonly type: "read-receipts";
      readonly item: ItemRef;
      readonly replyTo: Ref<Result<readonly Receipt[]>>;
    }
  | {
      readonly type: "count-receipts";
      readonly campaign: string;
      readonly epoch: number;
      readonly replyTo: Ref<Result<ReceiptCounts>>;
    };
