import type { Kept, Publication } from "./messages.ts";
import type { TopicState } from "./state.ts";

/** What may be dropped gathers until it is worth a copy of the rest. */
const SLACK = 2;

/** Keeps a publication, and lets go of what is beyond the rule. */
export function keep(state: TopicState, publication: Publication, now: number): void {
  const { history, rule } = state;
  const { historyMax, historyMs } = rule;
  if (historyMax === 0) return;
  // Without the frames made for those who are here, which would stay for as long as it is kept.
  history.push({ publication: { ...publication, wire: {} }, at: now });
  state.historyBytes += publication.payload.length;
  state.node.historyBytes += publication.payload.length;
  const isLong = history.length > historyMax * SLACK;
  if (isLong || history[0]!.at <= now - historyMs * SLACK) dropOld(state, now);
  makeRoom(state);
}

/** Where all topics keep more than they may, the one that grows lets go, even of everything. */
function makeRoom(state: TopicState): void {
  const { history, node } = state;
  let over = node.historyBytes - node.historyBytesMax;
  let from = 0;
  for (; over > 0 && from < history.length; from += 1) {
    over -= history[from]!.publication.payload.length;
  }
  dropFirst(state, from);
}

function dropFirst(state: TopicState, count: number): void {
  if (count === 0) return;
  let bytes = 0;
  for (let at = 0; at < count; at += 1) bytes += state.history[at]!.publication.payload.length;
  state.historyBytes -= bytes;
  state.node.historyBytes -= bytes;
  state.history = state.history.slice(count);
}

/** Lets go of what is too old or too much. */
export function dropOld(state: TopicState, now: number): void {
  const { history, rule } = state;
  const { historyMax, historyMs } = rule;
  let from = Math.max(0, history.length - historyMax);
  while (from < history.length && history[from]!.at <= now - historyMs) from += 1;
  dropFirst(state, from);
}

/**
 * What came after a place, in order; undefined when that cannot be said without a hole: another
 * epoch, a place that never was, or one from before what is kept.
 */
export function missedSince(
  { epoch, offset, history }: TopicState,
  since: { readonly epoch: string; readonly offset: number },
): readonly Publication[] | undefined {
  if (since.epoch !== epoch || since.offset > offset) return undefined;
  if (since.offset === offset) return [];
  const first: Kept | undefined = history[0];
  if (first === undefined || first.publication.offset > since.offset + 1) return undefined;
  const at = since.offset + 1 - first.publication.offset;
  return history.slice(at).map(({ publication }) => publication);
}
