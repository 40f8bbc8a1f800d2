/**
 * What a provider may tell of a message later, each outranking those before it.
 *
 * `failed` outranks `accepted`, since it comes after it; `delivered` outranks `failed`, since a
 * message that arrived has not failed, whatever was said in between.
 */
export const RECEIPT_STATUSES = ["accepted", "failed", "delivered", "opened", "clicked"] as const;

export type ReceiptStatus = (typeof RECEIPT_STATUSES)[number];

/** Of two receipts for one message the one with the higher rank counts. From 1. */
export function rankOf(status: ReceiptStatus): number {
  return RECEIPT_STATUSES.indexOf(status) + 1;
}

/** The inverse of `rankOf`. */
export function statusOfRank(rank: number): ReceiptStatus {
  return RECEIPT_STATUSES[rank - 1]!;
}

/** One recipient of one campaign run. */
export interface ItemRef {
  readonly campaign: string;
  readonly epoch: number;
  readonly partition: number;
  readonly k: number;
  /** Position in the page. */
  readonly index: number;
}

const NUMBER = "(0|[1-9]\\d{0,8})";
const ITEM_ID = new RegExp(`^(\\S{1,128}):${NUMBER}:${NUMBER}/${NUMBER}:${NUMBER}$`);

/** Whom an item's id names, `campaign:epoch:partition/k:index`; undefined for any other text. */
export function itemRefOf(id: string): ItemRef | undefined {
  const [, campaign, ...numbers] = ITEM_ID.exec(id) ?? [];
  if (campaign === undefined) return undefined;
  const [epoch, partition, k, index] = numbers.map(Number) as [number, number, number, number];
  return { campaign, epoch, partition, k, index };
}
