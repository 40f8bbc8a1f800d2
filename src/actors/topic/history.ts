import type { Kept, Publication } from "./messages.ts";
import type { TopicState } from "./state.ts";

/** What may be dropped gathers until it is worth a copy of the rest. */
const SLACK = 2;

/** Keeps a publication, and lets go of what is beyond the rule. */
export function keep(state: TopicState, publication: Publication, now: number): void {
  const { history, rule } = state;
  const { historyMax, historyMs } = rule;
  if (historyMax === 0) return;
  history.push({ publication, at: now });
  const isLong = history.length > historyMax * SLACK;
  if (isLong || history[0]!.at <= now - historyMs * SLACK) dropOld(state, now);
}

/** Lets go of what is too old or too much. */
export function dropOld(state: TopicState, now: number): void {
  const { history, rule } = state;
  const { historyMax, historyMs } = rule;
  let from = Math.max(0, history.length - historyMax);
  while (from < history.length && history[from]!.at <= now - historyMs) from += 1;
  if (from > 0) state.history = history.slice(from);
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
