import { describe, expect, test } from "vitest";
import { noCounts } from "../../src/core/send-counts.ts";
import type {
  Advance,
  Campaign,
  CampaignSpec,
  PageKey,
} from "../../src/persistence/ports/campaign.ts";
import type { Stores } from "../../src/persistence/ports/stores.ts";
import {
  audience,
  campaign,
  expectError,
  type OpenStores,
  openFor,
  recipients,
} from "./open-stores.ts";

const page: PageKey = { campaign: "c1", epoch: 1, partition: 0, k: 1 };
const lease = { owner: "n1", now: 1, leaseUntil: 2_000, version: 1, sendsFrom: "done" } as const;
const said = { by: "token-1", why: "a typo", at: 7 };

const step = (overrides: Partial<Advance>): Advance => ({
  ...{ ...page, fence: 1, done: 0, intent: 0, counts: noCounts, leaseUntil: 2_000 },
  ...overrides,
});

/** A running campaign over pages of two time zones and one without. */
async function withZones({ audiences, campaigns }: Stores): Promise<void> {
  await audiences.create(audience("a1"));
  const zones = ["", "Asia/Tokyo", "Asia/Tokyo", "Europe/Paris"];
  const pages = zones.map((zone, k) => ({
    ...{ partition: 0, k, recipients: recipients(10, `p${k}`) },
    ...(zone === "" ? {} : { zone }),
  }));
  await audiences.seal("a1", 0, pages);
  await campaigns.create(campaign("c1"), "cli");
  const change = { to: "started", epoch: 1, by: "cli", why: "asked to", at: 1 } as const;
  await campaigns.transition("c1", { state: "ready", epoch: 0 }, change);
}

function specOf(made: Campaign): CampaignSpec {
  const { id, state, why, epoch, version, run, createdAt, changedAt, ...spec } = made;
  return spec;
}

/** What every `CampaignStore` must do for versions, zones, arms and exceptions. */
export function campaignVersionsConformance(name: string, open: OpenStores): void {
  const start = async (): Promise<Stores["campaigns"]> => {
    const stores = await openFor(open);
    await withZones(stores);
    return stores.campaigns;
  };
  editConformance(name, open);
  zoneConformance(name, open, start);
  outcomeConformance(name, start);
}

function editConformance(name: string, open: OpenStores): void {
  describe(`${name} keeps versions of a spec`, () => {
    test("an edit replaces the spec, and every version can be read", async () => {
      const { campaigns } = await openFor(open);
      const made = campaign("c1");
      await campaigns.create(made, "cli");
      const spec = { ...specOf(made), name: "better", cap: { max: 1, perMs: 1_000 } };
      const edited = await campaigns.edit("c1", { state: "ready", version: 1 }, { spec, ...said });
      expect(edited).toEqual({ ...made, ...spec, version: 2, changedAt: 7 });
      expect(await campaigns.read("c1")).toEqual(edited);
      const { items } = await campaigns.versions("c1", { limit: 10 });
      expect(items.map(({ version, spec: it, by }) => [version, it.name, by])).toEqual([
        [1, "campaign c1", "cli"],
        [2, "better", "token-1"],
      ]);
    });

    test("an edit of another state or version is refused and changes nothing", async () => {
      const { campaigns } = await openFor(open);
      await campaigns.create(campaign("c1"), "cli");
      const change = { spec: specOf(campaign("c1", { name: "worse" })), ...said };
      for (const expected of [
        { state: "pause", version: 1 },
        { state: "ready", version: 2 },
      ] as const) {
        await expectError(campaigns.edit("c1", expected, change), "store.conflict");
      }
      const unknown = campaigns.edit("c2", { state: "ready", version: 1 }, change);
      await expectError(unknown, "campaign.unknown");
      expect(await campaigns.read("c1")).toEqual(campaign("c1"));
    });

    test("the pace changes without a version, with a line in the log", async () => {
      const { campaigns } = await openFor(open);
      await campaigns.create(campaign("c1"), "cli");
      const change = { workers: 9, rate: 50, ...said };
      const tuned = await campaigns.tune("c1", { state: "ready", epoch: 0 }, change);
      expect(tuned).toEqual(campaign("c1", { workers: 9, rate: 50, changedAt: 7 }));
      const { items } = await campaigns.log("c1", { limit: 10 });
      expect(items[1]).toEqual({ from: "ready", to: "ready", epoch: 0, ...said });
      const stale = campaigns.tune("c1", { state: "ready", epoch: 1 }, change);
      await expectError(stale, "store.conflict");
    });

    test("notes of a run are written with a transition, and stay without", async () => {
      const { campaigns } = await openFor(open);
      await campaigns.create(campaign("c1"), "cli");
      const run = { resumedAt: 5, canary: "trial" } as const;
      const to = { to: "started", epoch: 1, ...said } as const;
      await campaigns.transition("c1", { state: "ready", epoch: 0 }, { ...to, run });
      expect((await campaigns.read("c1"))?.run).toEqual(run);
      await campaigns.transition("c1", { state: "started", epoch: 1 }, { ...to, to: "pause" });
      expect((await campaigns.read("c1"))?.run).toEqual(run);
    });

    test("the latest certificate of a campaign counts", async () => {
      const { campaigns } = await openFor(open);
      await campaigns.create(campaign("c1"), "cli");
      expect(await campaigns.certificate("c1")).toBeUndefined();
      const first = { id: "x1", campaign: "c1", audienceHash: "a", templateHash: "t" };
      await campaigns.certify({ ...first, at: 9, by: "cli" });
      await campaigns.certify({ ...first, id: "x2", at: 1, by: "cli" });
      expect(await campaigns.certificate("c1")).toMatchObject({ id: "x2" });
      await expectError(campaigns.certify({ ...first, at: 1, by: "cli" }), "store.conflict");
      const lost = { ...first, id: "x3", campaign: "c2", at: 1, by: "cli" };
      await expectError(campaigns.certify(lost), "campaign.unknown");
    });
  });
}

function zoneConformance(
  name: string,
  open: OpenStores,
  start: () => Promise<Stores["campaigns"]>,
): void {
  describe(`${name} knows the time zones of pages`, () => {
    test("open pages say their zone, and can be had by zone", async () => {
      const store = await start();
      const { items } = await store.openPages("c1", 1, { limit: 10 });
      expect(items.map(({ zone }) => zone)).toEqual([
        ...["", "Asia/Tokyo", "Asia/Tokyo", "Europe/Paris"],
      ]);
      const zones = ["", "Asia/Tokyo"];
      const first = await store.openPages("c1", 1, { limit: 2, zones });
      expect(first.items.map(({ k }) => k)).toEqual([0, 1]);
      const rest = await store.openPages("c1", 1, { limit: 2, zones, after: first.next });
      expect(rest.items.map(({ k }) => k)).toEqual([2]);
      expect((await store.openPages("c1", 1, { limit: 2, zones: [] })).items).toEqual([]);
    });

    test("a zone has begun in an epoch when somebody has claimed a page of it", async () => {
      const store = await start();
      await store.claim(page, lease);
      const begun = { zone: "Asia/Tokyo", begun: true };
      const rest = { zone: "Europe/Paris", begun: false };
      expect(await store.zones("c1", 1)).toEqual([{ zone: "", begun: false }, begun, rest]);
      expect((await store.zones("c1", 2)).filter((it) => it.begun)).toEqual([]);
      await expectError(store.zones("c2", 1), "campaign.unknown");
    });

    test("a page is read back with its zone", async () => {
      const stores = await openFor(open);
      await withZones(stores);
      expect((await stores.audiences.page("a1", { partition: 0, k: 1 }))?.zone).toBe("Asia/Tokyo");
      expect(await stores.audiences.page("a1", { partition: 0, k: 0 })).not.toHaveProperty("zone");
    });

    test("pages that a dead node left in doubt are found, others are not", async () => {
      const store = await start();
      for (const k of [0, 1, 2]) await store.claim({ ...page, k }, lease);
      await store.advance(step({ k: 0, intent: 5 }));
      await store.advance(step({ k: 1, done: 5, intent: 5, leaseUntil: 0 }));
      await store.advance(step({ k: 2, intent: 3 }));
      expect(await store.interrupted("c1", 1, { limit: 10 })).toEqual([]);
      await store.releaseOthers("n2");
      const found = await store.interrupted("c1", 1, { limit: 10 });
      expect(found.map(({ k, zone }) => [k, zone])).toEqual([
        [0, ""],
        [2, "Asia/Tokyo"],
      ]);
      expect(await store.interrupted("c1", 1, { limit: 1 })).toHaveLength(1);
    });

    test("an owner without workers finds what they held, and nobody else's", async () => {
      const store = await start();
      await store.claim(page, lease);
      await store.advance(step({ intent: 5 }));
      const idle = { ...page, k: 2 };
      await store.claim(idle, lease);
      const of = (owner: string) => store.interrupted("c1", 1, { limit: 10, owner });
      expect(await of(lease.owner)).toMatchObject([{ k: page.k }, { k: idle.k }]);
      expect(await of("n2")).toEqual([]);
    });

    test("a page in doubt is seized from a dead owner, whose steps are refused", async () => {
      const store = await start();
      expect(await store.seize(page, { owner: lease.owner, now: 1 })).toBeUndefined();
      await store.claim(page, lease);
      expect(await store.seize(page, { owner: lease.owner, now: 1 })).toBeUndefined();
      await store.advance(step({ done: 2, intent: 5, counts: { ...noCounts, delivered: 2 } }));
      expect(await store.seize(page, { owner: "n2", now: 1_999 })).toBeUndefined();
      const request = { limit: 1, now: 2_000 };
      expect(await store.interrupted("c1", 1, request)).toMatchObject([{ k: page.k }]);
      const seized = await store.seize(page, { owner: lease.owner, now: 1 });
      expect(seized).toMatchObject({ done: 2, intent: 5, fence: 2, owner: "", leaseUntil: 0 });
      await expectError(store.advance(step({ done: 5, intent: 5 })), "store.fenced");
      await store.advance(step({ fence: 2, done: 5, intent: 5, leaseUntil: 0 }));
      expect(await store.seize(page, { owner: lease.owner, now: 1 })).toBeUndefined();
    });
  });
}

function outcomeConformance(name: string, start: () => Promise<Stores["campaigns"]>): void {
  const exception = { status: "unknown", rule: "crash", reason: "it died" } as const;

  describe(`${name} knows what became of whom`, () => {
    test("a page says which version each part of it was sent with", async () => {
      const store = await start();
      await store.claim(page, lease);
      await store.advance(step({ done: 2, intent: 6, leaseUntil: 0 }));
      await store.claim(page, { ...lease, version: 2, sendsFrom: "intent" });
      await store.advance(step({ fence: 2, done: 8, intent: 9, leaseUntil: 0 }));
      await store.claim(page, { ...lease, version: 2 });
      expect((await store.pageState(page))?.versions).toEqual([
        { from: 0, version: 1 },
        { from: 6, version: 2 },
      ]);
      expect(await store.pageState({ ...page, k: 3 })).toBeUndefined();
    });

    test("exceptions are kept in order, and neighbors that say the same are one", async () => {
      const store = await start();
      await store.claim(page, lease);
      const refused = { status: "refused", rule: "provider", reason: "no" } as const;
      const late = { from: 4, to: 6, ...exception };
      await store.advance(step({ done: 6, intent: 6, exceptions: [late] }));
      const rest = [
        { from: 6, to: 8, ...exception },
        { from: 9, to: 10, ...refused, providerId: "p9" },
      ];
      await store.advance(step({ done: 10, intent: 10, exceptions: rest }));
      expect(await store.exceptions(page)).toEqual([{ ...late, to: 8 }, rest[1]]);
      expect(await store.exceptions({ ...page, k: 0 })).toEqual([]);
    });

    test("a step that is refused leaves no exception and no arm behind", async () => {
      const store = await start();
      await store.claim(page, lease);
      const bad = step({ fence: 9, exceptions: [{ from: 0, to: 1, ...exception }] });
      await expectError(store.advance({ ...bad, arms: { a: noCounts } }), "store.fenced");
      expect(await store.exceptions(page)).toEqual([]);
      expect((await store.totals("c1", 1)).arms).toEqual({});
    });

    test("counts add up by arm", async () => {
      const store = await start();
      const a = { ...noCounts, delivered: 2 };
      const control = { ...noCounts, held: 3 };
      for (const k of [0, 1]) {
        await store.claim({ ...page, k }, lease);
        const counts = { ...noCounts, delivered: 2, held: 3 };
        await store.advance(step({ k, done: 5, intent: 5, counts, arms: { a, control } }));
      }
      expect(await store.totals("c1", 1)).toMatchObject({
        counts: { delivered: 4, held: 6 },
        arms: { a: { ...noCounts, delivered: 4 }, control: { ...noCounts, held: 6 } },
      });
    });

    test("who is unknown is settled once, the others are left alone", async () => {
      const store = await start();
      await store.claim(page, lease);
      const counts = { ...noCounts, unknown: 4, delivered: 6 };
      const arms = { a: counts };
      const exceptions = [{ from: 2, to: 6, ...exception }];
      await store.advance(step({ done: 10, intent: 10, counts, arms, exceptions }));
      const as = { as: "delivered", arm: "a", rule: "receipt", reason: "said so" } as const;
      expect(await store.resolve(page, { ...as, indices: [0, 2, 3, 9] })).toEqual([2, 3]);
      expect(await store.resolve(page, { ...as, indices: [2, 3] })).toEqual([]);
      const given = { as: "refused", arm: "a", rule: "operator", reason: "given up" } as const;
      expect(await store.resolve(page, { ...given, indices: [5] })).toEqual([5]);
      expect(await store.exceptions(page)).toEqual([
        { from: 4, to: 5, ...exception },
        { from: 5, to: 6, status: "refused", rule: "operator", reason: "given up" },
      ]);
      const after = { ...noCounts, delivered: 8, shed: 1, unknown: 1 };
      expect(await store.totals("c1", 1)).toMatchObject({ counts: after, arms: { a: after } });
      const { items } = await store.pageStates("c1", 1, { limit: 5, unknown: true });
      expect(items.map(({ k, counts: it }) => [k, it.unknown])).toEqual([[1, 1]]);
      const handed = { ...as, as: "handed", rule: "resent", indices: [4] } as const;
      expect(await store.resolve(page, handed)).toEqual([4]);
      const end = { ...after, handed: 1, unknown: 0 };
      expect(await store.totals("c1", 1)).toMatchObject({ counts: end, arms: { a: end } });
      expect(await store.exceptions(page)).toHaveLength(1);
    });
  });
}
