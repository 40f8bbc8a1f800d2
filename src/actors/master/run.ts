import { pauseAfter } from "../../core/backoff.ts";
import { leaseOwner, type PageToSend } from "../worker/messages.ts";
import { listCanary } from "./canary.ts";
import { FailureMeter } from "./meters.ts";
import {
  exhausted,
  idOf,
  knownPages,
  listed,
  newSupply,
  nextRevival,
  PAGES_AHEAD,
  type PageSupply,
  revive,
  take,
  wantsListing,
} from "./page-supply.ts";
import { addWorkers, LOOK_MS, paceOf, workersWanted } from "./slots.ts";
import {
  type Ctx,
  type MasterDeps,
  type MasterState,
  type Message,
  newRate,
  type Report,
  type Run,
} from "./state.ts";
import { closesAt, isTimed, openingsAt } from "./timing.ts";
import { TokenBucket } from "./token-bucket.ts";

type Running = MasterState & { readonly run: Run };

/** Pages that a dead node may have left in doubt: one per worker, and a few of earlier deaths. */
const INTERRUPTED_MAX = 256;
/** Times are looked at again after this at the latest, in milliseconds: clocks may be set. */
const OPENING_CHECK_MS = 60_000;

/** Starts the workers of a campaign that the store says is running. */
export function beginRun(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  const { campaign } = state;
  if (campaign === undefined || state.run !== undefined || state.quiescing) return state;
  const generation = state.generation + 1;
  const { rate, window: windowMax } = campaign;
  const known = deps.providers.has(campaign.provider);
  const run: Run = {
    ...{ supply: newSupply, slots: new Map(), workersMade: 0, asks: [] },
    ...{ prepared: false, listings: 0, opensAt: 0, late: [], lookedAt: ctx.monotonic },
    bucket: rate === 0 ? undefined : new TokenBucket({ rate, windowMax, now: ctx.monotonic }),
    failures: new FailureMeter(),
    ...{ zones: undefined, open: undefined, lost: new Set(), lostWhy: "", verdict: undefined },
    fault: known ? "" : `there is no provider ${campaign.provider} on this node`,
    refusal: "",
  };
  const begun: Running = { ...state, generation, run, rate: newRate(ctx) };
  return prepare(addWorkers(begun, known ? campaign.workers : 0, deps, ctx), deps, ctx);
}

/** Reads what a run begins with; one that is new and has no times begins at once. */
export function prepare(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  const { run, campaign, generation, resuming } = state;
  if (run === undefined || campaign === undefined || run.prepared) return state;
  const timed = isTimed(campaign);
  if (!timed && !resuming) {
    return supplyMore({ ...state, run: { ...run, prepared: true } }, deps, ctx);
  }
  const { id, epoch } = campaign;
  // What its own workers hold is lost with them: unless some of them still live.
  const owner = state.leaving === 0 ? leaseOwner(deps.owner, ctx.self) : undefined;
  const left = { limit: INTERRUPTED_MAX, owner };
  ctx.perform(
    async () => {
      const [zones, interrupted] = await Promise.all([
        timed ? deps.campaigns.zones(id, epoch) : undefined,
        resuming ? deps.campaigns.interrupted(id, epoch, left) : [],
      ]);
      return { zones, interrupted };
    },
    (outcome) => ({ type: "prepared", generation, outcome }),
  );
  return state;
}

export function prepared(
  state: MasterState,
  { generation, outcome }: Extract<Message, { type: "prepared" }>,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const { run } = state;
  if (run === undefined || generation !== state.generation) return state;
  if (!outcome.ok) return listingFailed(state, outcome.error, "prepare", ctx);
  const { zones, interrupted } = outcome.value;
  const next: Running = { ...state, resuming: false, run: { ...run, prepared: true, zones } };
  const opened = open(next, ctx);
  const { supply, open: zonesOpen } = opened.run;
  const mine = interrupted.filter(({ zone }) => zonesOpen?.includes(zone) ?? true);
  const why = `${mine.length} pages that a node left in doubt when it died are taken up again`;
  const lost = new Set(mine.map(idOf));
  const queue = [...mine.map((page) => ({ ...page, abandoned: true })), ...supply.queue];
  const taken = { ...opened.run, supply: { ...supply, queue }, lost, lostWhy: why };
  return supplyMore({ ...opened, run: taken }, deps, ctx);
}

/** Looks which zones may go now; when that has changed, pages are listed anew. */
function open(state: Running, ctx: Ctx): Running {
  const { run, campaign } = state;
  if (run.zones === undefined || campaign === undefined) return state;
  const openings = openingsAt(campaign, run.zones, ctx.now);
  const zones = run.zones.map((it) =>
    it.begun || !openings.open.includes(it.zone) ? it : { ...it, begun: true },
  );
  const inMs = Math.min(OPENING_CHECK_MS, Math.max(1, openings.nextAt - ctx.now));
  if (Number.isFinite(openings.nextAt)) ctx.setTimer("opening", inMs, { type: "opening" });
  const same = run.open !== undefined && run.open.join() === openings.open.join();
  const supply = same ? run.supply : { ...newSupply, deferred: run.supply.deferred };
  // What is being listed now is for other zones, and is dropped when it comes.
  const listings = same ? run.listings : run.listings + 1;
  const { opensAt, late } = openings;
  const looked = { zones, open: openings.open, opensAt, late, supply, listings };
  return { ...state, run: { ...run, ...looked } };
}

/** The time of some zone has come, or its quiet hours. */
export function openingDue(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  const { run } = state;
  return run === undefined || !run.prepared
    ? state
    : supplyMore(open({ ...state, run }, ctx), deps, ctx);
}

/** Lets the workers finish what they have in flight. */
export function endRun(state: MasterState, ctx: Ctx): MasterState {
  const { run } = state;
  if (run === undefined) return state;
  for (const { ref } of run.slots.values()) ctx.send(ref, { type: "stand-down" });
  const timers = ["list-pages", "pages", "permits", "prepare", "opening", "look-after"];
  for (const timer of timers) ctx.clearTimer(timer);
  return { ...state, run: undefined, leaving: state.leaving + run.slots.size };
}

export function windowSent(
  state: MasterState,
  { worker, settled, asked, failed, rejected, refusal }: Report<"window-sent">,
  ctx: Ctx,
): MasterState {
  state.rate?.add(settled, ctx.monotonic);
  const { run } = state;
  if (run === undefined) return state;
  if (asked) run.failures.add(rejected !== "");
  run.failures.failed += failed;
  const slot = run.slots.get(worker);
  // Once per window, so it is changed in place.
  if (slot !== undefined) slot.settled += settled;
  if (rejected === "" && refusal === "") return state;
  const fault = rejected === "" ? run.fault : faultOf(run, rejected);
  return { ...state, run: { ...run, fault, refusal: run.refusal || refusal } };
}

/** Why the run cannot go on, after another failure. */
export function faultOf(run: Run, why: string): string {
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

/** Goes on at another pace, with as many workers as the campaign says. */
export function repace(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  const { run, campaign } = state;
  if (run === undefined || campaign === undefined) return state;
  const { rate, window: windowMax } = campaign;
  const bucket = rate === 0 ? undefined : new TokenBucket({ rate, windowMax, now: ctx.monotonic });
  const pace = paceOf(campaign);
  for (const { ref } of run.slots.values()) ctx.send(ref, { type: "set-pace", pace });
  const paced: Running = { ...state, run: { ...run, bucket } };
  const wanted = workersWanted(run, campaign);
  return supplyMore(addWorkers(grantAll(paced, ctx), wanted, deps, ctx), deps, ctx);
}

/** Whoever waits for permits under the old rate asks for the new one. */
function grantAll(state: Running, ctx: Ctx): Running {
  return grantPermits(state, ctx) as Running;
}

export function pagesListed(
  state: MasterState,
  { generation, listing, outcome }: Extract<Message, { type: "pages-listed" }>,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const { run } = state;
  if (run === undefined || generation !== state.generation || listing !== run.listings) {
    return state;
  }
  if (!outcome.ok) return listingFailed(state, outcome.error, "list-pages", ctx);
  const { canary, ...found } = outcome.value;
  if (canary !== undefined) return { ...state, run: { ...run, verdict: canary } };
  const held = [...run.slots.values()].map(({ page }) => page);
  const supply = listed(run.supply, found, knownPages(run.supply, held));
  return supplyMore({ ...state, run: { ...run, supply } }, deps, ctx);
}

function listingFailed(
  state: MasterState,
  { code, message }: { readonly code: string; readonly message: string },
  timer: "prepare" | "list-pages",
  ctx: Ctx,
): MasterState {
  const { run } = state;
  if (run === undefined) return state;
  if (code === "audience.unknown" || code === "campaign.unknown") {
    return { ...state, run: { ...run, fault: run.fault || message } };
  }
  const listFailures = run.supply.listFailures + 1;
  ctx.setTimer(timer, pauseAfter(listFailures), { type: timer });
  return { ...state, run: { ...run, supply: { ...run.supply, listFailures } } };
}

/** The pause after a failed listing is over. */
export function listAgain(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  const { run } = state;
  if (run === undefined) return state;
  const supply = { ...run.supply, listing: false };
  return supplyMore({ ...state, run: { ...run, supply } }, deps, ctx);
}

/** Hands out what there is and reads ahead; in bounded steps, whatever the audience's size. */
export function supplyMore(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  const { run, campaign } = state;
  if (run === undefined || campaign === undefined || !run.prepared) return state;
  let supply = sendableNow(revive(run.supply, ctx.monotonic), run);
  let { slots, lookedAt } = run;
  if (isResting(run) && supply.queue.length > 0) {
    // Nobody is looked after while nobody has a page.
    lookedAt = ctx.monotonic;
    ctx.setTimer("look-after", LOOK_MS, { type: "look-after" });
  }
  for (const [worker, slot] of slots) {
    if (!slot.idle) continue;
    const [page, rest] = take(supply);
    if (page === undefined) break;
    supply = rest;
    const busy = { ...slot, page, idle: false, held: false, seenAt: ctx.monotonic };
    slots = new Map(slots).set(worker, busy);
    const until = closesAt(campaign, page.zone, ctx.now);
    ctx.send(slot.ref, { type: "send-page", page, until });
  }
  if (isResting({ ...run, slots }) && exhausted(supply) === "look-again") supply = newSupply;
  const due = nextRevival(supply, ctx.monotonic);
  if (due !== undefined) ctx.setTimer("pages", due, { type: "pages-due" });
  const next: Running = { ...state, run: { ...run, supply, slots, lookedAt } };
  const mayList = run.open?.length !== 0 && run.verdict === undefined;
  return mayList && wantsListing(supply) ? list(next, deps, ctx) : next;
}

/** What waits may have got into quiet hours meanwhile. */
function sendableNow(supply: PageSupply, { open }: Run): PageSupply {
  if (open === undefined) return supply;
  const queue = supply.queue.filter(({ zone }) => open.includes(zone));
  return queue.length === supply.queue.length ? supply : { ...supply, queue };
}

/** Whether no worker has a page. */
function isResting(run: Run): boolean {
  return [...run.slots.values()].every(({ page }) => page === undefined);
}

/** Whether everything that may go now is done. */
export function isThrough(run: Run): boolean {
  if (!run.prepared || !isResting(run)) return false;
  return run.open?.length === 0 || exhausted(run.supply) === "nothing-left";
}

/** Notes which zones are through, so that their quiet hours keep nobody waiting. */
export function markDone(run: Run): Run {
  const { zones, open: through } = run;
  if (zones === undefined || exhausted(run.supply) !== "nothing-left") return run;
  return {
    ...run,
    zones: zones.map((it) => (through?.includes(it.zone) ? { ...it, done: true } : it)),
  };
}

/** Lists pages anew, without what held the run back. */
export function listAnew(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  const { run } = state;
  if (run === undefined) return state;
  const supply = { ...newSupply, deferred: run.supply.deferred };
  const fresh = { ...run, supply, verdict: undefined, listings: run.listings + 1 };
  return supplyMore({ ...state, run: fresh }, deps, ctx);
}

function list(state: Running, deps: MasterDeps, ctx: Ctx): MasterState {
  const { generation, campaign, run } = state;
  if (campaign === undefined) return state;
  const { id, epoch, canary } = campaign;
  const { after } = run.supply;
  const { open: zones, listings: listing } = run;
  const trial = campaign.run.canary === "trial" && canary !== undefined;
  ctx.perform(
    () =>
      trial
        ? listCanary(
            deps.campaigns,
            { ...campaign, canary },
            { zones, failed: run.failures.failed },
          )
        : deps.campaigns.openPages(id, epoch, { after, limit: PAGES_AHEAD, zones }),
    (outcome) => ({ type: "pages-listed", generation, listing, outcome }),
  );
  return { ...state, run: { ...run, supply: { ...run.supply, listing: true } } };
}

/** Pages left in doubt by a dead worker, seen from the run. */
export function withLost(run: Run, page: PageToSend, why: string): Run {
  return { ...run, lost: new Set(run.lost).add(idOf(page)), lostWhy: why };
}
