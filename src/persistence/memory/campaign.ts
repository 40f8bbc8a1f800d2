import { RuntimeError } from "../../core/errors.ts";
import { pageOf, readCursor } from "../cursor.ts";
import type { PageId } from "../ports/audience.ts";
import type {
  Campaign,
  CampaignStore,
  PageKey,
  PageState,
  SendCounts,
  Transition,
} from "../ports/campaign.ts";
import type { Synchronous } from "../synchronous.ts";
import type { MemoryAudiences } from "./audience.ts";
import { copyOf, newestFirst } from "./rows.ts";

interface Entry {
  campaign: Campaign;
  readonly log: Transition[];
  /** By epoch, partition and k. */
  readonly pages: Map<string, PageState>;
}

type Entries = Map<string, Entry>;

export function memoryCampaigns(audiences: MemoryAudiences): Synchronous<CampaignStore> {
  const entries: Entries = new Map();
  return { ...records(entries), ...leases(entries, audiences), ...runs(entries, audiences) };
}

type RecordOperation = "create" | "read" | "list" | "transition" | "log";

function records(entries: Entries): Pick<Synchronous<CampaignStore>, RecordOperation> {
  return {
    create(campaign, by) {
      const { id, state, epoch, why, createdAt } = campaign;
      if (entries.has(id)) throw new RuntimeError("store.conflict", `campaign ${id} exists`);
      const first = { from: state, to: state, epoch, by, why, at: createdAt };
      entries.set(id, { campaign: copyOf(campaign), log: [first], pages: new Map() });
    },
    read: (id) => copyOf(entries.get(id)?.campaign),
    list(request) {
      const campaigns = [...entries.values()].map((entry) => entry.campaign);
      const wanted = request.state;
      return newestFirst(
        campaigns,
        request,
        ({ state }) => wanted === undefined || state === wanted,
      );
    },
    transition(id, expected, change) {
      const entry = find(entries, id);
      const { state, epoch } = entry.campaign;
      if (state !== expected.state || epoch !== expected.epoch) {
        const message = `${id} is ${state} in epoch ${epoch}, not ${expected.state}`;
        throw new RuntimeError("store.conflict", `${message} in epoch ${expected.epoch}`);
      }
      const { to, why, at } = change;
      const changed = { state: to, epoch: change.epoch, why, changedAt: at };
      entry.campaign = { ...entry.campaign, ...changed };
      entry.log.push({ ...change, from: state });
      return copyOf(entry.campaign);
    },
    log(id, request) {
      const [after] = readCursor(request.after, [0]);
      const log = entries.get(id)?.log ?? [];
      const rows = log.map((transition, index) => ({ transition, n: index + 1 })).slice(after);
      const { items, next } = pageOf(rows, request, (row) => String(row.n));
      return { items: items.map((row) => ({ ...row.transition })), next };
    },
  };
}

type LeaseOperation = "claim" | "advance" | "releaseOthers";

function leases(
  entries: Entries,
  audiences: MemoryAudiences,
): Pick<Synchronous<CampaignStore>, LeaseOperation> {
  return {
    claim(page, { owner, now, leaseUntil }) {
      const entry = entries.get(page.campaign);
      if (entry === undefined || entry.campaign.epoch > page.epoch) return undefined;
      const { partition, k } = page;
      const content = audiences.pagesOf(entry.campaign.audience).find((each) => isPage(each, page));
      if (content === undefined) return undefined;
      const size = content.recipients.length;
      const fresh = { partition, k, size, done: 0, intent: 0, fence: 0, counts: noCounts };
      const found = entry.pages.get(keyOf(page)) ?? { ...fresh, owner: "", leaseUntil: 0 };
      const free = !entry.pages.has(keyOf(page)) || found.leaseUntil <= now;
      if (found.done >= size || !free) return undefined;
      const state = { ...found, fence: found.fence + 1, owner, leaseUntil };
      entry.pages.set(keyOf(page), state);
      return copyOf(state);
    },
    advance(step) {
      const pages = entries.get(step.campaign)?.pages;
      const page = pages?.get(keyOf(step));
      const { fence, done, intent } = step;
      const valid =
        page?.fence === fence &&
        page.done <= done &&
        page.intent <= intent &&
        done <= intent &&
        intent <= page.size;
      if (pages === undefined || page === undefined || !valid) {
        const where = page ? `${page.done}/${page.intent}, fence ${page.fence}` : "not claimed";
        const message = `page ${step.campaign}/${keyOf(step)} is at ${where}`;
        throw new RuntimeError("store.fenced", `${message}: no step to ${done}/${intent}`);
      }
      pages.set(keyOf(step), {
        ...page,
        done,
        intent,
        owner: done === page.size || step.leaseUntil === 0 ? "" : page.owner,
        leaseUntil: step.leaseUntil,
        counts: addCounts(page.counts, step.counts),
      });
    },
    releaseOthers(owner) {
      let released = 0;
      for (const { pages } of entries.values()) {
        for (const [key, page] of pages) {
          if (page.owner === "" || page.owner === owner) continue;
          pages.set(key, { ...page, owner: "", leaseUntil: 0 });
          released += 1;
        }
      }
      return released;
    },
  };
}

function runs(
  entries: Entries,
  audiences: MemoryAudiences,
): Pick<Synchronous<CampaignStore>, "openPages" | "totals"> {
  return {
    openPages(id, epoch, request) {
      const { campaign, pages } = find(entries, id);
      const [partition, k] = readCursor(request.after, [-1, -1]);
      const open = audiences
        .pagesOf(campaign.audience)
        .map((page) => ({ partition: page.partition, k: page.k, size: page.recipients.length }))
        .filter(
          (page) => page.partition > partition || (page.partition === partition && page.k > k),
        )
        .filter((page) => (pages.get(keyOf({ ...page, epoch }))?.done ?? 0) < page.size);
      return pageOf(open, request, (page) => `${page.partition}/${page.k}`);
    },
    totals(id, epoch) {
      const { campaign, pages } = find(entries, id);
      const none = { pages: 0, pagesDone: 0, recipients: 0, settled: 0, inDoubt: 0 };
      const totals = { ...none, counts: noCounts };
      for (const page of audiences.pagesOf(campaign.audience)) {
        const state = pages.get(keyOf({ ...page, epoch }));
        const size = page.recipients.length;
        totals.pages += 1;
        totals.recipients += size;
        if (state === undefined) continue;
        totals.pagesDone += state.done === size ? 1 : 0;
        totals.settled += state.done;
        totals.inDoubt += state.intent - state.done;
        totals.counts = addCounts(totals.counts, state.counts);
      }
      return totals;
    },
  };
}

const noCounts: SendCounts = { delivered: 0, handed: 0, shed: 0, unknown: 0 };

function addCounts(a: SendCounts, b: SendCounts): SendCounts {
  return {
    delivered: a.delivered + b.delivered,
    handed: a.handed + b.handed,
    shed: a.shed + b.shed,
    unknown: a.unknown + b.unknown,
  };
}

function keyOf({ epoch, partition, k }: Omit<PageKey, "campaign">): string {
  return `${epoch}/${partition}/${k}`;
}

function isPage(a: PageId, b: PageId): boolean {
  return a.partition === b.partition && a.k === b.k;
}

function find(entries: Entries, id: string): Entry {
  const entry = entries.get(id);
  if (entry === undefined) {
    throw new RuntimeError("campaign.unknown", `there is no campaign ${id}`);
  }
  return entry;
}
