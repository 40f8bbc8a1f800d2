import { pauseAfter } from "../../core/backoff.ts";
import type { Guarantee } from "../../persistence/ports/campaign.ts";
import type { SendWindow } from "./page-run.ts";
import { type ArmAt, addSettled, Tally } from "./results.ts";
import type { Attempt, Doubt } from "./send-window.ts";

/** How often what certainly did not go is sent again before it is given up. */
export const RETRIES_MAX = 5;

/**
 * A window after an attempt: settled, or waiting for another one.
 *
 * What is in doubt is `unknown` when it may not go twice. Otherwise it is sent again: without
 * end where its batch was rejected, for the campaign fails when its provider keeps rejecting;
 * and a few times where the provider knows nothing of just this recipient. What a provider or
 * its limits do not take now costs no attempt.
 */
export function afterAttempt(
  window: SendWindow,
  attempt: Attempt,
  guarantee: Guarantee,
  armAt: ArmAt,
): SendWindow {
  const tally = new Tally(armAt);
  const unknown = ({ index, reason, providerId }: Doubt, rule: string): void =>
    tally.add("unknown", index, { status: "unknown", rule, reason, providerId });
  const { retry, throttled, doubtful, lost, late } = attempt;
  const tried = retry.length + doubtful.length + lost.length > 0;
  const attempts = window.attempts + (tried ? 1 : 0);
  // A rejected batch says nothing about the ones behind it.
  const isLast = attempts > RETRIES_MAX && attempt.rejected === "";
  const left: number[] = [...throttled];
  const awaits: number[] = [...attempt.awaits];
  const doubted: number[] = [...window.doubted];

  for (const doubt of [...doubtful, ...lost]) {
    const isOver = isLast && lost.includes(doubt);
    if (guarantee === "at-most-once" || isOver) unknown(doubt, isOver ? "retries" : "answer");
    else {
      left.push(doubt.index);
      doubted.push(doubt.index);
      if (guarantee === "receipt") awaits.push(doubt.index);
    }
  }
  const reason = attempt.retryReason || "the provider could not take it";
  for (const index of retry) {
    if (isLast) tally.add("shed", index, { status: "refused", rule: "retries", reason });
    else left.push(index);
  }
  left.sort((a, b) => a - b);

  const settled = addSettled(addSettled(window.settled, attempt.settled), tally.settled);
  const rounds = window.rounds + (attempt.asked ? 1 : 0);
  const next = { ...window, attempts, rounds, left, awaits, doubted, settled };
  if (left.length === 0) return { ...next, phase: "settled" };
  return { ...next, phase: late ? "planned" : "waiting" };
}

/** How often receipts are looked for: soon at first, then about once a second. */
const LOOK_MIN_MS = 100;
const LOOK_MAX_MS = 1_000;

/** The pause before receipts are looked for again, which have been waited for so long. */
export function receiptPause(waitedMs: number): number {
  return Math.max(LOOK_MIN_MS, Math.min(LOOK_MAX_MS, waitedMs / 2));
}

/** The longest pause that a provider may ask for. */
const RETRY_AFTER_MAX_MS = 60_000;

/** The pause before the next attempt, in milliseconds. */
export function retryPause(attempts: number, retryAfterMs: number): number {
  const asked = Math.min(RETRY_AFTER_MAX_MS, retryAfterMs);
  return Math.max(asked, pauseAfter(Math.max(attempts, 1)));
}
