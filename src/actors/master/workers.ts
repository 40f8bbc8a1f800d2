import type { PageToSend } from "../worker/messages.ts";
import { defer, idOf, putFirst, requeue } from "./page-supply.ts";
import { faultOf, supplyMore, withLost } from "./run.ts";
import { addWorkers, LOOK_MS, newSlot, paceOf, workersWanted } from "./slots.ts";
import type { Ctx, MasterDeps, MasterState, Report, Run, Slot } from "./state.ts";

type Running = MasterState & { readonly run: Run };

const LEASE_MS = 4_000;

/** A worker begins, or begins again after a crash. */
export function workerReady(
  state: MasterState,
  { worker, ref }: Report<"worker-ready">,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const { run, campaign } = state;
  if (run === undefined || campaign === undefined || !run.slots.has(worker)) {
    ctx.send(ref, { type: "stand-down" });
    return state;
  }
  // It was made with the pace of then, and begins again with it.
  ctx.send(ref, { type: "set-pace", pace: paceOf(campaign) });
  const asks = run.asks.filter((ask) => ask.worker !== worker);
  const slot = { ...newSlot(ref, ctx), settled: run.slots.get(worker)!.settled, idle: true };
  const slots = new Map(run.slots).set(worker, slot);
  return supplyMore({ ...state, run: { ...run, asks, slots } }, deps, ctx);
}

/** What a crashed worker held goes to the next one that is free: its fence shuts out the dead. */
export function workerCrashed(
  state: MasterState,
  { worker }: Report<"worker-crashed">,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const { run } = state;
  const slot = run?.slots.get(worker);
  // It was on its way out: the next run looks for what it has left.
  if (run === undefined || slot === undefined) return { ...state, resuming: true };
  run.failures.add(true);
  const asks = run.asks.filter((ask) => ask.worker !== worker);
  const { ref, settled } = slot;
  const slots = new Map(run.slots).set(worker, { ...newSlot(ref, ctx), settled });
  const next = { ...loses(run, slot, `worker ${worker} crashed`), asks, slots };
  return supplyMore(
    { ...state, run: { ...next, fault: faultOf(run, "workers crash") } },
    deps,
    ctx,
  );
}

/** Puts the page of a dead worker before all others. */
function loses(run: Run, { page, held }: Slot, what: string): Run {
  if (page === undefined) return run;
  const supply = putFirst(run.supply, { ...page, abandoned: true });
  const next = { ...run, supply };
  if (!held) return next;
  return withLost(next, page, `${what}; its page ${idOf(page)} is taken up again`);
}

/** The heartbeat of a worker. */
export function pageHeld(
  state: MasterState,
  { worker, page, done, intent, oldestAt, waits }: Report<"page-held">,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const { run } = state;
  const slot = run?.slots.get(worker);
  if (run === undefined || slot === undefined) return state;
  const seen = { ...slot, held: true, waits, done, intent, oldestAt, seenAt: ctx.monotonic };
  const slots = new Map(run.slots).set(worker, seen);
  const next: Running = { ...state, run: { ...found(run, page), slots } };
  if (waits === slot.waits || state.campaign === undefined) return next;
  // One too many goes when it has finished its page.
  const count = Math.max(slots.size, workersWanted(next.run, state.campaign));
  return addWorkers(next, count, deps, ctx);
}

/** A page that was lost is in good hands again. */
function found(run: Run, page: PageToSend): Run {
  if (!run.lost.has(idOf(page))) return run;
  const lost = new Set(run.lost);
  lost.delete(idOf(page));
  return { ...run, lost };
}

export function pageLeft(
  state: MasterState,
  { worker, page, outcome }: Report<"page-left">,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const { run } = state;
  if (run === undefined || !worker.startsWith(`${state.generation}-`)) return state;
  const slot = run.slots.get(worker);
  // Of a worker that was sent away only the page is of interest.
  const rested = {
    page: undefined,
    idle: true,
    held: false,
    waits: false,
    oldestAt: undefined,
    seenAt: ctx.monotonic,
  };
  const slots = slot ? new Map(run.slots).set(worker, { ...slot, ...rested }) : run.slots;
  let { supply, fault } = run;
  const { abandoned: _, ...again } = page;
  if (outcome === "taken") supply = defer(supply, again, ctx.monotonic);
  if (outcome === "open" && maySend(run, page)) supply = requeue(supply, again);
  if (outcome === "gone") fault ||= `the audience has no page ${idOf(page)} any more`;
  const settled = outcome === "done" || outcome === "open" ? found(run, page) : run;
  const left: Running = { ...state, run: { ...settled, supply, slots, fault } };
  return supplyMore(withoutStandIn(left, deps, ctx), deps, ctx);
}

/** Sends away who stood in for a worker that does not wait any more. */
function withoutStandIn(state: Running, deps: MasterDeps, ctx: Ctx): Running {
  const { run, campaign } = state;
  if (campaign === undefined) return state;
  const wanted = workersWanted(run, campaign);
  return run.slots.size > wanted ? addWorkers(state, wanted, deps, ctx) : state;
}

function maySend({ open }: Run, { zone }: PageToSend): boolean {
  return open?.includes(zone) ?? true;
}

/** A worker is gone for good. */
export function workerEnded(
  state: MasterState,
  worker: string,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const { run } = state;
  const slot = run?.slots.get(worker);
  if (run === undefined || slot === undefined) {
    return { ...state, leaving: Math.max(0, state.leaving - 1) };
  }
  const slots = new Map(run.slots);
  slots.delete(worker);
  const next = loses(run, slot, `worker ${worker} ended`);
  const fault = slots.size === 0 ? run.fault || "all workers have ended" : run.fault;
  return supplyMore({ ...state, run: { ...next, slots, fault } }, deps, ctx);
}

/**
 * Takes a worker for dead that has a page and has not been heard of for a lease: only its page
 * is taken up again, by another worker. A master that was asleep itself hears them first.
 */
export function lookAfter(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  const { run, campaign } = state;
  if (run === undefined || campaign === undefined) return state;
  const now = ctx.monotonic;
  const busy = [...run.slots.values()].some(({ page }) => page !== undefined);
  if (busy || run.lost.size > 0) ctx.setTimer("look-after", LOOK_MS, { type: "look-after" });
  const awake = now - run.lookedAt <= 2 * LOOK_MS;
  const looked = { ...keepLost(awake ? run : allSeen(run, now)), lookedAt: now };
  const leaseMs = deps.leaseMs ?? LEASE_MS;
  const silent = [...looked.slots].filter(([, { held, seenAt }]) => held && now - seenAt > leaseMs);
  if (silent.length === 0) return { ...state, run: looked };
  let next: Run = looked;
  const slots = new Map(run.slots);
  for (const [worker, slot] of silent) {
    next = loses(next, slot, `worker ${worker} was not heard of for ${leaseMs} ms`);
    slots.delete(worker);
    ctx.stop(slot.ref);
  }
  const asks = run.asks.filter(({ worker }) => slots.has(worker));
  const leaving = state.leaving + silent.length;
  const without: Running = { ...state, leaving, run: { ...next, slots, asks } };
  const wanted = workersWanted(without.run, campaign);
  return supplyMore(addWorkers(without, wanted, deps, ctx), deps, ctx);
}

function allSeen(run: Run, now: number): Run {
  const slots = [...run.slots].map(([name, slot]) => [name, { ...slot, seenAt: now }] as const);
  return { ...run, slots: new Map(slots) };
}

/** A lost page that nobody waits for any more is done, or the next listing finds it. */
function keepLost(run: Run): Run {
  if (run.lost.size === 0) return run;
  const waits = new Set([
    ...run.supply.queue.map(idOf),
    ...run.supply.deferred.map(({ page }) => idOf(page)),
    ...[...run.slots.values()].flatMap(({ page }) => (page === undefined ? [] : [idOf(page)])),
  ]);
  const lost = new Set([...run.lost].filter((id) => waits.has(id)));
  return lost.size === run.lost.size ? run : { ...run, lost };
}
