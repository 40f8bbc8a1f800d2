import { windowFor } from "../../core/price.ts";
import { FailureMeter } from "./meters.ts";
import {
  defer,
  exhausted,
  listed,
  newSupply,
  nextRevival,
  PAGES_AHEAD,
  type PageSupply,
  requeue,
  revive,
  take,
  wantsListing,
} from "./page-supply.ts";
import {
  type Ctx,
  type MasterDeps,
  type MasterState,
  type Message,
  newRate,
  type Report,
  type Run,
  type Slot,
  storePause,
} from "./state.ts";
import { TokenBucket } from "./token-bucket.ts";

type Running = MasterState & { readonly run: Run };

/** Starts the workers of a campaign that the store says is started. */
export function beginRun(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  const { campaign } = state;
  if (campaign === undefined || state.run !== undefined || state.quiescing) return state;
  const generation = state.generation + 1;
  const { rate, window: windowMax } = campaign;
  const window = windowFor(rate, windowMax);
  const slots = new Map<string, Slot>();
  const known = deps.providers.has(campaign.provider);
  const workers = known ? campaign.workers : 0;
  for (let index = 1; index <= workers; index += 1) {
    const name = `${generation}-${index}`;
    const ref = deps.spawnWorker(ctx, { name, campaign, window, master: ctx.self });
    ctx.watch(ref, () => ({ type: "worker-ended", worker: name }));
    slots.set(name, { ref, page: undefined, idle: false });
  }
  const bucket = rate === 0 ? undefined : new TokenBucket({ rate, windowMax, now: ctx.monotonic });
  const run: Run = {
    supply: newSupply,
    slots,
    bucket,
    asks: [],
    failures: new FailureMeter(),
    fault: known ? "" : `there is no provider ${campaign.provider} on this node`,
    refusal: "",
  };
  const begun = { ...state, generation, run, rate: newRate(ctx) };
  return supplyMore(begun, deps, ctx);
}

/** Lets the workers finish what they have in flight. */
export function endRun(state: MasterState, ctx: Ctx): MasterState {
  const { run } = state;
  if (run === undefined) return state;
  for (const { ref } of run.slots.values()) ctx.send(ref, { type: "stand-down" });
  for (const timer of ["list-pages", "pages", "permits"]) ctx.clearTimer(timer);
  return { ...state, run: undefined, leaving: state.leaving + run.slots.size };
}

/** A worker begins, or begins again after a crash: then what it held is anybody's guess. */
export function workerReady(
  state: MasterState,
  { worker, ref }: Report<"worker-ready">,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const { run } = state;
  const slot = run?.slots.get(worker);
  if (run === undefined || slot === undefined) {
    ctx.send(ref, { type: "stand-down" });
    return state;
  }
  let { supply } = run;
  if (slot.page !== undefined) {
    run.failures.add(true);
    supply = defer(supply, slot.page, ctx.monotonic);
  }
  const asks = run.asks.filter((ask) => ask.worker !== worker);
  const slots = withSlot(run, worker, { ref, page: undefined, idle: true });
  const fault = faultOf(run, "workers crash");
  return supplyMore({ ...state, run: { ...run, supply, asks, slots, fault } }, deps, ctx);
}

export function pageLeft(
  state: MasterState,
  { worker, page, outcome }: Report<"page-left">,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const { run } = state;
  const slot = run?.slots.get(worker);
  if (run === undefined || slot === undefined) return state;
  const slots = withSlot(run, worker, { ...slot, page: undefined, idle: true });
  let { supply, fault } = run;
  if (outcome === "taken") supply = defer(supply, page, ctx.monotonic);
  if (outcome === "open") supply = requeue(supply, page);
  if (outcome === "gone") fault ||= `the audience has no page ${page.partition}/${page.k} any more`;
  return supplyMore({ ...state, run: { ...run, supply, slots, fault } }, deps, ctx);
}

export function windowSent(
  state: MasterState,
  { settled, rejected, refusal }: Report<"window-sent">,
  ctx: Ctx,
): MasterState {
  state.rate?.add(settled, ctx.monotonic);
  const { run } = state;
  if (run === undefined) return state;
  run.failures.add(rejected !== "");
  if (rejected === "" && refusal === "") return state;
  const fault = rejected === "" ? run.fault : faultOf(run, rejected);
  return { ...state, run: { ...run, fault, refusal: run.refusal || refusal } };
}

function faultOf(run: Run, why: string): string {
  const { tripped, rejected, seen } = run.failures;
  if (run.fault !== "" || !tripped) return run.fault;
  return `${rejected} of the last ${seen} windows failed: ${why}`;
}

export function wantPermits(
  state: MasterState,
  { worker, count }: Report<"want-permits">,
  ctx: Ctx,
): MasterState {
  const { run } = state;
  if (run === undefined || !run.slots.has(worker)) return state;
  return grantPermits({ ...state, run: { ...run, asks: [...run.asks, { worker, count }] } }, ctx);
}

/** Serves those who ask in their order, as far as the rate allows. */
export function grantPermits(state: MasterState, ctx: Ctx): MasterState {
  const { run } = state;
  if (run === undefined) return state;
  let served = 0;
  for (const { worker, count } of run.asks) {
    const wait = run.bucket?.take(count, ctx.monotonic) ?? 0;
    if (wait > 0) {
      ctx.setTimer("permits", Math.ceil(wait), { type: "permits-due" });
      break;
    }
    const slot = run.slots.get(worker);
    if (slot !== undefined) ctx.send(slot.ref, { type: "permits-granted", count });
    served += 1;
  }
  return served === 0 ? state : { ...state, run: { ...run, asks: run.asks.slice(served) } };
}

export function pagesListed(
  state: MasterState,
  { generation, outcome }: Extract<Message, { type: "pages-listed" }>,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const { run } = state;
  if (run === undefined || generation !== state.generation) return state;
  if (outcome.ok)
    return supplyMore(withSupply(state, listed(run.supply, outcome.value)), deps, ctx);
  const { code, message } = outcome.error;
  if (code === "audience.unknown" || code === "campaign.unknown") {
    return { ...state, run: { ...run, fault: run.fault || message } };
  }
  const listFailures = run.supply.listFailures + 1;
  ctx.setTimer("list-pages", storePause(listFailures), { type: "list-pages" });
  return withSupply(state, { ...run.supply, listFailures });
}

/** The pause after a failed listing is over. */
export function listAgain(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  if (state.run === undefined) return state;
  return supplyMore(withSupply(state, { ...state.run.supply, listing: false }), deps, ctx);
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
  const supply = slot.page === undefined ? run.supply : defer(run.supply, slot.page, ctx.monotonic);
  const fault = slots.size === 0 ? run.fault || "all workers have ended" : run.fault;
  return supplyMore({ ...state, run: { ...run, slots, supply, fault } }, deps, ctx);
}

/** Hands out what there is and reads ahead; in bounded steps, whatever the audience's size. */
export function supplyMore(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  if (state.run === undefined) return state;
  let supply = revive(state.run.supply, ctx.monotonic);
  let { slots } = state.run;
  for (const [worker, slot] of slots) {
    if (!slot.idle) continue;
    const [page, rest] = take(supply);
    if (page === undefined) break;
    supply = rest;
    slots = new Map(slots).set(worker, { ...slot, page, idle: false });
    ctx.send(slot.ref, { type: "send-page", page });
  }
  const resting = [...slots.values()].every(({ page }) => page === undefined);
  if (resting && exhausted(supply) === "look-again") supply = { ...newSupply };
  const due = nextRevival(supply, ctx.monotonic);
  if (due !== undefined) ctx.setTimer("pages", due, { type: "pages-due" });
  const next: Running = { ...state, run: { ...state.run, supply, slots } };
  return wantsListing(supply) ? list(next, deps, ctx) : next;
}

/** Whether every page is done, so that the run may be called finished. */
export function isComplete(run: Run): boolean {
  const resting = [...run.slots.values()].every(({ page }) => page === undefined);
  return resting && exhausted(run.supply) === "nothing-left";
}

function list(state: Running, deps: MasterDeps, ctx: Ctx): MasterState {
  const { id, generation } = state;
  const epoch = state.campaign?.epoch ?? 0;
  const { after } = state.run.supply;
  ctx.perform(
    () => deps.campaigns.openPages(id, epoch, { after, limit: PAGES_AHEAD }),
    (outcome) => ({ type: "pages-listed", generation, outcome }),
  );
  return withSupply(state, { ...state.run.supply, listing: true });
}

function withSupply(state: MasterState, supply: PageSupply): MasterState {
  return state.run === undefined ? state : { ...state, run: { ...state.run, supply } };
}

function withSlot(run: Run, worker: string, slot: Slot): ReadonlyMap<string, Slot> {
  return new Map(run.slots).set(worker, slot);
}
