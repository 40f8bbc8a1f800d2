import { pauseAfter } from "../../core/backoff.ts";
import { isFinal } from "../../core/task.ts";
import { leaseOwner } from "../worker/messages.ts";
import type { Campaign } from "./messages.ts";
import type { Ctx, MasterDeps, MasterState, Message } from "./state.ts";
import { afterChange } from "./watching.ts";

/** Notes which runs are over when the campaign becomes what was read. */
export function withOver(state: MasterState, found: Campaign): MasterState {
  const { campaign } = state;
  const past: Campaign[] = [];
  // A node may have died before it settled the run before.
  if (campaign === undefined) past.push({ ...found, epoch: found.epoch - 1 });
  else if (campaign.epoch < found.epoch) past.push(campaign);
  if (isFinal(found.state) && campaign?.state !== found.state) past.push(found);
  const fresh = past.filter(({ epoch }) => {
    return epoch > 0 && !state.over.some((it) => it.epoch === epoch);
  });
  return fresh.length === 0 ? state : { ...state, over: [...state.over, ...fresh] };
}

/** Settles what runs that are over have left in doubt, once the last of their workers has ended. */
export function settleOver(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  const { over, settling, leaving, changing, quiescing } = state;
  if (over.length === 0 || settling || leaving > 0 || changing) return state;
  if (quiescing !== undefined) return state;
  const owner = leaseOwner(deps.owner, ctx.self);
  ctx.perform(
    async () => {
      for (const run of over) await deps.settleAbandoned(run, owner);
    },
    (outcome) => ({ type: "over-settled", epochs: over.length, outcome }),
  );
  return { ...state, settling: true };
}

export function overSettled(
  state: MasterState,
  { epochs, outcome }: Extract<Message, { type: "over-settled" }>,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  if (!outcome.ok) {
    ctx.setTimer("settle-over", pauseAfter(10), { type: "settle-over" });
    return state;
  }
  const settled = { ...state, settling: false, over: state.over.slice(epochs) };
  return afterChange(settled, deps, ctx);
}
