import { RuntimeError } from "../../core/errors.ts";
import { addByName, addCounts, noCounts, type SendCounts } from "../../core/send-counts.ts";
import { pageOf, readCursor } from "../cursor.ts";
import { mergeExceptions, settleUnknown } from "../exceptions.ts";
import type { Page } from "../ports/audience.ts";
import type {
  Advance,
  Campaign,
  OpenPage,
  PageException,
  PageJournal,
  PageKey,
  PageState,
  PageVersion,
} from "../ports/campaign.ts";
import type { Synchronous } from "../synchronous.ts";
import type { MemoryAudiences } from "./audience.ts";
import { copyOf } from "./rows.ts";

interface PageRow extends PageState {
  readonly exceptions: readonly PageException[];
  readonly arms: Readonly<Record<string, SendCounts>>;
}

/** What the journal needs to know of a campaign. */
export interface JournalEntry {
  readonly campaign: Campaign;
  /** By epoch, partition and k. */
  readonly pages: Map<string, PageRow>;
}

type Entries = ReadonlyMap<string, JournalEntry>;

export function memoryJournal(
  entries: Entries,
  audiences: MemoryAudiences,
): Synchronous<PageJournal> {
  return { ...leases(entries, audiences), ...runs(entries, audiences), ...results(entries) };
}

type Lease = "claim" | "advance" | "seize" | "releaseOthers";

function leases(
  entries: Entries,
  audiences: MemoryAudiences,
): Pick<Synchronous<PageJournal>, Lease> {
  return {
    claim(page, { owner, now, leaseUntil, version, sendsFrom, takesOver = false }) {
      const entry = entries.get(page.campaign);
      if (entry === undefined || entry.campaign.epoch > page.epoch) return undefined;
      const content = audiences.pagesOf(entry.campaign.audience).find((it) => isPage(it, page));
      if (content === undefined) return undefined;
      const found = entry.pages.get(keyOf(page));
      const row = found ?? newRow(content);
      const mine = takesOver && found?.owner === owner;
      const free = found === undefined || found.leaseUntil <= now || mine;
      if (row.done >= row.size || !free) return undefined;
      const versions = withVersion(row.versions, { from: row[sendsFrom], version });
      const claimed = { ...row, fence: row.fence + 1, owner, leaseUntil, versions };
      entry.pages.set(keyOf(page), claimed);
      return stateOf(claimed);
    },
    advance(step) {
      const pages = entries.get(step.campaign)?.pages;
      const row = pages?.get(keyOf(step));
      if (pages === undefined || row === undefined || !isStep(row, step)) {
        const where = row ? `${row.done}/${row.intent}, fence ${row.fence}` : "not claimed";
        const message = `page ${step.campaign}/${keyOf(step)} is at ${where}`;
        throw new RuntimeError(
          "store.fenced",
          `${message}: no step to ${step.done}/${step.intent}`,
        );
      }
      const { done, intent, leaseUntil, counts, arms = {}, exceptions = [] } = step;
      pages.set(keyOf(step), {
        ...row,
        ...{ done, intent, leaseUntil },
        owner: done === row.size || leaseUntil === 0 ? "" : row.owner,
        counts: addCounts(row.counts, counts),
        arms: addByName(row.arms, arms),
        exceptions: mergeExceptions(row.exceptions, copyOf(exceptions)),
      });
    },
    seize(page, { owner, now }) {
      const pages = entries.get(page.campaign)?.pages;
      const row = pages?.get(keyOf(page));
      if (pages === undefined || row === undefined || row.intent === row.done) return undefined;
      if (row.owner !== "" && row.owner !== owner && row.leaseUntil > now) return undefined;
      const seized = { ...row, fence: row.fence + 1, owner: "", leaseUntil: 0 };
      pages.set(keyOf(page), seized);
      return stateOf(seized);
    },
    releaseOthers(boot) {
      let released = 0;
      for (const { pages } of entries.values()) {
        for (const [key, page] of pages) {
          if (page.owner === "" || page.owner === boot || page.owner.startsWith(`${boot}#`))
            continue;
          pages.set(key, { ...page, owner: "", leaseUntil: 0 });
          released += 1;
        }
      }
      return released;
    },
  };
}

function isStep(row: PageRow, { fence, done, intent }: Advance): boolean {
  return row.fence === fence && row.done <= done && done <= intent && intent <= row.size;
}

function newRow({ partition, k, recipients }: Page): PageRow {
  const id = { partition, k, size: recipients.length };
  const nobody = { fence: 0, owner: "", leaseUntil: 0 };
  const nothing = { counts: noCounts, versions: [], exceptions: [], arms: {} };
  return { ...id, done: 0, intent: 0, ...nobody, ...nothing };
}

function withVersion(versions: readonly PageVersion[], next: PageVersion): readonly PageVersion[] {
  return versions.at(-1)?.version === next.version ? versions : [...versions, next];
}

type RunOperation = "openPages" | "zones" | "interrupted" | "totals";

function runs(
  entries: Entries,
  audiences: MemoryAudiences,
): Pick<Synchronous<PageJournal>, RunOperation> {
  const openOf = (id: string, epoch: number): OpenPage[] => {
    const { campaign, pages } = find(entries, id);
    return audiences
      .pagesOf(campaign.audience)
      .map(({ partition, k, recipients, zone = "" }) => {
        return { partition, k, size: recipients.length, zone };
      })
      .filter((page) => (pages.get(keyOf({ ...page, epoch }))?.done ?? 0) < page.size);
  };
  return {
    openPages(id, epoch, request) {
      const [partition, k] = readCursor(request.after, [-1, -1]);
      const open = openOf(id, epoch)
        .filter((it) => it.partition > partition || (it.partition === partition && it.k > k))
        .filter(({ zone }) => request.zones?.includes(zone) ?? true);
      return pageOf(open, request, (page) => `${page.partition}/${page.k}`);
    },
    zones(id, epoch) {
      const { campaign, pages } = find(entries, id);
      const begun = new Map<string, boolean>();
      for (const { partition, k, zone = "" } of audiences.pagesOf(campaign.audience)) {
        const claimed = pages.has(keyOf({ epoch, partition, k }));
        begun.set(zone, claimed || (begun.get(zone) ?? false));
      }
      const inOrder = [...begun].sort(([a], [b]) => (a < b ? -1 : 1));
      return inOrder.map(([zone, it]) => ({ zone, begun: it }));
    },
    interrupted(id, epoch, { limit, owner = "", now = 0 }) {
      const { campaign, pages } = find(entries, id);
      const zones = new Map(
        audiences
          .pagesOf(campaign.audience)
          .map((page) => [keyOf({ ...page, epoch }), page.zone ?? ""]),
      );
      return [...pages]
        .filter(([key]) => key.startsWith(`${epoch}/`))
        .filter(([, row]) => row.done < row.size)
        .filter(([, row]) => {
          if (row.owner !== "" && row.owner === owner) return true;
          return row.intent > row.done && (row.owner === "" || row.leaseUntil <= now);
        })
        .sort(([, a], [, b]) => a.partition - b.partition || a.k - b.k)
        .map(([key, { partition, k, size }]) => {
          return { partition, k, size, zone: zones.get(key) ?? "" };
        })
        .slice(0, limit);
    },
    totals(id, epoch) {
      const { campaign, pages } = find(entries, id);
      const none = { pages: 0, pagesDone: 0, recipients: 0, settled: 0, inDoubt: 0 };
      const totals = { ...none, counts: noCounts, arms: {} };
      for (const page of audiences.pagesOf(campaign.audience)) {
        const state = pages.get(keyOf({ ...page, epoch }));
        totals.pages += 1;
        totals.recipients += page.recipients.length;
        if (state === undefined) continue;
        totals.pagesDone += state.done === state.size ? 1 : 0;
        totals.settled += state.done;
        totals.inDoubt += state.intent - state.done;
        totals.counts = addCounts(totals.counts, state.counts);
        totals.arms = addByName(totals.arms, state.arms);
      }
      return totals;
    },
  };
}

type ResultOperation = "pageState" | "pageStates" | "exceptions" | "resolve";

function results(entries: Entries): Pick<Synchronous<PageJournal>, ResultOperation> {
  const rowOf = (page: PageKey): PageRow | undefined =>
    entries.get(page.campaign)?.pages.get(keyOf(page));
  return {
    pageState(page) {
      const row = rowOf(page);
      return row && stateOf(row);
    },
    pageStates(campaign, epoch, request) {
      const [partition, k] = readCursor(request.after, [-1, -1]);
      const rows = [...(entries.get(campaign)?.pages ?? [])]
        .filter(([key]) => key.startsWith(`${epoch}/`))
        .map(([, row]) => row)
        .filter((it) => it.partition > partition || (it.partition === partition && it.k > k))
        .filter(({ counts }) => request.unknown !== true || counts.unknown > 0)
        .sort((a, b) => a.partition - b.partition || a.k - b.k);
      const { items, next } = pageOf(rows, request, (row) => `${row.partition}/${row.k}`);
      return { items: items.map(stateOf), next };
    },
    exceptions: (page) => copyOf(rowOf(page)?.exceptions ?? []),
    resolve(page, { indices, as, arm, rule, reason }) {
      const row = rowOf(page);
      if (row === undefined) return [];
      const { exceptions, settled } = settleUnknown(row.exceptions, indices, {
        ...{ status: as, rule, reason },
      });
      if (settled.length === 0) return settled;
      const to = as === "refused" ? "shed" : as;
      const moved = { ...noCounts, unknown: -settled.length, [to]: settled.length };
      const counts = addCounts(row.counts, moved);
      const arms = arm === undefined ? row.arms : addByName(row.arms, { [arm]: moved });
      entries.get(page.campaign)?.pages.set(keyOf(page), { ...row, exceptions, counts, arms });
      return settled;
    },
  };
}

function stateOf({ exceptions: _, arms: __, ...state }: PageRow): PageState {
  return copyOf(state);
}

function keyOf({ epoch, partition, k }: Omit<PageKey, "campaign">): string {
  return `${epoch}/${partition}/${k}`;
}

function isPage(a: Pick<PageKey, "partition" | "k">, b: typeof a): boolean {
  return a.partition === b.partition && a.k === b.k;
}

function find(entries: Entries, id: string): JournalEntry {
  const entry = entries.get(id);
  if (entry === undefined) {
    throw new RuntimeError("campaign.unknown", `there is no campaign ${id}`);
  }
  return entry;
}
