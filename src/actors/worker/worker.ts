import { pauseAfter } from "../../core/backoff.ts";
import type { ActorType, Behavior } from "../kernel/actor.ts";
import { NOBODY_BLOCKED } from "./blocked.ts";
import { LOST, settleLost } from "./items.ts";
import { leaseOwner, type SpawnWorker } from "./messages.ts";
import { takeUp } from "./page-run.ts";
import {
  askBlocked,
  attemptAgain,
  attempted,
  awaitReceipts,
  blockedKnown,
  holdPage,
  journalAgain,
  journalled,
  proceed,
} from "./sending.ts";
import {
  type Ctx,
  idle,
  leaseMsOf,
  type Message,
  newLease,
  newWorker,
  type Opening,
  receiptWaitOf,
  type Sending,
  type WorkerDeps,
  type WorkerState,
} from "./state.ts";

export type { WorkerDeps } from "./state.ts";

/** A page that must end later than this is looked at by then, in milliseconds. */
const CLOSE_CHECK_MS = 24 * 3_600_000;

/**
 * Makes the push workers of a node: each leases a page at a time from the store, journals the
 * window it is about to send, hands it to the provider, and journals what came of it.
 */
export function pushWorkers(deps: WorkerDeps): SpawnWorker {
  const type: ActorType<WorkerState, Message> = {
    label: "worker",
    behavior: workerBehavior(deps),
    onStart: { type: "begin" },
    onEnd: ({ start: { master, name } }, reason, sendAnyway) => {
      if (reason === "crashed") sendAnyway(master, { type: "worker-crashed", worker: name });
    },
    restart: "transient",
  };
  return (ctx, start) => ctx.spawn(type, { name: start.name, state: newWorker(start) });
}

function workerBehavior(deps: WorkerDeps): Behavior<WorkerState, Message> {
  return (state, message, ctx) => {
    switch (message.type) {
      case "begin":
        return begin(state, ctx);
      case "send-page":
        return open(state, { ...message, attempts: 0 }, deps, ctx);
      case "opened":
        return opened(state, message, deps, ctx);
      case "open-again":
        return openAgain(state, deps, ctx);
      case "permits-granted":
        return granted(state, message.count, deps, ctx);
      case "attempted":
        return attempted(state, message, deps, ctx);
      case "attempt-again":
        return attemptAgain(state, message, deps, ctx);
      case "journalled":
        return journalled(state, message, deps, ctx);
      case "journal-again":
        return journalAgain(state, deps, ctx);
      case "flush":
        return flush(state, deps, ctx);
      case "renew":
        return renew(state, deps, ctx);
      case "set-pace":
        return proceed({ ...state, pace: message.pace }, deps, ctx);
      case "close-page":
        return message.serial === state.serial ? proceed(state, deps, ctx) : state;
      case "suppressed":
        return state;
      case "ask-blocked":
        return askBlocked(state, message, deps, ctx);
      case "blocked-known":
        return blockedKnown(state, message, deps, ctx);
      case "stand-down":
        return standDown(state, deps, ctx);
    }
  };
}

function begin(state: WorkerState, ctx: Ctx): WorkerState {
  const { name: worker, master } = state.start;
  ctx.send(master, { type: "worker-ready", worker, ref: ctx.self });
  return state;
}

/** Asks for the lease and reads the page at the same time: both are one trip to the store. */
function open(
  state: WorkerState,
  { page, until, attempts }: Omit<Opening, "type">,
  deps: WorkerDeps,
  ctx: Ctx,
): WorkerState {
  const serial = state.serial + 1;
  const { id: campaign, epoch, version, audience, guarantee } = state.start.campaign;
  const { partition, k } = page;
  const { leaseUntil, deadline } = newLease(deps, ctx);
  const key = { campaign, epoch, partition, k };
  const sendsFrom = guarantee === "at-most-once" ? "intent" : "done";
  const takesOver = page.abandoned === true;
  const owner = leaseOwner(deps.owner, state.start.master);
  const lease = { owner, now: ctx.now, leaseUntil, version, sendsFrom, takesOver } as const;
  ctx.perform(
    async () => {
      const [claimed, read] = await Promise.all([
        deps.campaigns.claim(key, lease),
        deps.audiences.page(audience, { partition, k }),
      ]);
      return { state: claimed, page: read };
    },
    (outcome) => ({ type: "opened", serial, deadline, outcome }),
  );
  return { ...state, serial, phase: { type: "opening", page, until, attempts } };
}

function opened(
  state: WorkerState,
  message: Extract<Message, { type: "opened" }>,
  deps: WorkerDeps,
  ctx: Ctx,
): WorkerState {
  const { phase } = state;
  if (phase.type !== "opening" || message.serial !== state.serial) return state;
  const { outcome, deadline } = message;
  if (!outcome.ok) {
    const { code } = outcome.error;
    if (code === "audience.unknown" || code === "campaign.unknown")
      return decline(state, "gone", ctx);
    if (state.standingDown) return decline(state, "taken", ctx);
    const attempts = phase.attempts + 1;
    ctx.setTimer("open-again", pauseAfter(attempts), { type: "open-again" });
    return { ...state, phase: { ...phase, attempts } };
  }
  const { state: claimed, page } = outcome.value;
  if (page === undefined) return decline(state, "gone", ctx);
  if (claimed === undefined) return decline(state, "taken", ctx);

  const { campaign } = state.start;
  const { recipients } = page;
  const { until } = phase;
  const run = takeUp(claimed, {
    ...{ zone: phase.page.zone, recipients, guarantee: campaign.guarantee, deadline },
    resendAt: ctx.monotonic + receiptWaitOf(deps),
    lost: (from, to) =>
      settleLost({ campaign, message: state.message, recipients }, { from, to, cause: LOST }),
  });
  ctx.setTimer("renew", leaseMsOf(deps) / 3, { type: "renew" });
  const { serial } = state;
  if (Number.isFinite(until)) {
    const inMs = Math.min(CLOSE_CHECK_MS, Math.max(1, until - ctx.now));
    ctx.setTimer("close-page", inMs, { type: "close-page", serial });
  }
  const sending: Sending = {
    ...{ run, until, writing: undefined, failures: 0, flush: "no", renew: false },
    blocked: deps.members === undefined ? NOBODY_BLOCKED : undefined,
    type: "sending",
  };
  const at = { ...state, phase: sending };
  holdPage(at, run, ctx);
  awaitReceipts(at, ctx);
  if (sending.blocked === undefined) askBlocked(at, { attempts: 0, serial }, deps, ctx);
  return proceed(at, deps, ctx);
}

/** A page that could not be had. Its state in the store is not ours to change. */
function decline(state: WorkerState, outcome: "gone" | "taken", ctx: Ctx): WorkerState {
  if (state.phase.type !== "opening") return state;
  const { name: worker, master } = state.start;
  ctx.send(master, { type: "page-left", worker, page: state.phase.page, outcome });
  if (state.standingDown) ctx.stop();
  return { ...state, phase: idle };
}

function openAgain(state: WorkerState, deps: WorkerDeps, ctx: Ctx): WorkerState {
  const { phase } = state;
  return phase.type === "opening" ? open(state, phase, deps, ctx) : state;
}

function granted(state: WorkerState, count: number, deps: WorkerDeps, ctx: Ctx): WorkerState {
  return proceed({ ...state, asking: false, permits: state.permits + count }, deps, ctx);
}

function flush(state: WorkerState, deps: WorkerDeps, ctx: Ctx): WorkerState {
  if (state.phase.type !== "sending") return state;
  return proceed({ ...state, phase: { ...state.phase, flush: "due" } }, deps, ctx);
}

function renew(state: WorkerState, deps: WorkerDeps, ctx: Ctx): WorkerState {
  if (state.phase.type !== "sending") return state;
  // Also when the store is away: it lives, and nobody else can have the page meanwhile.
  holdPage(state, state.phase.run, ctx);
  ctx.setTimer("renew", leaseMsOf(deps) / 3, { type: "renew" });
  return proceed({ ...state, phase: { ...state.phase, renew: true } }, deps, ctx);
}

function standDown(state: WorkerState, deps: WorkerDeps, ctx: Ctx): WorkerState {
  const standing = { ...state, standingDown: true };
  const { phase } = standing;
  if (phase.type === "sending") return proceed(standing, deps, ctx);
  // The lease may be on its way; what comes of it is given back then.
  if (phase.type === "opening" && phase.attempts === 0) return standing;
  if (phase.type === "opening") return decline(standing, "taken", ctx);
  ctx.stop();
  return standing;
}
