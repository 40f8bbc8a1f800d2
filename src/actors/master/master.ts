import { RuntimeError } from "../../core/errors.ts";
import { fail, type Result } from "../../core/result.ts";
import type { ActorType, Behavior } from "../kernel/actor.ts";
import type { WorkerReport } from "../worker/messages.ts";
import { adopt, changed, command, load, readAgain } from "./commands.ts";
import { edit, edited } from "./edits.ts";
import { campaignKind } from "./messages.ts";
import { overSettled, settleOver } from "./over.ts";
import { checkRun } from "./own-changes.ts";
import { quiesce } from "./quiesce.ts";
import { answerResends, nextResend, resend, resent } from "./resends.ts";
import {
  grantPermits,
  listAgain,
  openingDue,
  pagesListed,
  prepare,
  prepared,
  supplyMore,
  wantPermits,
  windowSent,
} from "./run.ts";
import {
  type Ctx,
  type MasterDeps,
  type MasterState,
  type Message,
  type Request,
  storePause,
} from "./state.ts";
import { ask, figuresDue, figuresRead, subscribe, unsubscribe } from "./watching.ts";
import {
  lookAfter,
  pageHeld,
  pageLeft,
  workerCrashed,
  workerEnded,
  workerReady,
} from "./workers.ts";

export type { MasterDeps, MasterState } from "./state.ts";
export { newMaster } from "./state.ts";

const STASH_MAX = 1_000;
/** How long a master without work stays, in milliseconds. */
const IDLE_MS = 60_000;

/**
 * The master of one campaign: guards its state, hands its pages to workers, and holds its rate.
 *
 * An entity, named after the campaign. What must last is in the store: a master that crashes or
 * moves begins again from there.
 */
export function campaignMaster(deps: MasterDeps): ActorType<MasterState, Message> {
  const behavior = masterBehavior(deps);
  return {
    label: "campaign",
    kind: campaignKind,
    behavior: (state, message, ctx) =>
      settleOver(checkRun(behavior(state, message, ctx), deps, ctx), deps, ctx),
    onStart: { type: "load" },
    restart: "transient",
    supervision: {
      // Workers that crash again and again fail their campaign, not the node.
      intensity: { max: 10_000, withinMs: 10_000 },
      backoff: { minMs: 100, maxMs: 2_000 },
    },
  };
}

function masterBehavior(deps: MasterDeps): Behavior<MasterState, Message> {
  return (state, message, ctx) => {
    switch (message.type) {
      case "load":
        return beginLoad(state, deps, ctx);
      case "loaded":
        return loaded(state, message, deps, ctx);
      case "wake":
        return state;
      case "quiesce":
        return quiesce(state, message, ctx);
      case "command":
      case "edit-campaign":
      case "tune-campaign":
      case "resend":
      case "read-campaign":
      case "subscribe":
      case "unsubscribe":
        return request(state, message, deps, ctx);
      case "changed":
        return unstash(changed(state, message, deps, ctx), deps, ctx);
      case "read-again":
        return unstash(readAgain(state, message, deps, ctx), deps, ctx);
      case "edited":
        return unstash(edited(state, message, deps, ctx), deps, ctx);
      case "worker-ready":
      case "worker-crashed":
      case "want-permits":
      case "window-sent":
      case "page-held":
      case "page-left":
      case "worker-ended":
        return workerSaid(state, message, deps, ctx);
      case "prepare":
        return prepare(state, deps, ctx);
      case "prepared":
        return prepared(state, message, deps, ctx);
      case "opening":
        return openingDue(state, deps, ctx);
      case "look-after":
        return lookAfter(state, deps, ctx);
      case "pages-listed":
        return pagesListed(state, message, deps, ctx);
      case "list-pages":
        return listAgain(state, deps, ctx);
      case "pages-due":
        return supplyMore(state, deps, ctx);
      case "permits-due":
        return grantPermits(state, ctx);
      case "check-run":
        return state;
      case "figures-read":
        return figuresRead(state, message, deps, ctx);
      case "figures-due":
        return figuresDue(state, deps, ctx);
      case "subscriber-ended":
        return unsubscribe(state, message.subscriber, ctx);
      case "resend-due":
      case "resent":
      case "answer-resends":
      case "settle-over":
      case "over-settled":
        return aside(state, message, deps, ctx);
      case "idle":
        return idle(state, ctx);
    }
  };
}

type OfWorkers = WorkerReport | Extract<Message, { type: "worker-ended" }>;

function workerSaid(
  state: MasterState,
  message: OfWorkers,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  switch (message.type) {
    case "worker-ready":
      return workerReady(state, message, deps, ctx);
    case "worker-crashed":
      return workerCrashed(state, message, deps, ctx);
    case "want-permits":
      return wantPermits(state, message, ctx);
    case "window-sent":
      return windowSent(state, message, ctx);
    case "page-held":
      return pageHeld(state, message, deps, ctx);
    case "page-left":
      return pageLeft(state, message, deps, ctx);
    case "worker-ended":
      return workerEnded(state, message.worker, deps, ctx);
  }
}

/** What goes on beside runs, and after them. */
function aside(
  state: MasterState,
  message: Extract<
    Message,
    { type: "resend-due" | "resent" | "answer-resends" | "settle-over" | "over-settled" }
  >,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  switch (message.type) {
    case "resend-due":
      return nextResend(state, deps, ctx);
    case "resent":
      return resent(state, message, deps, ctx);
    case "answer-resends":
      return answerResends(state, ctx);
    case "settle-over":
      return { ...state, settling: false };
    case "over-settled":
      return overSettled(state, message, deps, ctx);
  }
}

function beginLoad(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  ctx.setTimer("idle", IDLE_MS, { type: "idle" });
  ctx.perform(
    () => load(state.id, deps),
    (outcome) => ({ type: "loaded", outcome }),
  );
  return state;
}

function loaded(
  state: MasterState,
  { outcome }: Extract<Message, { type: "loaded" }>,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  if (!outcome.ok) {
    const loadFailures = state.loadFailures + 1;
    ctx.setTimer("load", storePause(loadFailures), { type: "load" });
    return refuseAll({ ...state, loadFailures }, outcome.error, ctx);
  }
  if (outcome.value === undefined) {
    const error = new RuntimeError("campaign.unknown", `there is no campaign ${state.id}`);
    ctx.stop();
    return refuseAll(state, error, ctx);
  }
  return unstash(adopt(state, outcome.value, deps, ctx), deps, ctx);
}

/** What changes a campaign; one after the other. */
const CHANGES: ReadonlySet<Request["type"]> = new Set([
  "command",
  "edit-campaign",
  "tune-campaign",
]);

/** Changes are dealt with one after the other; the rest at any time once it is loaded. */
function request(state: MasterState, message: Request, deps: MasterDeps, ctx: Ctx): MasterState {
  const waits = state.changing && CHANGES.has(message.type);
  if (state.campaign !== undefined && !waits) return serve(state, message, deps, ctx);
  if (state.stash.length < STASH_MAX) return { ...state, stash: [...state.stash, message] };
  refuse(message, new RuntimeError("mailbox.full", `${STASH_MAX} requests wait already`), ctx);
  return state;
}

function serve(state: MasterState, message: Request, deps: MasterDeps, ctx: Ctx): MasterState {
  ctx.setTimer("idle", IDLE_MS, { type: "idle" });
  switch (message.type) {
    case "command":
      return command(state, message, deps, ctx);
    case "edit-campaign":
    case "tune-campaign":
      return edit(state, message, deps, ctx);
    case "resend":
      return resend(state, message, deps, ctx);
    case "read-campaign":
      return ask(state, message, deps, ctx);
    case "subscribe":
      return subscribe(state, message, deps, ctx);
    case "unsubscribe":
      return unsubscribe(state, message.subscriber, ctx);
  }
}

function unstash(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  let next: MasterState = { ...state, stash: [] };
  for (const message of state.stash) next = request(next, message, deps, ctx);
  return next;
}

function refuseAll(state: MasterState, error: RuntimeError, ctx: Ctx): MasterState {
  for (const message of state.stash) refuse(message, error, ctx);
  return { ...state, stash: [] };
}

function refuse(message: Request, error: RuntimeError, ctx: Ctx): void {
  if (message.type !== "unsubscribe") ctx.reply<Result<never>>(message, fail(error));
}

/** Nobody has needed it for a while: whoever does next makes a new one. */
function idle(state: MasterState, ctx: Ctx): MasterState {
  const { run, changing, leaving, over, resends, watching, stash } = state;
  const waits = over.length > 0 || resends.length > 0;
  const busy = run !== undefined || changing || leaving > 0 || watching.reading || waits;
  if (busy || stash.length > 0 || watching.subscribers.length > 0) {
    ctx.setTimer("idle", IDLE_MS, { type: "idle" });
    return state;
  }
  ctx.drain();
  return state;
}
