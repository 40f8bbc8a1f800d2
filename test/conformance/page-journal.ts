import { describe, expect, test } from "vitest";
import { noCounts } from "../../src/core/send-counts.ts";
import type { Advance, PageKey } from "../../src/persistence/ports/campaign.ts";
import type { Stores } from "../../src/persistence/ports/stores.ts";
import {
  audience,
  campaign,
  expectError,
  type OpenStores,
  openFor,
  readAll,
  recipients,
} from "./open-stores.ts";

const PAGES = { partitions: 3, perPartition: 4, size: 10 };
const page: PageKey = { campaign: "c1", epoch: 1, partition: 1, k: 2 };
const none = noCounts;
const lease = {
  owner: "node-1",
  now: 1_000,
  leaseUntil: 2_000,
  version: 1,
  sendsFrom: "done",
} as const;

const step = (overrides: Partial<Advance>): Advance => ({
  ...page,
  fence: 1,
  done: 0,
  intent: 0,
  counts: none,
  leaseUntil: 2_000,
  ...overrides,
});

/** A campaign in its first epoch over an audience of 3 partitions with 4 pages of 10 each. */
async function withPages({ audiences, campaigns }: Stores): Promise<void> {
  await audiences.create(audience("a1"));
  await audiences.create(audience("other"));
  for (let partition = PAGES.partitions - 1; partition >= 0; partition -= 1) {
    const pages = Array.from({ length: PAGES.perPartition }, (_, k) => ({
      partition,
      k,
      recipients: recipients(PAGES.size),
    }));
    await audiences.seal("a1", partition, pages);
    await audiences.seal("other", partition, pages);
  }
  await campaigns.create(campaign("c1"), "cli");
  const change = { to: "started", epoch: 1, by: "cli", why: "asked to", at: 1 } as const;
  await campaigns.transition("c1", { state: "ready", epoch: 0 }, change);
}

/** What every `CampaignStore` must do for the journal of a campaign's pages. */
export function pageJournalConformance(name: string, open: OpenStores): void {
  const start = async () => {
    const stores = await openFor(open);
    await withPages(stores);
    return stores.campaigns;
  };

  leaseConformance(name, start);
  stepConformance(name, start);
  runConformance(name, start);
}

type Start = () => Promise<Stores["campaigns"]>;

function leaseConformance(name: string, start: Start): void {
  describe(`${name} leases pages`, () => {
    test("the first claim of a page starts its journal with fence 1", async () => {
      const store = await start();
      const { owner, leaseUntil } = lease;
      const fresh = { size: 10, done: 0, intent: 0, fence: 1, owner, leaseUntil, counts: none };
      const versions = [{ from: 0, version: 1 }];
      expect(await store.claim(page, lease)).toEqual({
        ...{ partition: 1, k: 2, versions },
        ...fresh,
      });
    });

    test("while a lease is alive nobody gets the page, not even its owner", async () => {
      const store = await start();
      await store.claim(page, lease);
      expect(await store.claim(page, { ...lease, owner: "node-2", now: 1_999 })).toBeUndefined();
      expect(await store.claim(page, { ...lease, now: 1_999 })).toBeUndefined();
    });

    test("the lease of a holder that has ended goes to its own owner only", async () => {
      const store = await start();
      await store.claim(page, lease);
      const takesOver = { ...lease, now: 1_500, leaseUntil: 2_500, takesOver: true };
      expect(await store.claim(page, { ...takesOver, owner: "node-2" })).toBeUndefined();
      expect(await store.claim(page, takesOver)).toMatchObject({ fence: 2, leaseUntil: 2_500 });
      await expectError(store.advance(step({ done: 1, intent: 1 })), "store.fenced");
      expect(await store.claim(page, { ...takesOver, takesOver: false })).toBeUndefined();
    });

    test("a lease that has run out goes to the next with a higher fence", async () => {
      const store = await start();
      await store.claim(page, lease);
      await store.advance(step({ done: 3, intent: 5, counts: { ...none, delivered: 3 } }));
      const next = { ...lease, owner: "node-2", now: 2_000, leaseUntil: 3_000 };
      expect(await store.claim(page, next)).toMatchObject({
        done: 3,
        intent: 5,
        fence: 2,
        owner: "node-2",
        leaseUntil: 3_000,
        counts: { delivered: 3 },
      });
    });

    test("of many claims at the same time exactly one wins", async () => {
      const store = await start();
      const claims = await Promise.all(
        Array.from({ length: 20 }, (_, n) => store.claim(page, { ...lease, owner: `node-${n}` })),
      );
      expect(claims.filter((state) => state !== undefined)).toHaveLength(1);
    });

    test("a page that is done cannot be had", async () => {
      const store = await start();
      await store.claim(page, lease);
      await store.advance(step({ done: 10, intent: 10 }));
      expect(await store.claim(page, { ...lease, now: 1_000_000 })).toBeUndefined();
    });

    test("a lease that is given up can be had at once", async () => {
      const store = await start();
      await store.claim(page, lease);
      await store.advance(step({ done: 3, intent: 3, leaseUntil: 0 }));
      expect(await store.claim(page, lease)).toMatchObject({ done: 3, fence: 2 });
    });

    test("a page that is not there, or of a run that is over, cannot be had", async () => {
      const store = await start();
      expect(await store.claim({ ...page, k: 4 }, lease)).toBeUndefined();
      expect(await store.claim({ ...page, campaign: "c2" }, lease)).toBeUndefined();
      expect(await store.claim({ ...page, epoch: 0 }, lease)).toBeUndefined();
    });

    test("a node's start ends the leases of all others, and of nobody else", async () => {
      const store = await start();
      const kept = { ...page, k: 0 };
      const done = { ...page, k: 1 };
      await store.claim(kept, lease);
      await store.claim(done, { ...lease, owner: "node-2" });
      await store.advance(step({ ...done, done: 10, intent: 10 }));
      await store.claim(page, { ...lease, owner: "node-2" });
      expect(await store.releaseOthers("node-1")).toBe(1);
      expect(await store.releaseOthers("node-1")).toBe(0);
      const part = { ...page, k: 3 };
      await store.claim(part, { ...lease, owner: "node-1#7" });
      expect(await store.releaseOthers("node-1")).toBe(0);
      expect(await store.releaseOthers("node-1#7")).toBe(1);
      await store.claim(kept, lease);
      expect(await store.claim(kept, lease)).toBeUndefined();
      expect(await store.claim(page, lease)).toMatchObject({ fence: 2, owner: "node-1" });
    });
  });
}

function stepConformance(name: string, start: Start): void {
  describe(`${name} journals the steps of a page`, () => {
    test("steps move the cursors, add the counts and renew the lease", async () => {
      const store = await start();
      await store.claim(page, lease);
      const counts = { ...none, delivered: 1, handed: 2, shed: 3, unknown: 4 };
      await store.advance(step({ intent: 5 }));
      await store.advance(step({ done: 5, intent: 9, counts, leaseUntil: 5_000 }));
      await store.advance(step({ done: 9, intent: 9, counts, leaseUntil: 6_000 }));
      expect(await store.claim(page, { ...lease, now: 5_999 })).toBeUndefined();
      expect(await store.claim(page, { ...lease, now: 6_000 })).toMatchObject({
        done: 9,
        intent: 9,
        counts: { delivered: 2, handed: 4, shed: 6, unknown: 8 },
      });
    });

    test("an intent may go back as far as done", async () => {
      const store = await start();
      await store.claim(page, lease);
      await store.advance(step({ intent: 8 }));
      await store.advance(step({ done: 2, intent: 3, leaseUntil: 0 }));
      expect(await store.claim(page, lease)).toMatchObject({ done: 2, intent: 3 });
    });

    test("a step with an old fence is refused and changes nothing", async () => {
      const store = await start();
      await store.claim(page, lease);
      await store.claim(page, { ...lease, now: 2_000, leaseUntil: 3_000 });
      const late = step({ done: 5, intent: 5, counts: { ...none, delivered: 5 } });
      await expectError(store.advance(late), "store.fenced");
      await store.advance(step({ fence: 2, done: 1, intent: 1, counts: { ...none, shed: 1 } }));
      expect(await store.totals("c1", 1)).toMatchObject({
        settled: 1,
        counts: { ...none, shed: 1 },
      });
    });

    test.each([
      ["back with done", { done: 3, intent: 6 }],
      ["with done beyond intent", { done: 7, intent: 6 }],
      ["beyond the page", { done: 4, intent: 11 }],
      ["with a fence of the future", { done: 5, intent: 6, fence: 2 }],
      ["in another epoch", { done: 5, intent: 6, epoch: 2 }],
      ["on a page that nobody has claimed", { done: 5, intent: 6, k: 0 }],
      ["in an unknown campaign", { done: 5, intent: 6, campaign: "c2" }],
    ])("a step that goes %s is refused and changes nothing", async (_, wrong) => {
      const store = await start();
      await store.claim(page, lease);
      await store.advance(step({ done: 4, intent: 6, counts: { ...none, handed: 4 } }));
      const before = await store.totals("c1", 1);
      const bad = step({ ...wrong, counts: { ...none, delivered: 1 } });
      await expectError(store.advance(bad), "store.fenced");
      expect(await store.totals("c1", 1)).toEqual(before);
    });
  });
}

function runConformance(name: string, start: Start): void {
  describe(`${name} shows how far a run is`, () => {
    const allPages = Array.from({ length: 12 }, (_, n) => ({
      partition: Math.floor(n / 4),
      k: n % 4,
      size: 10,
      zone: "",
    }));

    test("open pages are those not done in this epoch, in page order", async () => {
      const store = await start();
      const open = (epoch: number, limit: number) =>
        readAll((request) => store.openPages("c1", epoch, request), limit);
      expect(await open(1, 100)).toEqual(allPages);
      await store.claim(page, lease);
      await store.advance(step({ done: 9, intent: 10 }));
      expect(await open(1, 5)).toEqual(allPages);
      await store.advance(step({ done: 10, intent: 10 }));
      const others = allPages.filter(({ partition, k }) => partition !== 1 || k !== 2);
      expect(await open(1, 4)).toEqual(others);
      expect(await open(2, 12)).toEqual(allPages);
    });

    test("a cursor of open pages still holds when its page is done", async () => {
      const store = await start();
      const { next } = await store.openPages("c1", 1, { limit: 7 });
      await store.claim(page, lease);
      await store.advance(step({ done: 10, intent: 10 }));
      const { items } = await store.openPages("c1", 1, { after: next, limit: 100 });
      expect(items).toEqual(allPages.slice(7));
      await expectError(store.openPages("c1", 1, { after: "x", limit: 1 }), "store.cursor");
    });

    test("totals add up the pages of one epoch, claimed or not", async () => {
      const store = await start();
      const totals = { pages: 12, pagesDone: 0, recipients: 120, settled: 0, inDoubt: 0 };
      expect(await store.totals("c1", 1)).toEqual({ ...totals, counts: none, arms: {} });
      const counts = { ...none, delivered: 4, handed: 3, shed: 2, unknown: 1 };
      await store.claim(page, lease);
      await store.advance(step({ done: 10, intent: 10, counts }));
      await store.claim({ ...page, k: 0 }, lease);
      await store.advance(step({ k: 0, done: 2, intent: 6, counts: { ...none, delivered: 2 } }));
      expect(await store.totals("c1", 1)).toEqual({
        pages: 12,
        pagesDone: 1,
        recipients: 120,
        settled: 12,
        inDoubt: 4,
        counts: { ...none, delivered: 6, handed: 3, shed: 2, unknown: 1 },
        arms: {},
      });
      expect(await store.totals("c1", 2)).toEqual({ ...totals, counts: none, arms: {} });
    });

    test("an unknown campaign has no pages and no totals", async () => {
      const store = await start();
      await expectError(store.openPages("c2", 1, { limit: 1 }), "campaign.unknown");
      await expectError(store.totals("c2", 1), "campaign.unknown");
    });
  });
}
