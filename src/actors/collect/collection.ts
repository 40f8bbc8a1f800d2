import { RuntimeError } from "../../core/errors.ts";
import { fail, type Result } from "../../core/result.ts";
import { isRunning } from "../../core/task.ts";
import type { ActorType, Behavior } from "../kernel/actor.ts";
import { adopt, changed, command, load, readAgain, unknownAudience } from "./commands.ts";
import { collectionKind } from "./messages.ts";
import { checkRun } from "./own-changes.ts";
import { report } from "./run.ts";
import type { CollectionDeps, CollectionState, Ctx, Message, Request } from "./state.ts";
import { look, publish, tell, unsubscribe } from "./watching.ts";

const STASH_MAX = 1_000;
const WAITING_MAX = 1_000;
const LOAD_AGAIN_MS = 1_000;
/** How long a collection that does nothing stays, in milliseconds. */
const IDLE_MS = 60_000;

/**
 * The collection of one audience: guards its state, hands its partitions to workers, and freezes
 * it when all are done.
 *
 * An entity, named after the audience. What must last is in the store: one that crashes begins
 * again from there, and says so by the state `reboot`.
 */
export function collectionActor(deps: CollectionDeps): ActorType<CollectionState, Message> {
  const behavior = collectionBehavior(deps);
  return {
    label: "collection",
    kind: collectionKind,
    behavior: (state, message, ctx) =>
      tell(checkRun(behavior(state, message, ctx), deps, ctx), state, ctx),
    onStart: { type: "load" },
    restart: "transient",
  };
}

function collectionBehavior(deps: CollectionDeps): Behavior<CollectionState, Message> {
  return (state, message, ctx) => {
    switch (message.type) {
      case "load":
        return beginLoad(state, deps, ctx);
      case "loaded":
        return loaded(state, message, deps, ctx);
      case "wake":
      case "check":
        return state;
      case "command-audience":
      case "wait-audience":
      case "read-audience-progress":
      case "watch-audience":
        return request(state, message, deps, ctx);
      case "changed":
        return unstash(changed(state, message, deps, ctx), deps, ctx);
      case "read-again":
        return unstash(readAgain(state, message, deps, ctx), deps, ctx);
      case "part-ended":
      case "pulled":
      case "pull-trouble":
      case "pull-failed":
      case "sealed":
      case "worker-ended":
        return report(state, message, deps, ctx);
      case "publish":
        return publish({ ...state, publishing: false }, ctx);
      case "subscriber-ended":
        return unsubscribe(state, message.subscriber);
      case "idle":
        return idle(state, ctx);
    }
  };
}

function beginLoad(state: CollectionState, deps: CollectionDeps, ctx: Ctx): CollectionState {
  ctx.setTimer("idle", IDLE_MS, { type: "idle" });
  ctx.perform(
    () => load(state.id, deps),
    (outcome) => ({ type: "loaded", outcome }),
  );
  return state;
}

function loaded(
  state: CollectionState,
  { outcome }: Extract<Message, { type: "loaded" }>,
  deps: CollectionDeps,
  ctx: Ctx,
): CollectionState {
  if (!outcome.ok) {
    ctx.setTimer("load", LOAD_AGAIN_MS, { type: "load" });
    return refuseAll(state, outcome.error, ctx);
  }
  if (outcome.value === undefined) {
    ctx.stop();
    return refuseAll(state, unknownAudience(state.id), ctx);
  }
  const { audience } = outcome.value;
  // What is started and has no run here was cut off: it becomes `reboot` first.
  if (audience.state === "started") return unstash({ ...state, audience }, deps, ctx);
  return unstash(adopt(state, outcome.value, deps, ctx), deps, ctx);
}

/** Commands are dealt with one after the other; the rest at any time once it is loaded. */
function request(
  state: CollectionState,
  message: Request,
  deps: CollectionDeps,
  ctx: Ctx,
): CollectionState {
  const waits = state.changing && message.type === "command-audience";
  if (state.audience !== undefined && !waits) return serve(state, message, deps, ctx);
  if (state.stash.length < STASH_MAX) return { ...state, stash: [...state.stash, message] };
  return refuse(state, message, `${STASH_MAX} requests wait already`, ctx);
}

function serve(
  state: CollectionState,
  message: Request,
  deps: CollectionDeps,
  ctx: Ctx,
): CollectionState {
  ctx.setTimer("idle", IDLE_MS, { type: "idle" });
  switch (message.type) {
    case "command-audience":
      return command(state, message, deps, ctx);
    case "wait-audience":
      if (state.waiting.length < WAITING_MAX) {
        return { ...state, waiting: [...state.waiting, message] };
      }
      return refuse(state, message, `${WAITING_MAX} wait for its end already`, ctx);
    case "read-audience-progress":
    case "watch-audience":
      return look(state, message, ctx);
  }
}

function unstash(state: CollectionState, deps: CollectionDeps, ctx: Ctx): CollectionState {
  let next: CollectionState = { ...state, stash: [] };
  for (const message of state.stash) next = request(next, message, deps, ctx);
  return next;
}

function refuseAll(state: CollectionState, error: RuntimeError, ctx: Ctx): CollectionState {
  for (const message of state.stash) ctx.reply<Result<never>>(message, fail(error));
  return { ...state, stash: [] };
}

function refuse(state: CollectionState, message: Request, why: string, ctx: Ctx): CollectionState {
  ctx.reply<Result<never>>(message, fail(new RuntimeError("mailbox.full", why)));
  return state;
}

/** Nobody has needed it for a while: whoever does next makes a new one. */
function idle(state: CollectionState, ctx: Ctx): CollectionState {
  const { audience, changing, waiting, subscribers, stash } = state;
  const runs = audience !== undefined && isRunning(audience.state);
  const isWanted = waiting.length > 0 || subscribers.length > 0 || stash.length > 0;
  if (runs || changing || isWanted) {
    ctx.setTimer("idle", IDLE_MS, { type: "idle" });
    return state;
  }
  ctx.drain();
  return state;
}
