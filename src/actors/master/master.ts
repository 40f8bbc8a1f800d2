import { pauseAfter } from "../../core/backoff.ts";
import { RuntimeError } from "../../core/errors.ts";
import { ok } from "../../core/result.ts";
import type { ActorType, Behavior } from "../kernel/actor.ts";
import { Task } from "../task/task.ts";
import type { WorkerReport } from "../worker/messages.ts";
import { adopt, load, write } from "./changes.ts";
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
import type {
  CampaignTask,
  Command,
  Ctx,
  MasterDeps,
  MasterState,
  Message,
  Other,
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

/** What changes a campaign; one after the other. */
const CHANGES: ReadonlySet<(Command | Other)["type"]> = new Set([
  "command",
  "edit-campaign",
  "tune-campaign",
]);

/**
 * The master of one campaign: guards its state, hands its pages to workers, and holds its rate.
 *
 * An entity, named after the campaign. What must last is in the store: a master that crashes or
 * moves begins again from there.
 */
export function campaignMaster(deps: MasterDeps): ActorType<MasterState, Message> {
  const task = campaignTask(deps);
  const behavior = masterBehavior(task, deps);
  return {
    label: "campaign",
    kind: campaignKind,
    behavior: (state, message, ctx) =>
      settleOver(checkRun(behavior(state, message, ctx), task, ctx), deps, ctx),
    onStart: { type: "load" },
    restart: "transient",
    supervision: {
      // Workers that crash again and again fail their campaign, not the node.
      intensity: { max: 10_000, withinMs: 10_000 },
      backoff: { minMs: 100, maxMs: 2_000 },
    },
  };
}

function campaignTask(deps: MasterDeps): CampaignTask {
  return new Task({
    noun: "campaign",
    itself: "master",
    taskOf: ({ campaign }) => campaign,
    load: (id) => load(id, deps),
    loadPause: pauseAfter,
    isChange: ({ type }) => CHANGES.has(type),
    refusal: ({ quiescing }) =>
      quiescing && new RuntimeError("node.draining", "the node is stopping"),
    // Its node may have died before it was answered, and the campaign has gone on since.
    isRepeated: ({ campaign }, { command, request }) =>
      command === "start" && request !== undefined && request === campaign?.run.request,
    serve: (state, request, ctx) => serve(state, request, deps, ctx),
    answer(command, before, { campaign }, ctx) {
      const changed = before !== campaign!.state;
      ctx.reply(command, ok({ before, campaign: campaign!, changed }));
    },
    write: (state, change, at) => write(state, change, at, deps),
    adopt: (state, found, ctx) => adopt(state, found, deps, ctx),
    isNeeded,
  });
}

function masterBehavior(task: CampaignTask, deps: MasterDeps): Behavior<MasterState, Message> {
  return (state, message, ctx) => {
    switch (message.type) {
      case "load":
      case "loaded":
      case "wake":
      case "check":
      case "changed":
      case "read-again":
      case "idle":
        return task.handle(state, message, ctx);
      case "quiesce":
        return quiesce(state, message, ctx);
      case "command":
      case "edit-campaign":
      case "tune-campaign":
      case "resend":
      case "read-campaign":
      case "subscribe":
      case "unsubscribe":
        return task.request(state, message, ctx);
      case "edited":
        return task.unstash(edited(state, message, deps, ctx), ctx);
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

function serve(state: MasterState, message: Other, deps: MasterDeps, ctx: Ctx): MasterState {
  switch (message.type) {
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

/** Whether something is under way, or somebody watches. */
function isNeeded({ run, leaving, over, resends, watching }: MasterState): boolean {
  const waits = over.length > 0 || resends.length > 0;
  const isWatched = watching.reading || watching.subscribers.length > 0;
  return run !== undefined || leaving > 0 || waits || isWatched;
}
