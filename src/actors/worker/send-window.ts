import type { Clock } from "../../core/clock.ts";
import type { Message } from "../../core/variants.ts";
import type { Campaign, CampaignStore } from "../../persistence/ports/campaign.ts";
import type { ReceiptStore } from "../../persistence/ports/receipts.ts";
import type { Suppression } from "../../persistence/ports/suppressions.ts";
import type { ItemResult, Provider } from "../../providers/provider.ts";
import { ledgerName } from "../master/messages.ts";
import { type Blocked, withoutBlocked } from "./blocked.ts";
import { armsOf, buildItems, type Numbered } from "./items.ts";
import type { PageRun, SendWindow } from "./page-run.ts";
import { type Settled, Tally } from "./results.ts";

/** A recipient of whom nothing is known. */
export interface Doubt {
  readonly index: number;
  readonly reason: string;
  readonly providerId?: string | undefined;
}

/** What must not be sent to again. */
export interface BadAddress extends Pick<Suppression, "kind" | "value" | "why"> {}

/** What one hand-off of a window brought. */
export interface Attempt {
  readonly settled: Settled;
  /** Indices that certainly did not go, though they were tried. */
  readonly retry: readonly number[];
  /** Indices that were not even tried. */
  readonly throttled: readonly number[];
  /** Recipients of whom nothing is known, because their batch was rejected. */
  readonly doubtful: readonly Doubt[];
  /** Recipients of whom the provider itself knows nothing. */
  readonly lost: readonly Doubt[];
  /** Indices for which receipts still have to be asked for. */
  readonly awaits: readonly number[];
  /** Why a batch was rejected; empty when none was. */
  readonly rejected: string;
  /** Why a recipient was refused or has to be tried again; empty when there is none. */
  readonly refusal: string;
  readonly retryReason: string;
  /** How long the provider asks to wait. */
  readonly retryAfterMs: number;
  /** The provider was given something. */
  readonly asked: boolean;
  /** The lease's deadline had passed, and nothing was handed off. */
  readonly late: boolean;
  /** Bad addresses, and why: members, or what the provider names instead. */
  readonly invalid: readonly BadAddress[];
  /** What the provider calls messages; receipts may name them so. */
  readonly named: readonly { readonly index: number; readonly message: string }[];
}

/** What a hand-off needs. */
export interface HandOff {
  readonly provider: Provider;
  readonly clock: Clock;
  readonly campaign: Campaign;
  readonly message: Message;
  readonly run: PageRun;
  readonly window: SendWindow;
  readonly signal: AbortSignal;
  readonly caps: Pick<CampaignStore, "takeCaps" | "returnCaps">;
  readonly receipts: Pick<ReceiptStore, "ofPage"> | undefined;
  readonly blocked: Blocked;
}

/** How long a window waits when the store cannot be asked before it is sent. */
const STORE_AGAIN_MS = 500;

/**
 * Hands a window to the provider, in as many batches as the provider needs. Never rejects.
 *
 * The deadline is checked immediately before each batch: a worker that was frozen longer than
 * its lease must not send, and the fence in the store cannot call back what has gone.
 */
export async function sendWindow(job: HandOff): Promise<Attempt> {
  const { window, run, campaign, message } = job;
  const notes = newNotes(new Tally(armsOf(campaign, message, run.recipients)));
  const left = window.left ?? range(window.from, window.to);
  const open = await withoutReceipts(job, left, notes);
  const { items, refusal } = buildItems(job, open, job.clock.now(), notes.tally);
  notes.refusal = refusal;
  const { doubtUntil } = run;
  const wanted = withoutBlocked(job.blocked, items, { tally: notes.tally, doubtUntil });
  const allowed = await underCap(job, wanted, notes);
  const { maxBatch } = job.provider.capabilities;
  for (let start = 0; start < allowed.length; start += maxBatch) {
    const batch = allowed.slice(start, start + maxBatch);
    // The worker that wanted it has ended: nobody would hear what became of it.
    const halted = notes.late || notes.rejected !== "" || job.signal.aborted;
    if (halted || job.clock.monotonic() >= job.run.deadline) {
      notes.late ||= !halted;
      for (const { index } of batch) notes.throttled.push(index);
      continue;
    }
    await sendBatch(job, batch, notes);
  }
  await returnCaps(job, allowed, notes);
  const { tally, refused: _, ...rest } = notes;
  return { settled: tally.settled, ...rest };
}

interface Notes {
  readonly tally: Tally;
  readonly retry: number[];
  readonly throttled: number[];
  readonly doubtful: Doubt[];
  readonly lost: Doubt[];
  readonly awaits: number[];
  readonly invalid: BadAddress[];
  readonly refused: number[];
  readonly named: { index: number; message: string }[];
  rejected: string;
  refusal: string;
  retryReason: string;
  retryAfterMs: number;
  asked: boolean;
  late: boolean;
}

function newNotes(tally: Tally): Notes {
  return {
    ...{ tally, retry: [], throttled: [], doubtful: [], lost: [], awaits: [], invalid: [] },
    ...{ refused: [], named: [], rejected: "", refusal: "", retryReason: "" },
    ...{ retryAfterMs: 0, asked: false, late: false },
  };
}

/**
 * Settles those that may have gone and have a receipt. The rest is to be sent, once receipts have
 * been waited for long enough.
 */
async function withoutReceipts(
  { receipts, provider, campaign, run, window, clock }: HandOff,
  left: readonly number[],
  notes: Notes,
): Promise<readonly number[]> {
  if (window.awaits.length === 0 || receipts === undefined) return left;
  const { partition, k } = run.page;
  const page = { campaign: campaign.id, epoch: campaign.epoch, partition, k };
  try {
    const told = await receipts.ofPage(provider.name, page);
    const known = new Map(told.map(({ index, status }) => [index, status]));
    const waits = new Set(window.awaits);
    return left.filter((index) => {
      const status = waits.has(index) ? known.get(index) : undefined;
      if (status === undefined) {
        if (!waits.has(index) || clock.monotonic() >= window.resendAt) return true;
        notes.awaits.push(index);
        notes.throttled.push(index);
        return false;
      }
      if (status !== "failed") notes.tally.add("delivered", index);
      else {
        const reason = "a receipt says that it failed";
        notes.tally.add("shed", index, { status: "refused", rule: "receipt", reason });
      }
      return false;
    });
  } catch {
    notes.throttled.push(...left);
    notes.awaits.push(...window.awaits);
    notes.retryAfterMs = STORE_AGAIN_MS;
    return [];
  }
}

/** Whoever certainly got nothing has not had a message, and may get one of another campaign. */
async function returnCaps(
  { campaign, window, run, caps }: HandOff,
  allowed: readonly Numbered[],
  notes: Notes,
): Promise<void> {
  if (campaign.cap === undefined || window.from < run.doubtUntil) return;
  const unsent = new Set([...notes.refused, ...notes.retry, ...notes.throttled]);
  for (const index of window.doubted) unsent.delete(index);
  const entries = allowed
    .filter(({ index }) => unsent.has(index))
    .map(({ item }) => ({ member: item.member, item: item.id }));
  if (entries.length === 0) return;
  // Where the store does not take it, they count as if they had got it: never one too many.
  await caps.returnCaps({ entries }).catch(() => {});
}

/** Leaves out who has had enough by now. */
async function underCap(
  { campaign, clock, caps }: HandOff,
  items: readonly Numbered[],
  notes: Notes,
): Promise<readonly Numbered[]> {
  const { cap } = campaign;
  if (cap === undefined || items.length === 0) return items;
  const entries = items.map(({ item }) => ({ member: item.member, item: item.id }));
  try {
    const allowed = await caps.takeCaps({ entries, cap, now: clock.now() });
    return items.filter(({ index }, at) => {
      if (allowed[at] === true) return true;
      const reason = `had ${cap.max} messages within ${cap.perMs} ms already`;
      notes.tally.add("capped", index, { status: "capped", rule: "cap", reason });
      return false;
    });
  } catch {
    for (const { index } of items) notes.throttled.push(index);
    notes.retryAfterMs = STORE_AGAIN_MS;
    return [];
  }
}

async function sendBatch(job: HandOff, batch: readonly Numbered[], notes: Notes): Promise<void> {
  const { provider, run, campaign, signal } = job;
  const items = batch.map(({ item }) => item);
  const options = {
    ledger: ledgerName(campaign),
    deadline: run.deadline,
    fence: run.fence,
    signal,
  };
  notes.asked = true;
  try {
    const results = await provider.sendBatch(items, options);
    for (const [at, numbered] of batch.entries()) note(numbered, results[at], notes);
    if (results.length < batch.length) {
      notes.rejected ||= `${results.length} results for ${batch.length} items`;
    }
  } catch (error) {
    notes.rejected = error instanceof Error ? error.message : String(error);
    notes.rejected ||= "the provider gave no reason";
    for (const { index } of batch) notes.doubtful.push({ index, reason: notes.rejected });
  }
}

function note({ index, item }: Numbered, result: ItemResult | undefined, notes: Notes): void {
  const { tally } = notes;
  const { providerId } = result ?? {};
  if (providerId !== undefined) notes.named.push({ index, message: providerId });
  const reason = result?.reason ?? "";
  switch (result?.status) {
    case "ok":
      tally.add("delivered", index);
      break;
    case "handed":
      tally.add("handed", index);
      break;
    case "refused": {
      const why = reason || "refused by the provider";
      notes.refusal ||= why;
      notes.refused.push(index);
      const cause = { status: "refused", rule: "provider", reason: why, providerId } as const;
      tally.add("shed", index, cause);
      break;
    }
    case "invalid": {
      const why = reason || "the provider says that the address is bad";
      notes.refusal ||= why;
      notes.refused.push(index);
      if (result.addresses === undefined) {
        notes.invalid.push({ kind: "member", value: item.member, why });
      } else {
        for (const value of result.addresses) notes.invalid.push({ kind: "address", value, why });
      }
      const cause = { status: "invalid", rule: "provider", reason: why, providerId } as const;
      tally.add("invalid", index, cause);
      break;
    }
    case "unknown":
      notes.lost.push({ index, reason: reason || "the provider does not know", providerId });
      break;
    case "retry":
      notes.retry.push(index);
      notes.retryReason ||= reason;
      notes.retryAfterMs = Math.max(notes.retryAfterMs, result.retryAfterMs ?? 0);
      break;
    case "throttled":
      notes.throttled.push(index);
      notes.retryAfterMs = Math.max(notes.retryAfterMs, result.retryAfterMs ?? 0);
      break;
    case undefined:
      notes.doubtful.push({ index, reason: "the provider gave no result" });
      break;
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
