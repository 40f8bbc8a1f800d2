import { RuntimeError } from "../../core/errors.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { isRunning } from "../../core/task.ts";
import type { ActorType, Behavior } from "../kernel/actor.ts";
import { Task } from "../task/task.ts";
import { adopt, load, write } from "./changes.ts";
import { collectionKind } from "./messages.ts";
import { checkRun } from "./own-changes.ts";
import { report } from "./run.ts";
import type {
  CollectionDeps,
  CollectionState,
  CollectionTask,
  Ctx,
  Look,
  Message,
  Wait,
} from "./state.ts";
import { shown } from "./store.ts";
import { look, publish, tell, unsubscribe } from "./watching.ts";

const WAITING_MAX = 1_000;
const LOAD_AGAIN_MS = 1_000;

/**
 * The collection of one audience: guards its state, hands its partitions to workers, and freezes
 * it when all are done.
 *
 * An entity, named after the audience. What must last is in the store: one that crashes begins
 * again from there, and says so by the state `reboot`.
 */
export function collectionActor(deps: CollectionDeps): ActorType<CollectionState, Message> {
  const task = collectionTask(deps);
  const behavior = collectionBehavior(task, deps);
  return {
    label: "collection",
    kind: collectionKind,
    behavior: (state, message, ctx) =>
      tell(checkRun(behavior(state, message, ctx), task, ctx), state, ctx),
    onStart: { type: "load" },
    restart: "transient",
  };
}

function collectionTask(deps: CollectionDeps): CollectionTask {
  return new Task({
    noun: "audience",
    itself: "system",
    taskOf: ({ audience }) => audience,
    load: (id) => load(id, deps),
    loadPause: () => LOAD_AGAIN_MS,
    isChange: ({ type }) => type === "command-audience",
    serve,
    answer(command, before, { audience }, ctx) {
      const changed = before !== audience!.state;
      ctx.reply(command, ok({ before, audience: shown(audience!), changed }));
    },
    write: ({ audience }, change, at) => write(audience!, change, at, deps),
    adopt: (state, found, ctx) => adopt(state, found, deps, ctx),
    isNeeded: ({ audience, waiting, subscribers }) =>
      (audience !== undefined && isRunning(audience.state)) ||
      waiting.length > 0 ||
      subscribers.length > 0,
  });
}

function collectionBehavior(
  task: CollectionTask,
  deps: CollectionDeps,
): Behavior<CollectionState, Message> {
  return (state, message, ctx) => {
    switch (message.type) {
      case "load":
      case "loaded":
      case "wake":
      case "check":
      case "changed":
      case "read-again":
      case "idle":
        return task.handle(state, message, ctx);
      case "command-audience":
      case "wait-audience":
      case "read-audience-progress":
      case "watch-audience":
        return task.request(state, message, ctx);
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
    }
  };
}

function serve(state: CollectionState, request: Wait | Look, ctx: Ctx): CollectionState {
  if (request.type !== "wait-audience") return look(state, request, ctx);
  if (state.waiting.length < WAITING_MAX) {
    return { ...state, waiting: [...state.waiting, request] };
  }
  const error = new RuntimeError("mailbox.full", `${WAITING_MAX} wait for its end already`);
  ctx.reply<Result<never>>(request, fail(error));
  return state;
}
