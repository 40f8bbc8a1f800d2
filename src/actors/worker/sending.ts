import { pauseAfter } from "../../core/backoff.ts";
import { toRuntimeError } from "../../core/errors.ts";
import type { Result } from "../../core/result.ts";
import { RECEIPTS, receiptsKind } from "../receipts/messages.ts";
import { afterAttempt, RETRIES_MAX, receiptPause, retryPause } from "./after-attempt.ts";
import { readBlocked } from "./blocked.ts";
import { armsOf } from "./items.ts";
import type { PageOutcome } from "./messages.ts";
import {
  journalled as afterJournal,
  inFlight,
  journalStep,
  nextFrom,
  oldestAt,
  type PageRun,
  planWindow,
  replaceWindow,
  type SendWindow,
  sendable,
  waitsForReceipts,
  withoutUnsent,
} from "./page-run.ts";
import { nothingSettled } from "./results.ts";
import { type Attempt, sendWindow } from "./send-window.ts";
import {
  type Ctx,
  idle,
  leaseMsOf,
  type Message,
  newLease,
  receiptWaitOf,
  type Sending,
  type WorkerDeps,
  type WorkerState,
} from "./state.ts";

/** How long settled windows wait for the permits of the next one. */
const FLUSH_MS = 50;

/** What a page leaves behind must not reach the next one. */
const TIMERS = ["flush", "renew", "journal-again", "close-page", "ask-blocked"] as const;

type At = WorkerState & { readonly phase: Sending };

/** How often a closing page tries what a provider does not take, before it leaves it in doubt. */
const ROUNDS_MAX = 10;

/** Does whatever a page under lease allows: plan windows, hand them off, journal, give back. */
export function proceed(state: WorkerState, deps: WorkerDeps, ctx: Ctx): WorkerState {
  if (state.phase.type !== "sending") return state;
  let at = state as At;
  const closing = isClosing(at, ctx);
  at = closing ? withoutUnplanned(at) : plan(at, ctx);
  at = handOff(at, deps, ctx);
  if (closing && mayRelease(at)) return journal(at, { release: true }, deps, ctx);
  return journalIfDue(at, closing, deps, ctx);
}

/** Whether nothing more may be begun on this page. */
function isClosing(at: At, ctx: Ctx): boolean {
  return at.standingDown || ctx.now >= at.phase.until;
}

/** Fills the flight with windows, as far as there are permits. */
function plan(at: At, ctx: Ctx): At {
  const { campaign, master, name } = at.start;
  const { window, limited } = at.pace;
  let { run } = at.phase;
  let { permits, asking } = at;
  while (inFlight(run) < campaign.inFlight && nextFrom(run) < run.page.size) {
    const count = Math.min(window, run.page.size - nextFrom(run));
    if (!limited) {
      run = planWindow(run, count);
    } else if (permits > 0) {
      run = planWindow(run, Math.min(permits, count));
      permits -= Math.min(permits, count);
    } else {
      if (!asking) ctx.send(master, { type: "want-permits", worker: name, count });
      asking = true;
      break;
    }
  }
  return { ...at, permits, asking, phase: { ...at.phase, run } };
}

/** Windows of which certainly nothing was sent are untouched: another worker will send them. */
function withoutUnplanned(at: At): At {
  const { run, writing } = at.phase;
  const left = withoutUnsent(run, Math.max(run.intent, writing?.intent ?? 0));
  return { ...at, phase: { ...at.phase, run: left } };
}

/** Sends the windows whose intent is durable, unless the lease may be over. */
function handOff(at: At, deps: WorkerDeps, ctx: Ctx): At {
  let { run } = at.phase;
  const ready = sendable(run);
  if (ready.length === 0 || at.phase.blocked === undefined) return at;
  if (ctx.monotonic >= run.deadline) return { ...at, phase: { ...at.phase, renew: true } };
  for (const window of ready) {
    run = replaceWindow(run, { ...window, phase: "sending", sentAt: ctx.monotonic });
    send(at, window, deps, ctx);
  }
  return { ...at, phase: { ...at.phase, run } };
}

function send(at: At, window: SendWindow, deps: WorkerDeps, ctx: Ctx): void {
  const { campaign } = at.start;
  const provider = deps.providers.get(campaign.provider);
  if (provider === undefined) throw new Error(`no provider ${campaign.provider}`);
  const { run, blocked } = at.phase;
  if (blocked === undefined) throw new Error("sent before it was known who may be sent to");
  const { message, serial } = at;
  const { clock, receipts } = deps;
  const caps = deps.campaigns;
  const job = { provider, clock, campaign, message, run, window, caps, receipts, blocked };
  ctx.perform(
    (signal) => sendWindow({ ...job, signal }),
    (outcome) => ({ type: "attempted", serial, from: window.from, outcome }),
  );
}

/** Asks who of the page may not be sent to any more. */
export function askBlocked(
  state: WorkerState,
  { attempts, serial }: { readonly attempts: number; readonly serial: number },
  { members }: WorkerDeps,
  ctx: Ctx,
): WorkerState {
  if (state.phase.type !== "sending" || serial !== state.serial) return state;
  const { recipients } = state.phase.run;
  ctx.perform(
    () => readBlocked(members, recipients),
    (outcome) => ({ type: "blocked-known", serial, attempts, outcome }),
  );
  return state;
}

/** It is known who may not be sent to; when the store cannot tell, nobody is sent to until then. */
export function blockedKnown(
  state: WorkerState,
  { serial, attempts, outcome }: Extract<Message, { type: "blocked-known" }>,
  deps: WorkerDeps,
  ctx: Ctx,
): WorkerState {
  if (state.phase.type !== "sending" || serial !== state.serial) return state;
  if (outcome.ok) {
    return proceed({ ...state, phase: { ...state.phase, blocked: outcome.value } }, deps, ctx);
  }
  const again = attempts + 1;
  ctx.setTimer("ask-blocked", pauseAfter(again), {
    ...{ type: "ask-blocked", serial, attempts: again },
  });
  return state;
}

/** A hand-off came back. */
export function attempted(
  state: WorkerState,
  message: Extract<Message, { type: "attempted" }>,
  deps: WorkerDeps,
  ctx: Ctx,
): WorkerState {
  const { serial, from, outcome } = message;
  if (state.phase.type !== "sending" || serial !== state.serial) return state;
  const { run } = state.phase;
  const window = run.windows.find((it) => it.from === from);
  if (window === undefined) return state;
  const attempt = outcome.ok ? outcome.value : nothingKnown(window, outcome);
  const { name, campaign, master } = state.start;
  const armAt = armsOf(campaign, state.message, run.recipients);
  const after = afterAttempt(window, attempt, campaign.guarantee, armAt);
  // Whoever has come into doubt by this attempt gets the whole wait.
  const isNew = after.awaits.length > attempt.awaits.length;
  const next = isNew ? { ...after, resendAt: ctx.monotonic + receiptWaitOf(deps) } : after;
  const settled = remaining(window) - remaining(next);
  const { asked, refusal, retryReason, retry, doubtful, lost, throttled } = attempt;
  const failed = retry.length + doubtful.length + lost.length;
  const mostFailed = 2 * failed > remaining(window) - throttled.length;
  const why = retryReason || lost[0]?.reason || "the provider gave no reason";
  const rejected = attempt.rejected || (mostFailed ? why : "");
  const told = { settled, asked, failed, rejected, refusal };
  ctx.send(master, { type: "window-sent", worker: name, ...told });
  passOn(state.start, run, attempt, deps, ctx);
  if (next.phase === "waiting") {
    const pause = pauseOf(next, attempt, deps, ctx);
    ctx.setTimer(`attempt:${from}`, pause, { type: "attempt-again", serial, from });
  }
  const replaced = { ...state, phase: { ...state.phase, run: replaceWindow(run, next) } };
  const proceeded = proceed(replaced, deps, ctx);
  const { inFlight: most } = campaign;
  const left = proceeded.phase.type === "sending" ? proceeded.phase.run : run;
  if (waitsForReceipts(left, most) !== waitsForReceipts(run, most)) holdPage(proceeded, left, ctx);
  return proceeded;
}

/** How long a window waits for its next attempt, or for the next look at receipts. */
function pauseOf(
  { left, awaits, attempts, resendAt }: SendWindow,
  { retryAfterMs }: Attempt,
  deps: WorkerDeps,
  ctx: Ctx,
): number {
  const again = retryPause(attempts, retryAfterMs);
  if (awaits.length === 0 || awaits.length < (left?.length ?? 0)) return again;
  const leftMs = resendAt - ctx.monotonic;
  if (leftMs <= 0) return again;
  return Math.min(leftMs, receiptPause(receiptWaitOf(deps) - leftMs));
}

/** Tells others what they need to know of an attempt; nothing here waits for them. */
function passOn(
  { campaign }: WorkerState["start"],
  run: PageRun,
  { invalid, named }: Attempt,
  deps: WorkerDeps,
  ctx: Ctx,
): void {
  const { suppressions } = deps;
  const { id, epoch, provider } = campaign;
  if (invalid.length > 0 && suppressions !== undefined) {
    const at = ctx.now;
    const by = `provider:${provider}`;
    const entries = invalid.map((it) => ({ ...it, by, at }));
    ctx.perform(
      () => suppressions.suppress(entries),
      () => ({ type: "suppressed" }),
    );
  }
  const tells = deps.providers.get(provider)?.capabilities.receipts !== "none";
  const desk = tells && named.length > 0 ? ctx.find(receiptsKind, RECEIPTS) : undefined;
  if (desk === undefined) return;
  const { partition, k } = run.page;
  const messages = named.map(({ index, message }) => {
    return { provider, message, item: { campaign: id, epoch, partition, k, index } };
  });
  ctx.send(desk, { type: "register-messages", messages });
}

/** Looks for receipts of what an earlier worker left in doubt. */
export function awaitReceipts(at: At, ctx: Ctx): void {
  for (const { from, phase } of at.phase.run.windows) {
    if (phase !== "waiting") continue;
    const { serial } = at;
    ctx.setTimer(`attempt:${from}`, receiptPause(0), { type: "attempt-again", serial, from });
  }
}

export function attemptAgain(
  state: WorkerState,
  { serial, from }: Extract<Message, { type: "attempt-again" }>,
  deps: WorkerDeps,
  ctx: Ctx,
): WorkerState {
  if (state.phase.type !== "sending" || serial !== state.serial) return state;
  const { run } = state.phase;
  const window = run.windows.find((it) => it.from === from && it.phase === "waiting");
  if (window === undefined) return state;
  const next = replaceWindow(run, { ...window, phase: "planned" });
  return proceed({ ...state, phase: { ...state.phase, run: next } }, deps, ctx);
}

function journalIfDue(at: At, closing: boolean, deps: WorkerDeps, ctx: Ctx): At {
  const { run, writing, failures, flush, renew } = at.phase;
  if (writing !== undefined || failures > 0) return at;
  const step = journalStep(run);
  const settles = step.done > run.done;
  const waits = at.asking && !closing && step.done < run.page.size && flush !== "due";
  if (step.intent > run.intent || renew || (settles && !waits)) {
    return journal(at, { release: false }, deps, ctx);
  }
  if (!settles || flush !== "no") return at;
  ctx.setTimer("flush", FLUSH_MS, { type: "flush" });
  return { ...at, phase: { ...at.phase, flush: "timed" } };
}

/**
 * Whether everything that may be in doubt is settled.
 *
 * A window that the provider rejects again and again stays in doubt: whoever gets the page next
 * sends it again.
 */
function mayRelease(at: At): boolean {
  const { run, writing, failures } = at.phase;
  if (writing !== undefined || failures > 0) return false;
  return run.windows.every(
    ({ phase, attempts, rounds }) =>
      phase === "settled" ||
      (phase === "waiting" && (attempts > RETRIES_MAX || rounds > ROUNDS_MAX)),
  );
}

/** Writes where the page is; the same call renews the lease, or gives it back. */
function journal(at: At, { release }: { release: boolean }, deps: WorkerDeps, ctx: Ctx): At {
  const { run } = at.phase;
  const { id: campaign, epoch } = at.start.campaign;
  const { partition, k } = run.page;
  const { serial } = at;
  const step = journalStep(run);
  const { leaseUntil, deadline } = newLease(deps, ctx);
  const { done, intent, settled } = step;
  const call = {
    ...{ campaign, epoch, partition, k, fence: run.fence, done, intent },
    ...{ counts: settled.counts, arms: settled.arms, exceptions: settled.exceptions },
    leaseUntil: release ? 0 : leaseUntil,
  };
  ctx.perform(
    () => deps.campaigns.advance(call),
    (outcome) => ({ type: "journalled", serial, step, deadline, release, outcome }),
  );
  ctx.clearTimer("flush");
  ctx.setTimer("renew", leaseMsOf(deps) / 3, { type: "renew" });
  return { ...at, phase: { ...at.phase, writing: step, flush: "no", renew: false } };
}

/** A journal call came back. */
export function journalled(
  state: WorkerState,
  message: Extract<Message, { type: "journalled" }>,
  deps: WorkerDeps,
  ctx: Ctx,
): WorkerState {
  const { serial, step, deadline, release, outcome } = message;
  if (state.phase.type !== "sending" || serial !== state.serial) return state;
  const { phase } = state;
  if (!outcome.ok) return journalFailed({ ...state, phase }, outcome, ctx);
  const run = afterJournal(phase.run, step, deadline);
  if (run.done === run.page.size) return leave(state, run, "done", ctx);
  if (release) return leave(state, run, "open", ctx);
  holdPage(state, run, ctx);
  return proceed({ ...state, phase: { ...phase, run, writing: undefined } }, deps, ctx);
}

function journalFailed(at: At, outcome: Result<void> & { ok: false }, ctx: Ctx): WorkerState {
  // Somebody else has the page by now: not a single message more.
  if (outcome.error.code === "store.fenced") return leave(at, at.phase.run, "taken", ctx);
  // It lives, and nobody else can have the page while the store is away.
  holdPage(at, at.phase.run, ctx);
  const failures = at.phase.failures + 1;
  ctx.setTimer("journal-again", pauseAfter(failures), { type: "journal-again" });
  return { ...at, phase: { ...at.phase, writing: undefined, failures } };
}

/** After a pause the journal is tried again, with what has happened since. */
export function journalAgain(state: WorkerState, deps: WorkerDeps, ctx: Ctx): WorkerState {
  if (state.phase.type !== "sending" || state.phase.writing !== undefined) return state;
  const phase: Sending = { ...state.phase, failures: 0, renew: true };
  return proceed({ ...state, phase }, deps, ctx);
}

/** The heartbeat: tells the master that the page is in good hands. */
export function holdPage(state: WorkerState, run: PageRun, ctx: Ctx): void {
  const { name, master } = state.start;
  const { page, done, intent } = run;
  const oldest = oldestAt(run);
  const waits = waitsForReceipts(run, state.start.campaign.inFlight);
  ctx.send(master, {
    type: "page-held",
    worker: name,
    page,
    done,
    intent,
    oldestAt: oldest,
    waits,
  });
}

/** The page is somebody else's concern from here on. */
function leave(state: WorkerState, run: PageRun, outcome: PageOutcome, ctx: Ctx): WorkerState {
  const { name, master } = state.start;
  for (const { from, phase } of run.windows) {
    if (phase === "waiting") ctx.clearTimer(`attempt:${from}`);
  }
  for (const timer of TIMERS) ctx.clearTimer(timer);
  ctx.send(master, { type: "page-left", worker: name, page: run.page, outcome });
  if (state.standingDown) ctx.stop();
  return { ...state, phase: idle };
}

function remaining(window: SendWindow): number {
  return window.left?.length ?? window.to - window.from;
}

function nothingKnown(window: SendWindow, outcome: Result<Attempt> & { ok: false }): Attempt {
  const all = Array.from({ length: window.to - window.from }, (_, index) => window.from + index);
  const reason = toRuntimeError(outcome.error).message;
  return {
    ...{ settled: nothingSettled, retry: [], throttled: [], lost: [], awaits: [] },
    doubtful: (window.left ?? all).map((index) => ({ index, reason })),
    ...{ rejected: reason, refusal: "", retryReason: "", retryAfterMs: 0 },
    ...{ asked: true, late: false },
    ...{ invalid: [], named: [] },
  };
}
