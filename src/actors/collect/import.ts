import { RuntimeError } from "../../core/errors.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { AudienceStore } from "../../persistence/ports/audience.ts";
import type { ActorType, Behavior, Context } from "../kernel/actor.ts";
import { Collector, type LineDecoder, SPILL_ROWS } from "./collector.ts";
import type { Audience, ImportMessage } from "./messages.ts";
import { type AskBlocked, discard, sealAudience, writeSpill } from "./store.ts";

/** Bytes read in one turn, so that the node stays responsive whatever comes at once. */
const SLICE_BYTES = 65_536;
/** Chunks that may wait without an answer. */
const CHUNKS_MAX = 16;
const SILENCE_MS = 60_000;
const DISCARDS_MAX = 10;
const DISCARD_AGAIN_MS = 1_000;

type Chunk = Extract<ImportMessage, { type: "chunk" }>;
type End = Extract<ImportMessage, { type: "end" }>;

type Message =
  | ImportMessage
  | { readonly type: "begin" }
  | { readonly type: "read-on" }
  | { readonly type: "spilled"; readonly outcome: Result<void> }
  | { readonly type: "sealed"; readonly outcome: Result<Audience> }
  | { readonly type: "silent" }
  | { readonly type: "discard"; readonly attempt: number }
  | { readonly type: "discarded"; readonly attempt: number; readonly outcome: Result<void> };

type Ctx = Context<Message>;

export interface ImportState {
  readonly audience: Audience;
  /** Changed in place; the actor is never restarted. */
  readonly collector: Collector;
  readonly chunks: readonly Chunk[];
  /** How much of the first chunk has been read. */
  readonly offset: number;
  readonly spilling: boolean;
  readonly end: End | undefined;
  /** Nothing more is read: pages are cut, or it has failed. */
  readonly closed: boolean;
  readonly error: RuntimeError | undefined;
}

export function newImport(audience: Audience, decoder: LineDecoder, bytes: number): ImportState {
  return {
    audience,
    collector: new Collector(decoder, bytes),
    chunks: [],
    offset: 0,
    spilling: false,
    end: undefined,
    closed: false,
    error: undefined,
  };
}

/**
 * One import: is fed with chunks, spills recipients to the heap, and at the end cuts the pages.
 *
 * A chunk is answered when it has been read, and that waits for the store when it is behind. An
 * import that hears nothing for a minute fails itself.
 */
export function importActor(
  audiences: AudienceStore,
  blocked?: AskBlocked,
): ActorType<ImportState, Message> {
  return {
    label: "import",
    behavior: importBehavior(audiences, blocked),
    onStart: { type: "begin" },
    restart: "temporary",
  };
}

function importBehavior(
  audiences: AudienceStore,
  blocked: AskBlocked | undefined,
): Behavior<ImportState, Message> {
  return (state, message, ctx) => {
    switch (message.type) {
      case "begin":
        ctx.setTimer("silence", SILENCE_MS, { type: "silent" });
        return state;
      case "chunk":
        return addChunk(state, message, audiences, ctx);
      case "read-on":
        return readOn(state, audiences, ctx);
      case "spilled":
        return spilled(state, message.outcome, { audiences, blocked }, ctx);
      case "end":
        return end(state, message, audiences, ctx);
      case "sealed":
        return sealed(state, message.outcome, ctx);
      case "abort":
        return giveUp(state, new RuntimeError("audience.invalid", `aborted: ${message.why}`), ctx);
      case "silent":
        return silent(state, ctx);
      case "discard":
        return tryDiscard(state, message.attempt, audiences, ctx);
      case "discarded":
        return discarded(state, message, ctx);
    }
  };
}

function addChunk(
  state: ImportState,
  chunk: Chunk,
  audiences: AudienceStore,
  ctx: Ctx,
): ImportState {
  ctx.setTimer("silence", SILENCE_MS, { type: "silent" });
  const refusal = refusalOf(state);
  if (refusal !== undefined) {
    ctx.reply(chunk, fail(refusal));
    return state;
  }
  const next = { ...state, chunks: [...state.chunks, chunk] };
  return state.chunks.length === 0 ? readOn(next, audiences, ctx) : next;
}

function refusalOf(state: ImportState): RuntimeError | undefined {
  if (state.error !== undefined) return state.error;
  const over = state.closed || state.end !== undefined;
  if (over) return new RuntimeError("audience.invalid", "the import has ended already");
  if (state.chunks.length < CHUNKS_MAX) return undefined;
  return new RuntimeError("mailbox.full", `${CHUNKS_MAX} chunks wait: send one at a time`);
}

/** Reads one slice, unless the store is behind. */
function readOn(state: ImportState, audiences: AudienceStore, ctx: Ctx): ImportState {
  const { collector, chunks, offset } = state;
  const [chunk, ...rest] = chunks;
  if (state.closed) return state;
  if (chunk === undefined) return state.end === undefined ? state : finish(state, audiences, ctx);
  if (state.spilling && collector.waiting >= SPILL_ROWS) return state;

  const slice = chunk.bytes.subarray(offset, offset + SLICE_BYTES);
  const error = collector.feed(slice);
  if (error !== undefined) return giveUp(state, error, ctx);
  let next: ImportState = { ...state, offset: offset + slice.length };
  if (next.offset >= chunk.bytes.length) {
    const { lines, invalid } = collector;
    ctx.reply(chunk, ok({ lines, invalid }));
    next = { ...next, chunks: rest, offset: 0 };
  }
  if (next.chunks.length > 0 || next.end !== undefined) ctx.send(ctx.self, { type: "read-on" });
  return !next.spilling && collector.waiting >= SPILL_ROWS ? spill(next, audiences, ctx) : next;
}

function spill(state: ImportState, audiences: AudienceStore, ctx: Ctx): ImportState {
  const { collector } = state;
  const taken = collector.takeSpill(state.closed);
  const record = collector.record(state.audience);
  ctx.perform(
    () => writeSpill(audiences, taken, record),
    (outcome) => ({ type: "spilled", outcome }),
  );
  return { ...state, spilling: true };
}

function spilled(state: ImportState, outcome: Result<void>, deps: SealDeps, ctx: Ctx): ImportState {
  const { audiences } = deps;
  const next = { ...state, spilling: false };
  if (next.error !== undefined) return next;
  if (!outcome.ok) return giveUp(next, outcome.error, ctx);
  if (!next.closed) return readOn(next, audiences, ctx);
  if (next.collector.waiting > 0) return spill(next, audiences, ctx);
  return seal(next, deps, ctx);
}

function end(state: ImportState, message: End, audiences: AudienceStore, ctx: Ctx): ImportState {
  const error = state.end === undefined ? state.error : refusalOf(state);
  if (error !== undefined) {
    ctx.reply(message, fail(error));
    return state;
  }
  ctx.clearTimer("silence");
  return readOn({ ...state, end: message }, audiences, ctx);
}

/** Every chunk has been read. */
function finish(state: ImportState, audiences: AudienceStore, ctx: Ctx): ImportState {
  const error = state.collector.finish();
  if (error !== undefined) return giveUp(state, error, ctx);
  const closed = { ...state, closed: true };
  return closed.spilling ? closed : spill(closed, audiences, ctx);
}

interface SealDeps {
  readonly audiences: AudienceStore;
  readonly blocked: AskBlocked | undefined;
}

function seal(state: ImportState, { audiences, blocked }: SealDeps, ctx: Ctx): ImportState {
  const { collector } = state;
  const record = collector.record(state.audience);
  const { used } = collector;
  const at = ctx.now;
  ctx.perform(
    (signal) => sealAudience(audiences, { record, used, at, signal, blocked }),
    (outcome) => ({ type: "sealed", outcome }),
  );
  return state;
}

function sealed(state: ImportState, outcome: Result<Audience>, ctx: Ctx): ImportState {
  if (!outcome.ok) return giveUp(state, outcome.error, ctx);
  if (state.end !== undefined) ctx.reply(state.end, ok(outcome.value));
  ctx.stop();
  return state;
}

function silent(state: ImportState, ctx: Ctx): ImportState {
  if (state.closed || state.chunks.length > 0) return state;
  const message = `nothing was heard for ${SILENCE_MS / 1_000} s`;
  return giveUp(state, new RuntimeError("audience.invalid", message), ctx);
}

/** Tells whoever waits, and leaves a failed audience behind. */
function giveUp(state: ImportState, error: RuntimeError, ctx: Ctx): ImportState {
  if (state.error !== undefined) return state;
  for (const chunk of state.chunks) ctx.reply(chunk, fail(error));
  if (state.end !== undefined) ctx.reply(state.end, fail(error));
  ctx.clearTimer("silence");
  ctx.send(ctx.self, { type: "discard", attempt: 1 });
  return { ...state, closed: true, error, chunks: [] };
}

function tryDiscard(
  state: ImportState,
  attempt: number,
  audiences: AudienceStore,
  ctx: Ctx,
): ImportState {
  const { collector } = state;
  const record = collector.record(state.audience);
  const why = state.error?.message ?? "";
  const { errors } = collector.takeSpill(true);
  const at = ctx.now;
  ctx.perform(
    async () => {
      if (errors.length > 0) await audiences.addErrors(record.id, errors);
      await discard(audiences, { record, used: collector.used, why, at });
    },
    (outcome) => ({ type: "discarded", attempt, outcome }),
  );
  return state;
}

function discarded(
  state: ImportState,
  { attempt, outcome }: Extract<Message, { type: "discarded" }>,
  ctx: Ctx,
): ImportState {
  // A node's start marks what could not be marked here.
  if (outcome.ok || attempt >= DISCARDS_MAX) ctx.stop();
  else ctx.setTimer("discard", DISCARD_AGAIN_MS, { type: "discard", attempt: attempt + 1 });
  return state;
}
