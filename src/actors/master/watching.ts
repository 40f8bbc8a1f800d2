import { emptyLedger } from "../../core/ledger.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { Ref } from "../kernel/actor.ts";
import { type Campaign, type CampaignProgress, ledgerName } from "./messages.ts";
import { isSettled, progressOf } from "./progress.ts";
import { settleUnknown } from "./settle-unknown.ts";
import type {
  Ctx,
  FiguresRead,
  MasterDeps,
  MasterState,
  Message,
  Report,
  Watching,
} from "./state.ts";
import { oldestWindowMs, workerStates } from "./worker-states.ts";

/** Figures are read at most this often, in milliseconds; changes of state apart. */
const READ_EVERY_MS = 500;
const SUBSCRIBERS_MAX = 100;

/** Answers with figures of the last half second, or reads them. */
export function ask(
  state: MasterState,
  request: Report<"read-campaign" | "subscribe">,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const { watching } = state;
  const { figures, dirty, readAt } = watching;
  if (figures !== undefined && !dirty && ctx.monotonic - readAt < READ_EVERY_MS) {
    const progress = answer(state, request, deps, ctx);
    if (request.type === "read-campaign" || progress === undefined) return state;
    ctx.send(request.subscriber, progress);
    return schedule(state, ctx);
  }
  const askers = [...watching.askers, request];
  return readAll(withWatching(state, { askers }), deps, ctx);
}

/** Adds a subscriber; it gets progress at once, and then while it changes. */
export function subscribe(
  state: MasterState,
  request: Report<"subscribe">,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const { subscriber } = request;
  const others = state.watching.subscribers.filter((it) => it !== subscriber);
  ctx.watch(subscriber, () => ({ type: "subscriber-ended", subscriber }));
  // The oldest makes room: it can subscribe again, and a forgotten one cannot block the rest.
  const subscribers = [...others, subscriber].slice(-SUBSCRIBERS_MAX);
  return ask(withWatching(state, { subscribers, lastSent: "" }), request, deps, ctx);
}

export function unsubscribe(
  state: MasterState,
  subscriber: Ref<CampaignProgress>,
  ctx: Ctx,
): MasterState {
  ctx.unwatch(subscriber);
  const subscribers = state.watching.subscribers.filter((it) => it !== subscriber);
  return withWatching(state, { subscribers });
}

/** The campaign's state has changed: what is known is old, and subscribers hear of it. */
export function afterChange(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  const dirty = withWatching(state, { dirty: true });
  return dirty.watching.subscribers.length > 0 ? readAll(dirty, deps, ctx) : dirty;
}

/** The time between two readings is over. */
export function figuresDue(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  return state.watching.subscribers.length > 0 ? readAll(state, deps, ctx) : state;
}

function readAll(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  const { campaign, watching } = state;
  if (watching.reading || campaign === undefined) return state;
  const { figures, unknownAfter } = watching;
  const unknown = figures?.totals.counts.unknown ?? 0;
  ctx.perform(
    () => readFigures(deps, campaign, { settles: unknown > 0, unknownAfter }),
    (outcome) => ({ type: "figures-read", outcome }),
  );
  return withWatching(state, { reading: true, dirty: false });
}

async function readFigures(
  deps: MasterDeps,
  campaign: Campaign,
  { settles, unknownAfter }: { settles: boolean; unknownAfter: string | undefined },
): Promise<FiguresRead> {
  const { campaigns, audiences, receipts } = deps;
  const provider = deps.providers.get(campaign.provider);
  const tells = receipts !== undefined && provider?.capabilities.receipts !== "none";
  const next =
    settles && tells
      ? await settleUnknown({ campaigns, audiences, receipts }, campaign, unknownAfter)
      : undefined;
  // In this order, see runLedger: what has left by now is at least known to the journal.
  const totals = await campaigns.totals(campaign.id, campaign.epoch);
  const ledger = (await provider?.ledger?.(ledgerName(campaign))) ?? emptyLedger;
  return { totals, provider: ledger, unknownAfter: next };
}

export function figuresRead(
  state: MasterState,
  { outcome }: Extract<Message, { type: "figures-read" }>,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const { askers } = state.watching;
  if (!outcome.ok) {
    for (const asker of askers) ctx.reply<Result<never>>(asker, fail(outcome.error));
    return schedule(withWatching(state, { reading: false, askers: [] }), ctx);
  }
  // The state changed while these were read: they may be of another run.
  if (state.watching.dirty) return readAll(withWatching(state, { reading: false }), deps, ctx);

  const { unknownAfter, ...read } = outcome.value;
  const figures = { ...read, accepted: state.accepted };
  const readAt = ctx.monotonic;
  const fresh = withWatching(state, {
    ...{ figures, readAt, reading: false, askers: [], unknownAfter },
  });
  for (const asker of askers) answer(fresh, asker, deps, ctx);
  return schedule(publish(fresh, deps, ctx), ctx);
}

function answer(
  state: MasterState,
  request: Report<"read-campaign" | "subscribe">,
  deps: MasterDeps,
  ctx: Ctx,
): CampaignProgress | undefined {
  const progress = currentProgress(state, deps, ctx);
  const { campaign } = state;
  if (progress === undefined || campaign === undefined) return undefined;
  if (request.type === "read-campaign") ctx.reply(request, ok({ campaign, progress }));
  else ctx.reply(request, ok(progress));
  return progress;
}

/** Tells the subscribers, unless they know already. */
function publish(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  const progress = currentProgress(state, deps, ctx);
  if (progress === undefined) return state;
  const text = JSON.stringify({ ...progress, at: 0 });
  if (text === state.watching.lastSent) return state;
  for (const subscriber of state.watching.subscribers) ctx.send(subscriber, progress);
  return withWatching(state, { lastSent: text });
}

/** Reads again in a while, as long as somebody watches and something can change. */
function schedule(state: MasterState, ctx: Ctx): MasterState {
  const { campaign, watching } = state;
  const { figures, subscribers } = watching;
  const settled = campaign !== undefined && figures !== undefined && isSettled(campaign, figures);
  if (subscribers.length > 0 && !(settled && state.leaving === 0)) {
    ctx.setTimer("figures", READ_EVERY_MS, { type: "figures-due" });
  }
  return state;
}

function currentProgress(
  state: MasterState,
  deps: MasterDeps,
  ctx: Ctx,
): CampaignProgress | undefined {
  const { campaign, watching, rate, run, leaving } = state;
  if (campaign === undefined || watching.figures === undefined) return undefined;
  return progressOf(campaign, watching.figures, {
    rate: rate?.perSecond(ctx.monotonic) ?? 0,
    workers: (run?.slots.size ?? 0) + leaving,
    workerStates: workerStates(run, ctx.monotonic),
    oldestWindowMs: oldestWindowMs(run, ctx.monotonic),
    opensAt: run?.opensAt ?? 0,
    lateZones: run === undefined || run.late.length === 0 ? undefined : run.late,
    provider: deps.providers.get(campaign.provider)?.state?.(),
    at: ctx.now,
  });
}

function withWatching(state: MasterState, change: Partial<Watching>): MasterState {
  return { ...state, watching: { ...state.watching, ...change } };
}
