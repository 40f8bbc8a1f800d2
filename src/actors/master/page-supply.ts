import type { PageToSend } from "../worker/messages.ts";

/** Pages read ahead, whatever the size of the audience. */
export const PAGES_AHEAD = 256;
/** When fewer than this wait, the next ones are read. */
const PAGES_LOW = 64;
/** How long a page that could not be had is left alone, in milliseconds. */
const DEFER_MS = 250;
/** How often a page is tried in one listing: a little longer than a lease lasts. */
const TRIES_MAX = 24;
const DEFERRED_MAX = 256;

/**
 * The pages that a run may still hand out.
 *
 * The open pages are listed from first to last, again and again, until a listing finds none:
 * a page that a crashed worker held is found by the next one.
 */
export interface PageSupply {
  readonly queue: readonly PageToSend[];
  /** Pages somebody has the lease of, and when to try again (monotonic milliseconds). */
  readonly deferred: readonly { readonly page: PageToSend; readonly at: number }[];
  /** How often each deferred page was tried, by its id. */
  readonly tries: ReadonlyMap<string, number>;
  readonly after: string | undefined;
  readonly listing: boolean;
  readonly listFailures: number;
  /** The present listing has come to its end. */
  readonly ended: boolean;
  /** Pages that the present listing has found. */
  readonly found: number;
}

export const newSupply: PageSupply = {
  queue: [],
  deferred: [],
  tries: new Map(),
  after: undefined,
  listing: false,
  listFailures: 0,
  ended: false,
  found: 0,
};

export function wantsListing(supply: PageSupply): boolean {
  return !supply.listing && !supply.ended && supply.queue.length < PAGES_LOW;
}

export function listed(
  supply: PageSupply,
  page: { readonly items: readonly PageToSend[]; readonly next: string | undefined },
  known: ReadonlySet<string> = new Set(),
): PageSupply {
  return {
    ...supply,
    // Those that somebody has or that wait already are open, but not to be handed out twice.
    queue: [...supply.queue, ...page.items.filter((it) => !known.has(idOf(it)))],
    after: page.next,
    listing: false,
    listFailures: 0,
    ended: page.next === undefined,
    found: supply.found + page.items.length,
  };
}

export function idOf({ partition, k }: Pick<PageToSend, "partition" | "k">): string {
  return `${partition}/${k}`;
}

/** The ids of the pages that wait, and of those that workers have. */
export function knownPages(
  { queue, deferred }: PageSupply,
  held: readonly (PageToSend | undefined)[],
): ReadonlySet<string> {
  const pages = [...queue, ...deferred.map(({ page }) => page), ...held];
  return new Set(pages.flatMap((page) => (page === undefined ? [] : [idOf(page)])));
}

/** The next page to hand out, and the supply without it. */
export function take(supply: PageSupply): [PageToSend | undefined, PageSupply] {
  const [page, ...queue] = supply.queue;
  return page === undefined ? [undefined, supply] : [page, { ...supply, queue }];
}

/**
 * Leaves a page alone for a while. One that cannot be had for longer than a lease may be done
 * by now: it is dropped, and the next listing finds it if it is still open.
 */
export function defer(supply: PageSupply, page: PageToSend, now: number): PageSupply {
  const id = idOf(page);
  const tried = (supply.tries.get(id) ?? 0) + 1;
  const tries = new Map(supply.tries);
  if (tried > TRIES_MAX || supply.deferred.length >= DEFERRED_MAX) {
    tries.delete(id);
    return { ...supply, tries };
  }
  const deferred = [...supply.deferred, { page, at: now + DEFER_MS }];
  return { ...supply, deferred, tries: tries.set(id, tried) };
}

export function requeue(supply: PageSupply, page: PageToSend): PageSupply {
  return { ...supply, queue: [...supply.queue, page] };
}

/** Puts a page before all others: what was in doubt should not be for long. */
export function putFirst(supply: PageSupply, page: PageToSend): PageSupply {
  return { ...supply, queue: [page, ...supply.queue] };
}

/** Moves what was deferred long enough to the front of the queue. */
export function revive(supply: PageSupply, now: number): PageSupply {
  const due = supply.deferred.filter(({ at }) => at <= now).map(({ page }) => page);
  if (due.length === 0) return supply;
  const deferred = supply.deferred.filter(({ at }) => at > now);
  return { ...supply, queue: [...due, ...supply.queue], deferred };
}

/** Milliseconds until a deferred page is due; undefined when there is none. */
export function nextRevival(supply: PageSupply, now: number): number | undefined {
  if (supply.deferred.length === 0) return undefined;
  return Math.max(1, Math.min(...supply.deferred.map(({ at }) => at)) - now);
}

/** What is left, once no worker has a page any more. */
export function exhausted(supply: PageSupply): "no" | "look-again" | "nothing-left" {
  const { queue, deferred, ended } = supply;
  if (queue.length > 0 || deferred.length > 0 || !ended) return "no";
  return supply.found === 0 ? "nothing-left" : "look-again";
}
