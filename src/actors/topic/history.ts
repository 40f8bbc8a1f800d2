import type { Publication } from "./messages.ts";
import type { Ctx, Entry, TopicState } from "./state.ts";

/** What may be dropped gathers until it is worth a copy of the rest. */
const SLACK = 2;
/** What keeping one takes beside its payload, in bytes, as measured on the heap. */
export const ENTRY_BYTES = 144;
/** Publications that one subscriber is given at once; for more it comes again. */
const MISSED_MAX = 256;
/** Those who come back at the same time share encodings, which are let go of after so long. */
const REPLAYED_MS = 1_000;

/** Keeps a publication, and lets go of what is beyond the rule; `now` is monotonic. */
export function keep(state: TopicState, publication: Publication, now: number): void {
  const { history, rule } = state;
  const { historyMax, historyMs } = rule;
  if (historyMax === 0) return;
  const { offset, from, payload } = publication;
  history.push({ offset, from, payload, since: now });
  const bytes = payload.length + ENTRY_BYTES;
  state.historyBytes += bytes;
  state.node.historyBytes += bytes;
  const isLong = history.length > historyMax * SLACK;
  if (isLong || history[0]!.since <= now - historyMs * SLACK) dropOld(state, now);
  makeRoom(state);
}

/** Where all topics keep more than they may, the one that grows lets go, even of everything. */
function makeRoom(state: TopicState): void {
  const { history, node } = state;
  let over = node.historyBytes - node.historyBytesMax;
  let from = 0;
  for (; over > 0 && from < history.length; from += 1) {
    over -= history[from]!.payload.length + ENTRY_BYTES;
  }
  dropFirst(state, from);
}

function dropFirst(state: TopicState, count: number): void {
  if (count === 0) return;
  let bytes = count * ENTRY_BYTES;
  for (let at = 0; at < count; at += 1) bytes += state.history[at]!.payload.length;
  state.historyBytes -= bytes;
  state.node.historyBytes -= bytes;
  state.history = state.history.slice(count);
}

/** Lets go of what is too old or too much; `now` is monotonic. */
export function dropOld(state: TopicState, now: number): void {
  const { history, rule } = state;
  const { historyMax, historyMs } = rule;
  let from = Math.max(0, history.length - historyMax);
  while (from < history.length && history[from]!.since <= now - historyMs) from += 1;
  dropFirst(state, from);
}

/**
 * The first of what came after a place, in order; undefined when that cannot be said without a
 * hole: another epoch, a place that never was, or one from before what is kept.
 */
export function missedSince(
  state: TopicState,
  since: { readonly epoch: string; readonly offset: number },
  ctx: Ctx,
): readonly Publication[] | undefined {
  const { epoch, offset, history } = state;
  if (since.epoch !== epoch || since.offset > offset) return undefined;
  if (since.offset === offset) return [];
  const first: Entry | undefined = history[0];
  if (first === undefined || first.offset > since.offset + 1) return undefined;
  const at = since.offset + 1 - first.offset;
  return history.slice(at, at + MISSED_MAX).map((kept) => again(state, kept, ctx));
}

/** The same object for all who come back within a moment, so that its bytes are made once. */
function again(state: TopicState, { offset, from, payload }: Entry, ctx: Ctx): Publication {
  if (state.replayed === undefined) {
    state.replayed = new Map();
    ctx.setTimer("replayed", REPLAYED_MS, { type: "forget-replayed" });
  }
  let publication = state.replayed.get(offset);
  if (publication === undefined) {
    publication = { topic: state.name, offset, from, payload, slow: state.rule.slow, wire: {} };
    state.replayed.set(offset, publication);
  }
  return publication;
}
