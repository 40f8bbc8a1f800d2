import {
  type ItemRef,
  itemRefOf,
  RECEIPT_STATUSES,
  type ReceiptStatus,
  rankOf,
} from "../../core/receipt.ts";
import type {
  PageReceipt,
  Receipt,
  ReceiptCounts,
  ReceiptOutcome,
  ReceiptStore,
} from "../ports/receipts.ts";
import type { Synchronous } from "../synchronous.ts";

interface Kept {
  receipt: Receipt;
  item: ItemRef | undefined;
  readonly receivedAt: number;
}

interface Memory {
  readonly receipts: Map<string, Kept>;
  readonly messages: Map<string, { readonly item: ItemRef; readonly at: number }>;
}

export function memoryReceipts(): Synchronous<ReceiptStore> {
  const memory: Memory = { receipts: new Map(), messages: new Map() };
  return {
    apply: (receipts, now) => receipts.map((receipt) => apply(memory, receipt, now)),
    register(messages, now) {
      let matched = 0;
      for (const { provider, message, item } of messages) {
        const key = keyOf(provider, message);
        if (!memory.messages.has(key)) memory.messages.set(key, { item: { ...item }, at: now });
        matched += match(memory, key, memory.messages.get(key)!.item);
      }
      return matched;
    },
    ofPage(provider, { campaign, epoch, partition, k }) {
      const kept = [...memory.receipts.values()].filter(({ receipt, item }) => {
        if (receipt.provider !== provider || item?.campaign !== campaign) return false;
        return item.epoch === epoch && item.partition === partition && item.k === k;
      });
      return byIndex(kept);
    },
    ofItem(item) {
      const all = [...memory.receipts.values()].filter((it) => isSame(it.item, item));
      return all.map(({ receipt }) => ({ ...receipt })).sort(inOrder);
    },
    counts(campaign, epoch) {
      const counts = Object.fromEntries(RECEIPT_STATUSES.map((status) => [status, 0]));
      for (const { receipt, item } of memory.receipts.values()) {
        if (item?.campaign !== campaign || item.epoch !== epoch) continue;
        counts[receipt.status] = counts[receipt.status]! + 1;
      }
      return counts as Record<ReceiptStatus, number> satisfies ReceiptCounts;
    },
    purge: (before, limit) => purge(memory, before, limit),
  };
}

function keyOf(...parts: readonly (string | number)[]): string {
  return parts.join("\0");
}

function apply(memory: Memory, receipt: Receipt, now: number): ReceiptOutcome {
  const { provider, message, part } = receipt;
  const key = keyOf(provider, message, part);
  const item = memory.messages.get(keyOf(provider, message))?.item ?? itemRefOf(message);
  const found = memory.receipts.get(key);
  if (found === undefined) {
    memory.receipts.set(key, { receipt: { ...receipt }, item, receivedAt: now });
    return item === undefined ? "unmatched" : "applied";
  }
  const isHigher = rankOf(receipt.status) > rankOf(found.receipt.status);
  if (isHigher || outdoes(receipt, found.receipt)) found.receipt = { ...receipt };
  if (!isHigher) return "repeated";
  return found.item === undefined ? "unmatched" : "applied";
}

/** Whether of two receipts of the same rank the first one counts. */
function outdoes(a: Receipt, b: Receipt): boolean {
  if (a.status !== b.status) return false;
  return a.at !== b.at ? a.at < b.at : Buffer.compare(bytes(a.reason), bytes(b.reason)) < 0;
}

function bytes(text: string): Buffer {
  return Buffer.from(text);
}

function match(memory: Memory, messageKey: string, item: ItemRef): number {
  let matched = 0;
  for (const [key, kept] of memory.receipts) {
    if (kept.item !== undefined || !key.startsWith(`${messageKey}\0`)) continue;
    kept.item = item;
    matched += 1;
  }
  return matched;
}

function byIndex(kept: readonly Kept[]): PageReceipt[] {
  const best = new Map<number, Receipt>();
  for (const { receipt, item } of kept) {
    const known = best.get(item!.index);
    const isBetter =
      known === undefined ||
      rankOf(receipt.status) > rankOf(known.status) ||
      (receipt.status === known.status && receipt.at < known.at);
    if (isBetter) best.set(item!.index, receipt);
  }
  return [...best]
    .map(([index, { status, at }]) => ({ index, status, at }))
    .sort((a, b) => a.index - b.index);
}

function isSame(a: ItemRef | undefined, b: ItemRef): boolean {
  if (a === undefined || a.campaign !== b.campaign || a.epoch !== b.epoch) return false;
  return a.partition === b.partition && a.k === b.k && a.index === b.index;
}

function inOrder(a: Receipt, b: Receipt): number {
  const byName = Buffer.compare(bytes(a.provider), bytes(b.provider));
  return byName || Buffer.compare(bytes(a.message), bytes(b.message)) || a.part - b.part;
}

function purge(memory: Memory, before: number, limit: number): number {
  const receipts = [...memory.receipts]
    .filter(([, { item, receivedAt }]) => item === undefined && receivedAt < before)
    .sort(([, a], [, b]) => a.receivedAt - b.receivedAt)
    .slice(0, limit);
  const messages = [...memory.messages]
    .filter(([, { at }]) => at < before)
    .sort(([, a], [, b]) => a.at - b.at)
    .slice(0, limit);
  for (const [key] of receipts) memory.receipts.delete(key);
  for (const [key] of messages) memory.messages.delete(key);
  return receipts.length + messages.length;
}
