import { RuntimeError } from "../../core/errors.ts";
import type { CollectionPart, CollectionRun } from "../../persistence/ports/collections.ts";
import type { Exclusions } from "../../persistence/ports/members.ts";
import { collectWorker, type PartEnded } from "./collect-worker.ts";
import { NOTHING_PULLED, type PullReport, pullWorker } from "./pull-worker.ts";
import {
  type CollectionDeps,
  type CollectionState,
  type Ctx,
  type Message,
  type Run,
  type Totals,
  withFault,
} from "./state.ts";
import { sealCollection } from "./store.ts";

/** Partitions collected at a time: some compute while others wait for the store. */
const WORKERS = 4;

const nobody: Exclusions = { optedOut: 0, suppressed: 0, noAddress: 0 };
const nothing: Totals = { partitions: 0, size: 0, duplicates: 0, excluded: nobody };

/** Begins, or goes on with, what the store says is done. */
export function beginRun(
  state: CollectionState,
  { plan, pull = NOTHING_PULLED, parts }: CollectionRun,
  deps: CollectionDeps,
  ctx: Ctx,
): CollectionState {
  const generation = state.generation + 1;
  const { done } = heldOf({ parts, pull });
  const isDone = new Set(parts.map(({ partition }) => partition));
  const all = Array.from({ length: plan.partitions }, (_, partition) => partition);
  const run: Run = {
    ...{ generation, epoch: state.audience!.epoch, plan, pull, workers: [], working: 0, done },
    ...{ open: all.filter((it) => !isDone.has(it)), doneBefore: done.size + pull.items },
    ...{ begunAt: ctx.monotonic, stepped: false, trouble: "", sealing: false, outcome: undefined },
  };
  const next = { ...state, generation, run };
  if (plan.source.type !== "pull" || pull.isDone) return handOut(next, deps, ctx);
  const { id, epoch } = state.audience!;
  const { source, partitions } = plan;
  const worker = ctx.spawn(pullWorker(deps), {
    name: `pull-${generation}`,
    state: {
      ...{ audience: id, epoch, source, partitions, pull, generation, attempt: 1 },
      replyTo: ctx.self,
    },
  });
  ctx.watch(worker, (reason) => ({ type: "worker-ended", generation, reason }));
  return withRun(next, { ...run, workers: [worker] });
}

/** What the store knows of a run that rests. */
export function heldOf({ parts, pull = NOTHING_PULLED }: Omit<CollectionRun, "plan">) {
  return { done: parts.reduce(added, nothing), pull };
}

/** Lets go of whatever is under way: what it has not written has not happened. */
export function endRun(state: CollectionState, ctx: Ctx): CollectionState {
  for (const worker of state.run?.workers ?? []) {
    ctx.unwatch(worker);
    ctx.stop(worker);
  }
  return { ...state, run: undefined };
}

function handOut(state: CollectionState, deps: CollectionDeps, ctx: Ctx): CollectionState {
  const { audience, run } = state;
  if (run === undefined || audience === undefined || run.outcome !== undefined) return state;
  const { generation, plan, open, working } = run;
  const given = open.slice(0, WORKERS - working);
  const workers = given.map((partition) => {
    const worker = ctx.spawn(collectWorker(deps), {
      name: `partition-${generation}-${partition}`,
      state: { audience, plan, partition, generation, replyTo: ctx.self },
    });
    ctx.watch(worker, (reason) => ({ type: "worker-ended", generation, reason }));
    return worker;
  });
  const isThrough = working + given.length === 0;
  if (isThrough && !run.sealing) {
    ctx.perform(
      () => sealCollection(deps.collections, audience.id),
      (outcome) => ({ type: "sealed", generation, outcome }),
    );
  }
  return withRun(state, {
    ...run,
    workers: [...run.workers, ...workers],
    open: open.slice(given.length),
    working: working + given.length,
    sealing: isThrough,
  });
}

/** Whatever a run's workers report; what comes of an earlier run is not heard. */
export function report(
  state: CollectionState,
  message: PartEnded | PullReport | Extract<Message, { type: "sealed" | "worker-ended" }>,
  deps: CollectionDeps,
  ctx: Ctx,
): CollectionState {
  const { run } = state;
  if (run === undefined || run.generation !== message.generation) return state;
  switch (message.type) {
    case "part-ended":
      return partEnded(state, run, message, deps, ctx);
    case "pull-trouble":
      return withRun(state, { ...run, trouble: message.why });
    case "pulled": {
      const next = { ...run, pull: message.state, trouble: "", stepped: true };
      const pulled = withRun(state, next);
      return message.state.isDone ? handOut(pulled, deps, ctx) : pulled;
    }
    case "pull-failed":
      return withRun(state, withFault(run, message.error));
    case "sealed": {
      const { outcome } = message;
      if (!outcome.ok) return withRun(state, withFault(run, outcome.error));
      const made = { ...outcome.value, ...pulledCounts(run) };
      return withRun(state, { ...run, outcome: { type: "made", made } });
    }
    case "worker-ended": {
      if (message.reason !== "crashed" && message.reason !== "escalated") return state;
      const error = new RuntimeError("actor.crashed", "a worker crashed; the log has the cause");
      return withRun(state, withFault(run, error));
    }
  }
}

/** What was left out before partitions were cut. */
function pulledCounts({ plan, pull }: Run) {
  return plan.source.type === "pull" ? { lines: pull.items, invalid: pull.invalid } : {};
}

function partEnded(
  state: CollectionState,
  run: Run,
  { outcome, worker }: PartEnded,
  deps: CollectionDeps,
  ctx: Ctx,
): CollectionState {
  ctx.unwatch(worker);
  const workers = run.workers.filter((it) => it !== worker);
  const next = { ...run, workers, working: run.working - 1 };
  if (!outcome.ok) return withRun(state, withFault(next, outcome.error));
  // Somebody else has changed the audience's state: the collection will hear of it.
  if (outcome.value === undefined) return withRun(state, next);
  const done = added(next.done, outcome.value);
  return handOut(withRun(state, { ...next, done, stepped: true }), deps, ctx);
}

function withRun(state: CollectionState, run: Run): CollectionState {
  return { ...state, run };
}

function added(sum: Totals, part: CollectionPart): Totals {
  const { optedOut, suppressed, noAddress } = part.excluded;
  return {
    partitions: sum.partitions + 1,
    size: sum.size + part.size,
    duplicates: sum.duplicates + part.duplicates,
    excluded: {
      optedOut: sum.excluded.optedOut + optedOut,
      suppressed: sum.excluded.suppressed + suppressed,
      noAddress: sum.excluded.noAddress + noAddress,
    },
  };
}
