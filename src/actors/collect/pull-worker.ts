import { backoffMs } from "../../core/backoff.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { Result } from "../../core/result.ts";
import type { CollectionStore, PullState } from "../../persistence/ports/collections.ts";
import type { ActorType, Context, Ref } from "../kernel/actor.ts";
import type { LineError, MemberApi, PullSource, Recipient } from "./messages.ts";
import { groupRows } from "./partitions.ts";
import { readPulled } from "./pull-items.ts";
import { isRecipient } from "./recipients.ts";

/** Tries for one page before the collection fails: about two minutes, if nobody names a time. */
const TRIES_MAX = 8;
const BACKOFF = { retryMinMs: 500, retryMaxMs: 60_000 };
/** The longest time that an API may tell us to wait. */
const RETRY_AFTER_MAX_MS = 600_000;
/** Pages of one pull; an API that never ends is not believed. */
const PAGES_MAX = 1_000_000;
/** Members of one page; the rest of a longer one would have to be held in memory. */
const ITEMS_MAX = 50_000;

export const NOTHING_PULLED: PullState = {
  ...{ pages: 0, cursor: "", items: 0, invalid: 0, isDone: false },
};

export interface PullWorkerDeps {
  readonly collections: Pick<CollectionStore, "addPulled">;
  readonly memberApi: MemberApi;
}

/** What becomes of a pull. */
export type PullReport =
  | { readonly type: "pulled"; readonly generation: number; readonly state: PullState }
  /** A page failed, and is asked for again. */
  | { readonly type: "pull-trouble"; readonly generation: number; readonly why: string }
  | { readonly type: "pull-failed"; readonly generation: number; readonly error: RuntimeError };

export interface PullWorkerState {
  readonly audience: string;
  readonly epoch: number;
  readonly source: PullSource;
  readonly partitions: number;
  readonly pull: PullState;
  readonly generation: number;
  readonly attempt: number;
  readonly replyTo: Ref<PullReport>;
}

type Message =
  | { readonly type: "ask" }
  | { readonly type: "taken"; readonly outcome: Result<PullState | undefined> };

type Ctx = Context<Message>;

/**
 * Takes the pages of a member API, one after the other: each goes to the heap in one step with
 * the cursor of the next, so that a pull goes on anywhere and takes nothing twice.
 */
export function pullWorker(deps: PullWorkerDeps): ActorType<PullWorkerState, Message> {
  return {
    label: "pull-worker",
    onStart: { type: "ask" },
    restart: "temporary",
    behavior: (state, message, ctx) => {
      switch (message.type) {
        case "ask":
          ctx.perform(
            (signal) => takePage(state, deps, signal),
            (outcome) => ({ type: "taken", outcome }),
          );
          return state;
        case "taken":
          return taken(state, message.outcome, ctx);
      }
    },
  };
}

async function takePage(
  { audience, epoch, source, partitions, pull }: PullWorkerState,
  { collections, memberApi }: PullWorkerDeps,
  signal: AbortSignal,
): Promise<PullState | undefined> {
  if (pull.pages >= PAGES_MAX) throw refused(`it has more than ${PAGES_MAX} pages`);
  const { items, next } = await memberApi.page(source, pull.cursor, signal);
  if (items.length > ITEMS_MAX) throw refused(`it holds more than ${ITEMS_MAX} members`);
  if (next !== undefined && next === pull.cursor) throw refused("it names itself as the next page");
  const rows: Recipient[] = [];
  const errors: LineError[] = [];
  for (const [index, item] of items.entries()) {
    const read = readPulled(pull.items + index + 1, item, source.member);
    if (isRecipient(read)) rows.push(read);
    else errors.push(read);
  }
  const state: PullState = {
    pages: pull.pages + 1,
    cursor: next ?? "",
    items: pull.items + items.length,
    invalid: pull.invalid + errors.length,
    isDone: next === undefined,
  };
  signal.throwIfAborted();
  const page = { epoch, state, chunks: groupRows(rows, partitions), errors };
  return (await collections.addPulled(audience, page)) ? state : undefined;
}

function refused(what: string): RuntimeError {
  return new RuntimeError("pull.refused", what);
}

function taken(
  state: PullWorkerState,
  outcome: Result<PullState | undefined>,
  ctx: Ctx,
): PullWorkerState {
  const { generation, replyTo } = state;
  if (!outcome.ok) return troubled(state, outcome.error, ctx);
  if (outcome.value === undefined) {
    // Somebody else has changed the audience's state, or the store has this page already.
    ctx.stop();
    return state;
  }
  const pull = outcome.value;
  ctx.send(replyTo, { type: "pulled", generation, state: pull });
  if (pull.isDone) ctx.stop();
  else ctx.send(ctx.self, { type: "ask" });
  return { ...state, pull, attempt: 1 };
}

function troubled(state: PullWorkerState, error: RuntimeError, ctx: Ctx): PullWorkerState {
  const { pull, attempt, generation, replyTo } = state;
  const page = `page ${pull.pages + 1} of the member API: ${error.message}`;
  const { retryAfterMs = 0 } = error;
  const isTooLong = retryAfterMs > RETRY_AFTER_MAX_MS;
  if (!error.retryable || attempt >= TRIES_MAX || isTooLong) {
    const tries = attempt > 1 ? `, at try ${attempt}` : "";
    const wait = isTooLong ? `, and is to be asked again in ${retryAfterMs} ms only` : "";
    const told = new RuntimeError(error.code, `${page}${tries}${wait}`, { cause: error });
    ctx.send(replyTo, { type: "pull-failed", generation, error: told });
    ctx.stop();
    return state;
  }
  const ownMs = Math.round(backoffMs(BACKOFF, attempt - 1, ctx.random()));
  const delayMs = Math.max(retryAfterMs, ownMs);
  const why = `${page}; try ${attempt + 1} of ${TRIES_MAX} in ${delayMs} ms`;
  ctx.send(replyTo, { type: "pull-trouble", generation, why });
  ctx.setTimer("again", delayMs, { type: "ask" });
  return { ...state, attempt: attempt + 1 };
}
