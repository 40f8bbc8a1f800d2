import { backoffMs } from "../../core/backoff.ts";
import { RuntimeError, toRuntimeError } from "../../core/errors.ts";
import { takeFront } from "../../core/queue.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { ReceiptOutcome } from "../../persistence/ports/receipts.ts";
import type { ActorType } from "../kernel/actor.ts";
import { answer } from "../kernel/answer.ts";
import { type ProviderMessage, type ReceiptTally, receiptsKind } from "./messages.ts";
import {
  type ApplyRequest,
  type Ctx,
  type Desk,
  type Message,
  newReceipts,
  RECEIPT_LIMITS,
  type ReceiptsDeps,
  type ReceiptsState,
  type Round,
  type RoundOutcome,
  receiptFigures,
} from "./state.ts";

const MAILBOX_MAX = 50_000;
/** When a refused request may come again, in milliseconds. */
const RETRY_AFTER_MS = 1_000;

/**
 * The receipts desk: while one round is with the store, what comes in accumulates and goes as
 * the next one.
 */
export function receiptsDesk(deps: ReceiptsDeps): ActorType<ReceiptsState, Message> {
  const { store, logger, metrics } = deps;
  const limits = { ...RECEIPT_LIMITS, ...deps.limits };
  const desk: Desk = { store, logger, limits, figures: receiptFigures(metrics) };
  return {
    label: "receipts",
    kind: receiptsKind,
    onStart: { type: "start" },
    mailbox: { max: MAILBOX_MAX, overflow: "refuse" },
    restart: "permanent",
    behavior(state, message, ctx) {
      switch (message.type) {
        case "start":
          ctx.setTimer("purge", limits.purgeEveryMs, { type: "purge" });
          return newReceipts();
        case "apply-receipts":
          return apply(state, message, desk, ctx);
        case "register-messages":
          return register(state, message.messages, desk, ctx);
        case "round-done":
          roundDone(state, message, desk, ctx);
          return startRound(state, desk, ctx);
        case "register-again":
          state.paused = false;
          return startRound(state, desk, ctx);
        // Reads go to the store at once: it answers what was durable when they came.
        case "settled-by-receipt":
          return answer(state, ctx, message, () => store.ofPage(message.provider, message.page));
        case "read-receipts":
          return answer(state, ctx, message, () => store.ofItem(message.item));
        case "count-receipts":
          return answer(state, ctx, message, () => store.counts(message.campaign, message.epoch));
        case "forward":
          message.reply(ctx);
          return state;
        case "purge":
          return purge(state, desk, ctx);
        case "purged":
          return purged(state, message.outcome, desk, ctx);
      }
    },
  };
}

function apply(state: ReceiptsState, request: ApplyRequest, desk: Desk, ctx: Ctx): ReceiptsState {
  const { receipts } = request;
  if (receipts.length === 0) {
    ctx.reply(request, ok({ applied: 0, repeated: 0, unmatched: 0 }));
    return state;
  }
  if (state.receiptsWaiting + receipts.length > desk.limits.waitingMax) {
    const message = `${state.receiptsWaiting} receipts wait for the store already`;
    const options = { retryAfterMs: RETRY_AFTER_MS };
    ctx.reply(request, fail(new RuntimeError("store.unavailable", message, options)));
    return state;
  }
  state.requests.push(request);
  state.receiptsWaiting += receipts.length;
  return startRound(state, desk, ctx);
}

function register(
  state: ReceiptsState,
  messages: readonly ProviderMessage[],
  desk: Desk,
  ctx: Ctx,
): ReceiptsState {
  const room = desk.limits.registersMax - state.messages.length;
  const lost = Math.max(0, messages.length - room);
  if (lost > 0) {
    desk.figures.registersLost.add(lost);
    desk.logger.warn("provider's names of messages were given up", { lost });
  }
  for (const message of lost > 0 ? messages.slice(0, room) : messages) state.messages.push(message);
  return startRound(state, desk, ctx);
}

/** Gives the store what has accumulated, unless it is still at work. */
function startRound(state: ReceiptsState, desk: Desk, ctx: Ctx): ReceiptsState {
  if (state.busy) return state;
  const { store, limits, figures } = desk;
  // Whole requests, as each is answered as one; a big one goes alone.
  const sizeOf = (request: ApplyRequest) => request.receipts.length;
  const most = { size: limits.batchMax };
  const { taken: requests, size } = takeFront(state.requests, sizeOf, most);
  state.receiptsWaiting -= size;
  const messages = state.paused ? [] : state.messages.splice(0, limits.batchMax);
  if (requests.length === 0 && messages.length === 0) return state;
  const receipts = requests.flatMap((request) => request.receipts);
  if (receipts.length > 0) figures.batch.observe(receipts.length);
  state.busy = true;
  const { now } = ctx;
  ctx.perform(
    async (): Promise<RoundOutcome> => {
      // Both at once, so that the store can do them in one transaction.
      const [registered, applied] = await Promise.all([
        messages.length === 0 ? ok(0) : attempt(() => store.register(messages, now)),
        receipts.length === 0 ? ok([]) : attempt(() => store.apply(receipts, now)),
      ]);
      return { registered, applied };
    },
    (outcome) => ({
      type: "round-done",
      round: { requests, messages },
      outcome: outcome.ok
        ? outcome.value
        : { registered: fail(outcome.error), applied: fail(outcome.error) },
    }),
  );
  return state;
}

async function attempt<T>(effect: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await effect());
  } catch (error) {
    return fail(toRuntimeError(error));
  }
}

function roundDone(
  state: ReceiptsState,
  { round, outcome }: { readonly round: Round; readonly outcome: RoundOutcome },
  desk: Desk,
  ctx: Ctx,
): void {
  state.busy = false;
  registered(state, round, outcome, { desk, ctx });
  const { applied } = outcome;
  if (!applied.ok) {
    const { code, message } = applied.error;
    desk.logger.warn("the store took no receipts", { code, message });
    for (const request of round.requests) ctx.reply(request, fail<ReceiptTally>(applied.error));
    return;
  }
  let from = 0;
  for (const request of round.requests) {
    const outcomes = applied.value.slice(from, from + request.receipts.length);
    from += request.receipts.length;
    const tally = tallyOf(outcomes);
    for (const name of ["applied", "repeated", "unmatched"] as const) {
      desk.figures.receipts[name].add(tally[name]);
    }
    ctx.reply(request, ok(tally));
  }
}

/** What could not be registered goes first when the store is back: late, but not lost. */
function registered(
  state: ReceiptsState,
  { messages }: Round,
  { registered: outcome }: RoundOutcome,
  { desk, ctx }: { readonly desk: Desk; readonly ctx: Ctx },
): void {
  if (messages.length === 0) return;
  if (outcome.ok) {
    state.failures = 0;
    desk.figures.matchedLater.add(outcome.value);
    return;
  }
  state.messages = [...messages, ...state.messages];
  const pauseMs = backoffMs(desk.limits, state.failures, ctx.random());
  state.failures += 1;
  state.paused = true;
  ctx.setTimer("register", pauseMs, { type: "register-again" });
}

function tallyOf(outcomes: readonly ReceiptOutcome[]): ReceiptTally {
  const tally = { applied: 0, repeated: 0, unmatched: 0 };
  for (const outcome of outcomes) tally[outcome] += 1;
  return tally;
}

function purge(state: ReceiptsState, { store, limits }: Desk, ctx: Ctx): ReceiptsState {
  const before = ctx.now - limits.keptMs;
  ctx.perform(
    () => store.purge(before, limits.purgeMax),
    (outcome) => ({ type: "purged", outcome }),
  );
  return state;
}

/** Goes on at once while there is as much as fits into one call. */
function purged(state: ReceiptsState, outcome: Result<number>, desk: Desk, ctx: Ctx) {
  const { purgeEveryMs, purgeMax } = desk.limits;
  if (!outcome.ok) desk.logger.warn("old receipts stay for now", { why: outcome.error.code });
  const isMore = outcome.ok && outcome.value >= purgeMax;
  ctx.setTimer("purge", isMore ? 0 : purgeEveryMs, { type: "purge" });
  return state;
}
