import type { WorkerStatus } from "./messages.ts";
import type { Run } from "./state.ts";

/** What every worker is doing, for people. */
export function workerStates(run: Run | undefined, now: number): WorkerStatus[] {
  return [...(run?.slots ?? [])].map(([name, slot]) => {
    const { page, held, done, intent, settled, seenAt } = slot;
    const state = page === undefined ? "resting" : held ? "sending" : "claiming";
    const silentMs = page === undefined ? 0 : Math.max(0, Math.round(now - seenAt));
    const cursors = held ? { done, intent } : { done: 0, intent: 0 };
    return { name, state, page, ...cursors, settled, silentMs };
  });
}

/** How long the oldest window has been with the provider, in milliseconds; 0: none is. */
export function oldestWindowMs(run: Run | undefined, now: number): number {
  const sent = [...(run?.slots.values() ?? [])]
    .map(({ oldestAt }) => oldestAt)
    .filter((at) => at !== undefined);
  return sent.length === 0 ? 0 : Math.max(0, Math.round(now - Math.min(...sent)));
}
