import { holdersMax, windowFor } from "../../core/price.ts";
import type { Pace } from "../worker/messages.ts";
import type { Campaign } from "./messages.ts";
import type { Ctx, MasterDeps, MasterState, Run, Slot } from "./state.ts";

/** How often workers are looked after, in milliseconds. */
export const LOOK_MS = 500;
type Running = MasterState & { readonly run: Run };

/** Makes or sends away workers until there are `count`; who is idle goes first. */
export function addWorkers(state: Running, count: number, deps: MasterDeps, ctx: Ctx): Running {
  const { campaign, generation, run } = state;
  if (campaign === undefined) return state;
  const slots = new Map(run.slots);
  let { workersMade } = run;
  const pace = paceOf(campaign);
  while (slots.size < count) {
    workersMade += 1;
    const name = `${generation}-${workersMade}`;
    const ref = deps.spawnWorker(ctx, { name, campaign, pace, master: ctx.self });
    ctx.watch(ref, () => ({ type: "worker-ended", worker: name }));
    slots.set(name, newSlot(ref, ctx));
  }
  const surplus = [...slots].sort(([, a], [, b]) => Number(b.idle) - Number(a.idle));
  const leaving = surplus.slice(0, slots.size - count);
  for (const [name, { ref }] of leaving) {
    slots.delete(name);
    ctx.send(ref, { type: "stand-down" });
  }
  const left = state.leaving + leaving.length;
  return { ...state, leaving: left, run: { ...run, slots, workersMade } };
}

/** How many workers there should be: who waits for receipts has a stand-in. */
export function workersWanted(run: Run, campaign: Campaign): number {
  const waiting = [...run.slots.values()].filter(({ waits }) => waits).length;
  return Math.min(holdersMax(campaign), campaign.workers + waiting);
}

/** How fast the workers of a campaign may go. */
export function paceOf({ rate, window }: Pick<Campaign, "rate" | "window">): Pace {
  return { window: windowFor(rate, window), limited: rate > 0 };
}

export function newSlot(ref: Slot["ref"], ctx: Ctx): Slot {
  return {
    ...{
      ref,
      page: undefined,
      idle: false,
      held: false,
      waits: false,
      done: 0,
      intent: 0,
      oldestAt: undefined,
    },
    ...{ settled: 0, seenAt: ctx.monotonic },
  };
}
