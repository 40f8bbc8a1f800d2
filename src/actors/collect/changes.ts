import { RuntimeError } from "../../core/errors.ts";
import { isRunning } from "../../core/task.ts";
import type { TaskChange } from "../task/state.ts";
import type { Audience } from "./messages.ts";
import { planCollection } from "./plan.ts";
import { beginRun, endRun, heldOf } from "./run.ts";
import type { CollectionDeps, CollectionState, Command, Ctx, Loaded, Made } from "./state.ts";

/** Collections that run at a time on a node. */
const RUNNING_MAX = 16;
const BUSY_MS = 5_000;

/** Writes a change of state; a run that is begun anew begins with a plan. */
export async function write(
  before: Audience,
  { to, newRun, by, why, notes }: TaskChange<Command, Made>,
  at: number,
  deps: CollectionDeps,
): Promise<Loaded> {
  const { collections } = deps;
  if (isRunning(to) && !isRunning(before.state)) await mustHaveRoom(deps);
  const plan = newRun ? await planCollection(before.source!, at, deps) : undefined;
  const begun = plan === undefined ? {} : { ...emptied(before), partitions: plan.partitions };
  const audience = { ...before, ...begun, ...notes, state: to, by, why, changedAt: at };
  const { state, epoch } = before;
  await collections.transition(audience, { state, epoch }, plan);
  return { audience, run: await collections.run(audience.id) };
}

/** @throws RuntimeError `gateway.busy`. */
async function mustHaveRoom({ collections }: CollectionDeps): Promise<void> {
  if ((await collections.running()).length < RUNNING_MAX) return;
  const message = `${RUNNING_MAX} audiences are being collected`;
  throw new RuntimeError("gateway.busy", message, { retryAfterMs: BUSY_MS });
}

/** As it was before the first run, in the next epoch. */
function emptied({ excluded: _, epoch, ...audience }: Audience): Audience {
  const counts = { size: 0, pages: 0, lines: 0, duplicates: 0, invalid: 0 };
  return { ...audience, ...counts, hash: "", epoch: epoch + 1 };
}

/** Makes what runs agree with what the store says. */
export function adopt(
  state: CollectionState,
  { audience, run }: Loaded,
  deps: CollectionDeps,
  ctx: Ctx,
): CollectionState {
  const next = { ...state, audience };
  // What is started and has no run here was cut off: it becomes `reboot` first.
  if (state.audience === undefined && audience.state === "started") return next;
  const isSame = state.run?.epoch === audience.epoch;
  if (isRunning(audience.state) && isSame) return next;
  const ended = endRun(next, ctx);
  const runs = isRunning(audience.state) && run !== undefined;
  if (runs) return beginRun(ended, run, deps, ctx);
  return { ...ended, held: run && heldOf(run) };
}

/** Undefined when there is no such audience. */
export async function load(id: string, deps: CollectionDeps): Promise<Loaded | undefined> {
  const [audience, run] = await Promise.all([deps.audiences.read(id), deps.collections.run(id)]);
  return audience && { audience, run };
}
