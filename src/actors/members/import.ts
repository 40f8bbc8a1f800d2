import { RuntimeError } from "../../core/errors.ts";
import { bucketOf, MEMBER_BUCKETS } from "../../core/member-rules.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { MemberChange, MemberStore } from "../../persistence/ports/members.ts";
import type { ActorType, Context } from "../kernel/actor.ts";
import type { MemberImport, MemberImportMessage, MemberLineError } from "./messages.ts";
import { isChange, readChange } from "./read-change.ts";

/** Changes that are sorted before they are stored; at most twice as many wait in memory. */
const WINDOW = 32_768;
/** Changes in one call to the store: some 20 ms of its time; two calls are under way. */
const BATCH = 2_048;
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

/** What became of one window. */
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
  rows: Row[];
  chunk: Chunk | undefined;
  offset: number;
  end: End | undefined;
  isStoring: boolean;
  lines: number;
  stored: number;
  invalid: number;
  readonly errors: MemberLineError[];
}

export function newMemberImport(decoder: ChangeDecoder): MemberImportState {
  const counts = { lines: 0, stored: 0, invalid: 0, errors: [] };
  const waiting = { rows: [], chunk: undefined, offset: 0, end: undefined };
  return { decoder, ...waiting, isStoring: false, ...counts };
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
  if (chunk === undefined || (state.isStoring && state.rows.length >= WINDOW)) return state;
  take(state, state.decoder.feed(chunk.bytes.subarray(state.offset, state.offset + SLICE_BYTES)));
  state.offset += SLICE_BYTES;
  if (state.offset >= chunk.bytes.length) {
    state.chunk = undefined;
    ctx.reply(chunk, ok({ lines: state.lines }));
    ctx.setTimer("silence", SILENCE_MS, { type: "silent" });
  } else ctx.send(ctx.self, { type: "read-on" });
  if (!state.isStoring && state.rows.length >= WINDOW) store(state, deps, ctx);
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

function store(state: MemberImportState, { members, now }: Deps, ctx: Ctx): void {
  const rows = byBucket(state.rows);
  state.rows = [];
  state.isStoring = true;
  ctx.perform(
    async (signal) => {
      const refused: Row[] = [];
      const write = async (batch: readonly Row[]): Promise<void> => {
        const changes = batch.map(({ change }) => change);
        for (const index of await members.upsert(changes, now())) refused.push(batch[index]!);
      };
      // One waits at the store while the other is written: it never stands still.
      let before: Promise<void> | undefined;
      for (let start = 0; start < rows.length; start += BATCH) {
        signal.throwIfAborted();
        const writing = write(rows.slice(start, start + BATCH));
        // Whichever fails first is told; the other is not left without a listener.
        writing.catch(() => {});
        await before;
        before = writing;
      }
      await before;
      return { stored: rows.length - refused.length, refused };
    },
    (outcome) => ({ type: "stored", outcome }),
  );
}

function stored(
  state: MemberImportState,
  outcome: Result<Stored>,
  deps: Deps,
  ctx: Ctx,
): MemberImportState {
  state.isStoring = false;
  if (!outcome.ok) return giveUp(state, outcome.error, ctx);
  state.stored += outcome.value.stored;
  for (const { line } of outcome.value.refused) {
    state.lines -= 1;
    const expected = "attributes of at most 32 KB for one member";
    addError(state, { line, field: "attributes", expected, got: "more" });
  }
  if (state.end !== undefined) return finish(state, deps, ctx);
  if (state.rows.length >= WINDOW) store(state, deps, ctx);
  return readOn(state, deps, ctx);
}

function end(state: MemberImportState, message: End, deps: Deps, ctx: Ctx): MemberImportState {
  ctx.clearTimer("silence");
  state.end = message;
  take(state, state.decoder.finish());
  return state.isStoring ? state : finish(state, deps, ctx);
}

function finish(state: MemberImportState, deps: Deps, ctx: Ctx): MemberImportState {
  if (state.rows.length > 0) {
    store(state, deps, ctx);
    return state;
  }
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
