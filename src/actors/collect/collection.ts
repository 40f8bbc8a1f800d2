import { RuntimeError } from "../../core/errors.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { AudienceStore } from "../../persistence/ports/audience.ts";
import type { CollectionPart, CollectionStore } from "../../persistence/ports/collections.ts";
import type { ActorType, Context } from "../kernel/actor.ts";
import { type CollectWorkerDeps, collectWorker, type PartEnded } from "./collect-worker.ts";
import { type Audience, type CollectionMessage, collectionKind } from "./messages.ts";
import { type Collection, sealCollection } from "./store.ts";

/** Partitions collected at a time: some compute while others wait for the store. */
const WORKERS = 4;
const AGAIN_MS = 1_000;

export interface CollectionDeps extends CollectWorkerDeps {
  readonly audiences: AudienceStore;
  readonly collections: CollectionStore;
}

type Wait = Extract<CollectionMessage, { type: "wait" }>;

type Message =
  | CollectionMessage
  | PartEnded
  | { readonly type: "begin" }
  | { readonly type: "begun"; readonly outcome: Result<readonly CollectionPart[]> }
  | { readonly type: "sealed"; readonly outcome: Result<Audience> }
  | { readonly type: "end"; readonly audience: Audience }
  | { readonly type: "ended"; readonly audience: Audience; readonly outcome: Result<void> };

type Ctx = Context<Message>;

export interface CollectionState extends Collection {
  /** Partitions that nobody works on yet. */
  readonly open: readonly number[];
  readonly working: number;
  readonly waiting: readonly Wait[];
  /** The audience as it will be, once it is known. */
  readonly end: Audience | undefined;
}

export function newCollection({ audience, plan }: Collection): CollectionState {
  return { audience, plan, open: [], working: 0, waiting: [], end: undefined };
}

/**
 * The master of one collection: hands partitions to workers, and freezes the audience when all
 * are done. It begins with what the store says is open, so that it goes on after any crash.
 */
export function collectionActor(deps: CollectionDeps): ActorType<CollectionState, Message> {
  const worker = collectWorker(deps);
  return {
    label: "collection",
    kind: collectionKind,
    onStart: { type: "begin" },
    behavior: (state, message, ctx) => {
      switch (message.type) {
        case "begin":
          return begin(state, deps, ctx);
        case "begun":
          return begun(state, message.outcome, deps, worker, ctx);
        case "part-ended":
          return partEnded(state, message, deps, worker, ctx);
        case "sealed":
          if (message.outcome.ok) return endAs(state, message.outcome.value, ctx);
          return failed(state, message.outcome.error, ctx);
        case "stop":
          return failed(state, new RuntimeError("audience.invalid", message.why), ctx);
        case "end":
          return end(state, message.audience, deps, ctx);
        case "ended":
          return ended(state, message, ctx);
        case "wait":
          return { ...state, waiting: [...state.waiting, message] };
      }
    },
  };
}

type Worker = ReturnType<typeof collectWorker>;

function begin(state: CollectionState, { collections }: CollectionDeps, ctx: Ctx): CollectionState {
  ctx.perform(
    () => collections.parts(state.audience.id),
    (outcome) => ({ type: "begun", outcome }),
  );
  return state;
}

function begun(
  state: CollectionState,
  outcome: Result<readonly CollectionPart[]>,
  deps: CollectionDeps,
  worker: Worker,
  ctx: Ctx,
): CollectionState {
  if (!outcome.ok) {
    ctx.setTimer("begin", AGAIN_MS, { type: "begin" });
    return state;
  }
  const done = new Set(outcome.value.map(({ partition }) => partition));
  const all = Array.from({ length: state.plan.partitions }, (_, partition) => partition);
  return handOut({ ...state, open: all.filter((it) => !done.has(it)) }, deps, worker, ctx);
}

function handOut(
  state: CollectionState,
  deps: CollectionDeps,
  worker: Worker,
  ctx: Ctx,
): CollectionState {
  const { audience, plan, open, working, end } = state;
  if (end !== undefined) return state;
  const given = open.slice(0, WORKERS - working);
  for (const partition of given) {
    ctx.spawn(worker, {
      name: `partition-${partition}`,
      state: { audience, plan, partition, replyTo: ctx.self },
    });
  }
  if (working + given.length === 0) {
    ctx.perform(
      () => sealCollection(deps.collections, state),
      (outcome) => ({ type: "sealed", outcome }),
    );
  }
  return { ...state, open: open.slice(given.length), working: working + given.length };
}

function partEnded(
  state: CollectionState,
  { outcome }: PartEnded,
  deps: CollectionDeps,
  worker: Worker,
  ctx: Ctx,
): CollectionState {
  const next = { ...state, working: state.working - 1 };
  if (!outcome.ok) return failed(next, outcome.error, ctx);
  if (!outcome.value)
    return failed(next, new RuntimeError("audience.invalid", "it was ended"), ctx);
  return handOut(next, deps, worker, ctx);
}

function failed(state: CollectionState, error: RuntimeError, ctx: Ctx): CollectionState {
  const { audience } = state;
  return endAs(state, { ...audience, state: "failed", failure: error.message }, ctx);
}

function endAs(state: CollectionState, audience: Audience, ctx: Ctx): CollectionState {
  if (state.end !== undefined) return state;
  ctx.send(ctx.self, { type: "end", audience });
  return { ...state, end: audience, open: [] };
}

function end(
  state: CollectionState,
  audience: Audience,
  { collections }: CollectionDeps,
  ctx: Ctx,
): CollectionState {
  ctx.perform(
    () => collections.end(audience),
    (outcome) => ({ type: "ended", audience, outcome }),
  );
  return state;
}

function ended(
  state: CollectionState,
  { audience, outcome }: Extract<Message, { type: "ended" }>,
  ctx: Ctx,
): CollectionState {
  if (!outcome.ok) {
    ctx.setTimer("end", AGAIN_MS, { type: "end", audience });
    return state;
  }
  const error = new RuntimeError("audience.invalid", audience.failure);
  const answer = audience.state === "ready" ? ok(audience) : fail<Audience>(error);
  for (const wait of state.waiting) ctx.reply(wait, answer);
  ctx.stop();
  return state;
}
