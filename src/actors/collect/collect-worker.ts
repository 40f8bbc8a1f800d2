import type { RuntimeError } from "../../core/errors.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type {
  CollectionPart,
  CollectionPlan,
  CollectionStore,
} from "../../persistence/ports/collections.ts";
import type { ActorType, Ref } from "../kernel/actor.ts";
import type { Audience } from "./messages.ts";
import { cutPages } from "./pages.ts";
import { collectPartition, type SourceDeps } from "./sources.ts";
import { hashPages } from "./store.ts";

/** Tries for one partition before the collection fails. */
const TRIES_MAX = 5;
const AGAIN_MS = 500;

export interface CollectWorkerDeps extends SourceDeps {
  readonly collections: Pick<CollectionStore, "addPart">;
}

/** How a partition ended. */
export interface PartEnded {
  readonly type: "part-ended";
  readonly generation: number;
  readonly worker: Ref<never>;
  /** Undefined: the audience does not run any more, or in another epoch. */
  readonly outcome: Result<CollectionPart | undefined>;
}

export interface CollectWorkerState {
  readonly audience: Audience;
  readonly plan: CollectionPlan;
  readonly partition: number;
  readonly generation: number;
  readonly replyTo: Ref<PartEnded>;
}

type Outcome = Result<CollectionPart | undefined>;

type Message =
  | { readonly type: "collect"; readonly attempt: number }
  | { readonly type: "collected"; readonly attempt: number; readonly outcome: Outcome };

/**
 * Collects one partition: reads who belongs to it, cuts pages, and writes them in one step with
 * the fact that the partition is done. Whatever happens before leaves no trace, so it may begin
 * again anywhere.
 */
export function collectWorker(deps: CollectWorkerDeps): ActorType<CollectWorkerState, Message> {
  return {
    label: "collect-worker",
    onStart: { type: "collect", attempt: 1 },
    restart: "temporary",
    behavior: (state, message, ctx) => {
      switch (message.type) {
        case "collect":
          ctx.perform(
            (signal) => collect(state, deps, signal),
            (outcome) => ({ type: "collected", attempt: message.attempt, outcome }),
          );
          return state;
        case "collected": {
          const { attempt, outcome } = message;
          if (!outcome.ok && mayPass(outcome.error) && attempt < TRIES_MAX) {
            ctx.setTimer("again", AGAIN_MS * attempt, { type: "collect", attempt: attempt + 1 });
            return state;
          }
          const { generation } = state;
          const worker = ctx.self;
          const ended: Outcome = outcome.ok ? ok(outcome.value) : fail(outcome.error);
          ctx.send(state.replyTo, { type: "part-ended", generation, worker, outcome: ended });
          ctx.stop();
          return state;
        }
      }
    },
  };
}

async function collect(
  { audience, plan, partition }: CollectWorkerState,
  deps: CollectWorkerDeps,
  signal: AbortSignal,
): Promise<CollectionPart | undefined> {
  const { recipients, excluded, zones } = await collectPartition(
    { ...plan, audience: audience.id },
    partition,
    deps,
    signal,
  );
  const cut = cutPages(partition, recipients, audience.pageSize, zones);
  const { pages, hash } = hashPages(cut.pages);
  const { size, duplicates } = cut;
  const part = { partition, size, pages: pages.length, excluded, duplicates, hash };
  signal.throwIfAborted();
  const isAdded = await deps.collections.addPart(audience.id, audience.epoch, part, pages);
  return isAdded ? part : undefined;
}

function mayPass(error: RuntimeError): boolean {
  return error.retryable;
}
