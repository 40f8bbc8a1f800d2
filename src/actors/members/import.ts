import { RuntimeError } from "../../core/errors.ts";
import { bucketOf, MEMBER_BUCKETS } from "../../core/member-rules.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { MemberChange, MemberStore } from "../../persistence/ports/members.ts";
import type { ActorType, Context } from "../kernel/actor.ts";
import type { MemberImport, MemberImportMessage, MemberLineError } from "./messages.ts";
import { isChange, readChange } from "./read-change.ts";

/** Changes that are sorted before they are stored; at most twice as many wait in memory. */
const WINDOW = 32_768;
/** Changes in one call to the store: some 10 ms of its time. */
const BATCH = 2_048;
/** Calls under way: one waits at the store while the other is written, so it never stands still. */
const CALLS_MAX = 2;
/** Bytes read in one turn, so that the node stays responsive. */
const SLICE_BYTES = 65_536;
const ERRORS_MAX = 100;
const SILENCE_MS = 60_000;

/** What turns bytes into JSON values; the adapter is `gateways/ndjson/decoder.ts`. */
export interface ChangeDecoder {
  feed(bytes: Uint8Array): DecodedChanges;
  finish(): DecodedChanges;
}

interface DecodedChanges {
  readonly lines: readonly { readonly line: number; readonly value: unknown }[];
  readonly faults: readonly MemberLineError[];
}

interface Row {
  readonly line: number;
  readonly change: MemberChange;
}

type Chunk = Extract<MemberImportMessage, { type: "chunk" }>;
type End = Extract<MemberImportMessage, { type: "end" }>;

type Message =
  | MemberImportMessage
  | { readonly type: "begin" }
  | { readonly type: "read-on" }
  | { readonly type: "stored"; readonly outcome: Result<Stored> }
  | { readonly type: "silent" };

type Ctx = Context<Message>;

/** What became of one batch. */
interface Stored {
  readonly stored: number;
  readonly refused: readonly Row[];
}

/**
 * Changed in place, inside one import actor that is never restarted: this is the hot path that
 * the benchmark `members` measures as `upsertsPerSecond`.
 */
export interface MemberImportState {
  readonly decoder: ChangeDecoder;
  /** What was read and is not sorted yet. */
  rows: Row[];
  /** What is being stored, sorted, and from where on nobody has asked the store yet. */
  window: readonly Row[];
  next: number;
  /** Calls to the store under way. */
  calls: number;
  chunk: Chunk | undefined;
  offset: number;
  end: End | undefined;
  lines: number;
  stored: number;
  invalid: number;
  readonly errors: MemberLineError[];
}

export function newMemberImport(decoder: ChangeDecoder): MemberImportState {
  const counts = { lines: 0, stored: 0, invalid: 0, errors: [] };
  const storing = { rows: [], window: [], next: 0, calls: 0 };
  return { decoder, ...storing, chunk: undefined, offset: 0, end: undefined, ...counts };
}

interface Deps {
  readonly members: MemberStore;
  readonly now: () => number;
}

/**
 * One import of members: is fed with chunks and stores what they hold, window by window.
 *
 * Bad lines are left out and told. A chunk is answered when it has been read, and that waits for
 * the store when it is behind. An import that ends early leaves what it has stored.
 */
export function memberImportActor(deps: Deps): ActorType<MemberImportState, Message> {
  return {
    label: "member-import",
    behavior: (state, message, ctx) => {
      switch (message.type) {
        case "begin":
          ctx.setTimer("silence", SILENCE_MS, { type: "silent" });
          return state;
        case "chunk":
          return addChunk(state, message, deps, ctx);
        case "read-on":
          return readOn(state, deps, ctx);
        case "stored":
          return stored(state, message.outcome, deps, ctx);
        case "end":
          return end(state, message, deps, ctx);
        case "abort":
          return giveUp(state, new RuntimeError("member.invalid", message.why), ctx);
        case "silent": {
          const why = `nothing was heard for ${SILENCE_MS / 1_000} s`;
          return giveUp(state, new RuntimeError("member.invalid", why), ctx);
        }
      }
    },
    onStart: { type: "begin" },
    restart: "temporary",
  };
}

function addChunk(state: MemberImportState, chunk: Chunk, deps: Deps, ctx: Ctx): MemberImportState {
  if (state.chunk !== undefined || state.end !== undefined) {
    ctx.reply(chunk, fail(new RuntimeError("mailbox.full", "send one chunk at a time")));
    return state;
  }
  ctx.clearTimer("silence");
  state.chunk = chunk;
  state.offset = 0;
  return readOn(state, deps, ctx);
}

/** Reads one slice, unless a whole window waits for the store. */
function readOn(state: MemberImportState, deps: Deps, ctx: Ctx): MemberImportState {
  const { chunk } = state;
  if (chunk === undefined || state.rows.length >= WINDOW) return state;
  take(state, state.decoder.feed(chunk.bytes.subarray(state.offset, state.offset + SLICE_BYTES)));
  state.offset += SLICE_BYTES;
  if (state.offset >= chunk.bytes.length) {
    state.chunk = undefined;
    ctx.reply(chunk, ok({ lines: state.lines }));
    ctx.setTimer("silence", SILENCE_MS, { type: "silent" });
  } else ctx.send(ctx.self, { type: "read-on" });
  store(state, deps, ctx);
  return state;
}

function take(state: MemberImportState, { lines, faults }: DecodedChanges): void {
  for (const fault of faults) addError(state, fault);
  for (const { line, value } of lines) {
    const change = readChange(value);
    if (isChange(change)) {
      state.lines += 1;
      state.rows.push({ line, change });
    } else addError(state, { line, ...change });
  }
}

function addError(state: MemberImportState, error: MemberLineError): void {
  state.lines += 1;
  state.invalid += 1;
  if (state.errors.length < ERRORS_MAX) state.errors.push(error);
}

/** Asks the store for as much as may be under way, window after window, in their order. */
function store(state: MemberImportState, deps: Deps, ctx: Ctx): void {
  while (state.calls < CALLS_MAX) {
    if (state.next >= state.window.length) {
      const isDue =
        state.rows.length >= WINDOW || (state.end !== undefined && state.rows.length > 0);
      if (!isDue) return;
      state.window = byBucket(state.rows);
      state.next = 0;
      state.rows = [];
    }
    const batch = state.window.slice(state.next, state.next + BATCH);
    state.next += BATCH;
    state.calls += 1;
    ctx.perform(
      () => write(batch, deps),
      (outcome) => ({ type: "stored", outcome }),
    );
  }
}

async function write(batch: readonly Row[], { members, now }: Deps): Promise<Stored> {
  const changes = batch.map(({ change }) => change);
  const refused = await members.upsert(changes, now());
  return {
    stored: batch.length - refused.length,
    refused: refused.map((index) => batch[index]!),
  };
}

function stored(
  state: MemberImportState,
  outcome: Result<Stored>,
  deps: Deps,
  ctx: Ctx,
): MemberImportState {
  state.calls -= 1;
  if (!outcome.ok) return giveUp(state, outcome.error, ctx);
  state.stored += outcome.value.stored;
  for (const { line } of outcome.value.refused) {
    state.lines -= 1;
    const expected = "attributes of at most 32 KB for one member";
    addError(state, { line, field: "attributes", expected, got: "more" });
  }
  const isHeld = state.rows.length >= WINDOW;
  store(state, deps, ctx);
  if (state.end !== undefined) return finish(state, ctx);
  return isHeld ? readOn(state, deps, ctx) : state;
}

function end(state: MemberImportState, message: End, deps: Deps, ctx: Ctx): MemberImportState {
  ctx.clearTimer("silence");
  state.end = message;
  take(state, state.decoder.finish());
  store(state, deps, ctx);
  return finish(state, ctx);
}

/** Answers and stops, once nothing is under way. */
function finish(state: MemberImportState, ctx: Ctx): MemberImportState {
  if (state.calls > 0) return state;
  const { lines, stored, invalid } = state;
  const errors = state.errors.sort((a, b) => a.line - b.line);
  const told: MemberImport = { lines, stored, invalid, errors };
  if (state.end !== undefined) ctx.reply(state.end, ok(told));
  ctx.stop();
  return state;
}

function giveUp(state: MemberImportState, error: RuntimeError, ctx: Ctx): MemberImportState {
  if (state.chunk !== undefined) ctx.reply(state.chunk, fail(error));
  if (state.end !== undefined) ctx.reply(state.end, fail(error));
  ctx.stop();
  return state;
}

/** Rows that lie near each other in the store, together; those of one member in their order. */
function byBucket(rows: readonly Row[]): Row[] {
  const buckets: Row[][] = Array.from({ length: MEMBER_BUCKETS }, () => []);
  for (const row of rows) buckets[bucketOf(row.change.id)]!.push(row);
  return buckets.flat();
}
