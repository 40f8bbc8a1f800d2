import type { Push } from "./messages.ts";
import type { SessionLimits, SessionState } from "./state.ts";

/** Whether there is no room for one more; the last one may have gone beyond the bytes. */
export function isFull({ backlog, retainedBytes }: SessionState, limits: SessionLimits): boolean {
  const pushes = backlog?.length ?? 0;
  return pushes >= limits.retainedMax || retainedBytes >= limits.retainedBytesMax;
}

/** Whether so much has left that fetching more is worth it. */
export function isHalfEmpty(state: SessionState, limits: SessionLimits): boolean {
  const pushes = state.backlog?.length ?? 0;
  return pushes * 2 <= limits.retainedMax && state.retainedBytes * 2 <= limits.retainedBytesMax;
}

/** Adds the push with the highest offset so far. */
export function retain(state: SessionState, push: Push): void {
  state.retainedBytes += push.payload.length;
  if (state.backlog === undefined) state.backlog = [push];
  else state.backlog.push(push);
}

/**
 * Takes out what a device confirmed: everything up to `upTo`, and these offsets.
 *
 * Offsets that are not in the backlog, or were never given to a device, are ignored: a
 * confirmation may come twice, and nobody can confirm what nobody has seen.
 *
 * @returns the offsets taken out, or undefined when there are none.
 */
export function confirm(
  state: SessionState,
  upTo: number,
  offsets: readonly number[],
): number[] | undefined {
  const { backlog } = state;
  if (backlog === undefined) return undefined;
  const confirmed: number[] = [];
  const end = indexAfter(backlog, Math.min(upTo, state.given));
  if (end > 0) {
    for (const push of backlog.splice(0, end)) letGo(state, push, confirmed);
    state.cursor = Math.max(0, state.cursor - end);
  }
  for (const offset of offsets) {
    const at = indexAfter(backlog, offset) - 1;
    if (at < 0 || backlog[at]!.offset !== offset || offset > state.given) continue;
    letGo(state, backlog.splice(at, 1)[0]!, confirmed);
    if (at < state.cursor) state.cursor--;
  }
  release(state);
  return confirmed.length === 0 ? undefined : confirmed;
}

/**
 * Takes out what has expired, if the oldest has: a device that never confirms gets room again.
 *
 * @returns the offsets taken out.
 */
export function dropExpired(state: SessionState, now: number): number[] {
  const expired: number[] = [];
  const { backlog } = state;
  if (backlog === undefined || backlog[0]!.expiresAt > now) return expired;
  const kept = (push: Push): boolean => push.expiresAt > now;
  for (const push of backlog) if (!kept(push)) letGo(state, push, expired);
  state.cursor = backlog.slice(0, state.cursor).filter(kept).length;
  state.backlog = backlog.filter(kept);
  release(state);
  return expired;
}

/** Counts a push that leaves the backlog, and notes its offset. */
export function letGo(state: SessionState, { payload, offset }: Push, offsets: number[]): void {
  state.retainedBytes -= payload.length;
  offsets.push(offset!);
}

/** Gives an empty backlog's memory back. */
export function release(state: SessionState): void {
  if (state.backlog?.length === 0) state.backlog = undefined;
}

/** Index of the first push with an offset above this one. */
function indexAfter(backlog: readonly Push[], offset: number): number {
  let low = 0;
  let high = backlog.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (backlog[middle]!.offset! <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
