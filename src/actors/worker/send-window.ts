import type { Clock } from "../../core/clock.ts";
import { addCounts, noCounts, type SendCounts } from "../../core/send-counts.ts";
import type { Template } from "../../core/template.ts";
import type { Recipient } from "../../persistence/ports/audience.ts";
import type { Campaign } from "../../persistence/ports/campaign.ts";
import type { ItemResult, Provider, ProviderItem } from "../../providers/provider.ts";
import { ledgerName } from "../master/messages.ts";
import type { PageRun, SendWindow } from "./page-run.ts";

/** What one hand-off of a window brought. */
export interface Attempt {
  readonly counts: SendCounts;
  /** Indices that certainly did not go. */
  readonly retry: readonly number[];
  /** Indices of which nothing is known, because their batch was rejected. */
  readonly doubtful: readonly number[];
  /** Why a batch was rejected; empty when none was. */
  readonly rejected: string;
  /** Why a recipient was refused; empty when none was. */
  readonly refusal: string;
  /** How long the provider asks to wait. */
  readonly retryAfterMs: number;
  /** The lease's deadline had passed, and nothing was handed off. */
  readonly late: boolean;
}

/** What a hand-off needs. */
export interface HandOff {
  readonly provider: Provider;
  readonly clock: Clock;
  readonly campaign: Campaign;
  readonly template: Template;
  readonly run: PageRun;
  readonly window: SendWindow;
  readonly signal: AbortSignal;
}

/**
 * Hands a window to the provider, in as many batches as the provider needs. Never rejects.
 *
 * The deadline is checked immediately before each batch: a worker that was frozen longer than
 * its lease must not send, and the fence in the store cannot call back what has gone.
 */
export async function sendWindow(job: HandOff): Promise<Attempt> {
  const tally = newTally();
  const items = buildItems(job, tally);
  const { maxBatch } = job.provider.capabilities;
  for (let start = 0; start < items.length; start += maxBatch) {
    const batch = items.slice(start, start + maxBatch);
    const halted = tally.late || tally.rejected !== "";
    if (halted || job.clock.monotonic() >= job.run.deadline) {
      tally.late ||= !halted;
      for (const { index } of batch) tally.retry.push(index);
      continue;
    }
    await sendBatch(job, batch, tally);
  }
  return tally;
}

interface Numbered {
  readonly index: number;
  readonly item: ProviderItem;
}

interface Tally {
  counts: SendCounts;
  readonly retry: number[];
  readonly doubtful: number[];
  rejected: string;
  refusal: string;
  retryAfterMs: number;
  late: boolean;
}

function newTally(): Tally {
  return {
    counts: noCounts,
    retry: [],
    doubtful: [],
    rejected: "",
    refusal: "",
    retryAfterMs: 0,
    late: false,
  };
}

async function sendBatch(job: HandOff, batch: readonly Numbered[], tally: Tally): Promise<void> {
  const { provider, run, campaign, signal } = job;
  const items = batch.map(({ item }) => item);
  const options = {
    ledger: ledgerName(campaign),
    deadline: run.deadline,
    fence: run.fence,
    signal,
  };
  try {
    const results = await provider.sendBatch(items, options);
    count(batch, results, tally);
  } catch (error) {
    tally.rejected = error instanceof Error ? error.message : String(error);
    tally.rejected ||= "the provider gave no reason";
    for (const { index } of batch) tally.doubtful.push(index);
  }
}

function count(batch: readonly Numbered[], results: readonly ItemResult[], tally: Tally): void {
  const counts = { ...tally.counts };
  for (const [at, { index }] of batch.entries()) {
    const result = results[at];
    switch (result?.status) {
      case "ok":
        counts.delivered += 1;
        break;
      case "handed":
        counts.handed += 1;
        break;
      case "refused":
      case "invalid":
        counts.shed += 1;
        tally.refusal ||= result.reason ?? "refused by the provider";
        break;
      case "unknown":
        counts.unknown += 1;
        break;
      case "retry":
      case "throttled":
        tally.retry.push(index);
        tally.retryAfterMs = Math.max(tally.retryAfterMs, result.retryAfterMs ?? 0);
        break;
      case undefined:
        tally.doubtful.push(index);
        tally.rejected ||= `${results.length} results for ${batch.length} items`;
        break;
    }
  }
  tally.counts = counts;
}

/** The items of what is left of a window; who lacks a variable is given up here. */
function buildItems(job: HandOff, tally: Tally): Numbered[] {
  const { campaign, template, run, window } = job;
  const { id, epoch, topic, ack } = campaign;
  const prefix = `${id}:${epoch}:${run.page.partition}/${run.page.k}:`;
  const expiresAt = job.clock.now() + campaign.ttlMs;
  const items: Numbered[] = [];
  let shed = 0;
  const add = (index: number): void => {
    const { member, vars }: Recipient = run.recipients[index]!;
    const rendered = template(member, vars);
    if (rendered.ok) {
      const payload = rendered.text;
      items.push({ index, item: { id: prefix + index, member, topic, payload, ack, expiresAt } });
    } else {
      shed += 1;
      tally.refusal ||= `missing variable ${rendered.missing}`;
    }
  };
  if (window.left !== undefined) window.left.forEach(add);
  else for (let index = window.from; index < window.to; index += 1) add(index);
  if (shed > 0) tally.counts = addCounts(tally.counts, { ...noCounts, shed });
  return items;
}

/** How often what certainly did not go is sent again before it is given up. */
export const RETRIES_MAX = 5;

/**
 * A window after an attempt: settled, or waiting for another one.
 *
 * What is in doubt is `unknown` when it may not go twice, and is sent again otherwise. That has
 * no limit of its own: the campaign fails when its provider keeps rejecting.
 */
export function afterAttempt(
  window: SendWindow,
  attempt: Attempt,
  guarantee: Campaign["guarantee"],
): SendWindow {
  let counts = addCounts(window.counts, attempt.counts);
  const attempts = window.attempts + (attempt.late ? 0 : 1);
  const left: number[] = [];
  if (guarantee === "at-most-once") {
    counts = { ...counts, unknown: counts.unknown + attempt.doubtful.length };
  } else left.push(...attempt.doubtful);
  // A rejected batch says nothing about the ones behind it.
  const givenUp = attempts > RETRIES_MAX && attempt.rejected === "";
  if (givenUp) counts = { ...counts, shed: counts.shed + attempt.retry.length };
  else left.push(...attempt.retry);
  left.sort((a, b) => a - b);

  if (left.length === 0) return { ...window, phase: "settled", attempts, left, counts };
  return { ...window, phase: attempt.late ? "planned" : "waiting", attempts, left, counts };
}

/** The longest pause that a provider may ask for. */
const RETRY_AFTER_MAX_MS = 60_000;

/** The pause before the next attempt, in milliseconds. */
export function retryPause(attempts: number, retryAfterMs: number): number {
  const asked = Math.min(RETRY_AFTER_MAX_MS, retryAfterMs);
  return Math.max(asked, Math.min(5_000, 100 * 2 ** Math.min(attempts - 1, 10)));
}
