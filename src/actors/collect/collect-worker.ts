import type { RuntimeError } from "../../core/errors.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { CollectionPart, CollectionStore } from "../../persistence/ports/collections.ts";
import type { ActorType, Ref } from "../kernel/actor.ts";
import { cutPages } from "./pages.ts";
import { collectPartition, type SourceDeps } from "./sources.ts";
import { type Collection, hashPages } from "./store.ts";

/** Tries for one partition before the collection fails. */
const TRIES_MAX = 5;
const AGAIN_MS = 500;

export interface CollectWorkerDeps extends SourceDeps {
  readonly collections: Pick<CollectionStore, "addPart">;
}

/** How a partition ended. */
export interface PartEnded {
  readonly type: "part-ended";
  readonly partition: number;
  /** False: the collection has been ended by somebody else. */
  readonly outcome: Result<boolean>;
}

export interface CollectWorkerState extends Collection {
  readonly partition: number;
  readonly replyTo: Ref<PartEnded>;
}

type Message =
  | { readonly type: "collect"; readonly attempt: number }
  | { readonly type: "collected"; readonly attempt: number; readonly outcome: Result<boolean> };

/**
 * Collects one partition: reads who belongs to it, cuts pages, and writes them in one step with
 * the fact that the partition is done. Whatever happens before leaves no trace, so it may begin
 * again anywhere.
 */
export function collectWorker(deps: CollectWorkerDeps): ActorType<CollectWorkerState, Message> {
  return {
    label: "collect-worker",
    onStart: { type: "collect", attempt: 1 },
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
          const { partition } = state;
          const ended = outcome.ok ? ok(outcome.value) : fail<boolean>(outcome.error);
          ctx.send(state.replyTo, { type: "part-ended", partition, outcome: ended });
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
): Promise<boolean> {
  const { recipients, excluded } = await collectPartition(plan, partition, deps, signal);
  const cut = cutPages(partition, recipients, audience.pageSize);
  const { pages, hash } = hashPages(cut.pages);
  const { size } = cut;
  const part: CollectionPart = { partition, size, pages: pages.length, excluded, hash };
  return deps.collections.addPart(audience.id, part, pages);
}

function mayPass(error: RuntimeError): boolean {
  return error.retryable;
}
