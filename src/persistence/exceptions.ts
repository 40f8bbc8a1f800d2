import type { PageException } from "./ports/campaign.ts";

/** Adds exceptions in the order of their indices; neighbors that say the same become one. */
export function mergeExceptions(
  kept: readonly PageException[],
  added: readonly PageException[],
): PageException[] {
  const merged: PageException[] = [];
  for (const next of [...kept, ...added].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last !== undefined && last.to === next.from && isSame(last, next)) {
      merged[merged.length - 1] = { ...last, to: next.to };
    } else merged.push(next);
  }
  return merged;
}

/** What is left of the exceptions when unknown recipients are settled, and who was unknown. */
export function settleUnknown(
  kept: readonly PageException[],
  indices: readonly number[],
  as: {
    readonly status: "delivered" | "handed" | "refused";
    readonly rule: string;
    readonly reason: string;
  },
): { readonly exceptions: PageException[]; readonly settled: number[] } {
  const wanted = new Set(indices);
  const rest: PageException[] = [];
  const settled: number[] = [];
  for (const exception of kept) {
    if (exception.status !== "unknown") {
      rest.push(exception);
      continue;
    }
    for (let index = exception.from; index < exception.to; index += 1) {
      const one = { ...exception, from: index, to: index + 1 };
      if (!wanted.has(index)) rest.push(one);
      else {
        settled.push(index);
        const { rule, reason } = as;
        if (as.status === "refused") rest.push({ ...one, status: "refused", rule, reason });
      }
    }
  }
  return { exceptions: mergeExceptions(rest, []), settled };
}

function isSame(a: PageException, b: PageException): boolean {
  // A provider's id names one message.
  if (a.providerId !== undefined || b.providerId !== undefined) return false;
  return a.status === b.status && a.rule === b.rule && a.reason === b.reason;
}
