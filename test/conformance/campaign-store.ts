import { describe, expect, test } from "vitest";
import type { CampaignStore } from "../../src/persistence/ports/campaign.ts";
import { campaign, expectError, type OpenStores, openFor, readAll } from "./open-stores.ts";

/** What every `CampaignStore` must do for campaigns and their log. */
export function campaignStoreConformance(name: string, open: OpenStores): void {
  const start = async (): Promise<CampaignStore> => (await openFor(open)).campaigns;

  describe(`${name} keeps campaigns`, () => {
    test("a campaign is read back as it was created, and its log begins", async () => {
      const store = await start();
      const made = campaign("c1", { name: "Ça va ? 🎉", createdAt: Number.MAX_SAFE_INTEGER });
      await store.create(made, "token-1");
      expect(await store.read("c1")).toEqual(made);
      expect(await store.read("c2")).toBeUndefined();
      const { items } = await store.log("c1", { limit: 10 });
      const first = { from: "ready", to: "ready", epoch: 0, by: "token-1", why: "created" };
      expect(items).toEqual([{ ...first, at: Number.MAX_SAFE_INTEGER }]);
    });

    test("an id can be taken once, and the loser leaves no log line", async () => {
      const store = await start();
      const tries = ["one", "two", "three"].map((by) => store.create(campaign("c1"), by));
      const results = await Promise.allSettled(tries);
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect((await store.log("c1", { limit: 10 })).items).toHaveLength(1);
      await expectError(store.create(campaign("c1"), "four"), "store.conflict");
    });

    test("a payload of a megabyte comes back whole", async () => {
      const store = await start();
      const big = campaign("c1", { payload: { text: "x🎉".repeat(250_000) } });
      await store.create(big, "cli");
      expect(await store.read("c1")).toEqual(big);
    });

    test("what a caller does to its payload afterwards does not reach the store", async () => {
      const store = await start();
      const payload = { title: "as created" };
      await store.create(campaign("c1", { payload }), "cli");
      payload.title = "changed";
      Object.assign((await store.read("c1"))!.payload as object, { title: "changed" });
      expect((await store.read("c1"))?.payload).toEqual({ title: "as created" });
    });

    test("the list is newest first, by state if asked, and its pages fit together", async () => {
      const store = await start();
      for (const n of [1, 2, 3, 4, 5]) {
        await store.create(campaign(`c${n}`, { state: n % 2 === 1 ? "ready" : "started" }), "cli");
      }
      const ids = async (state?: "ready" | "started" | "failed") =>
        (await readAll((request) => store.list({ ...request, state }), 2)).map(({ id }) => id);
      expect(await ids()).toEqual(["c5", "c4", "c3", "c2", "c1"]);
      expect(await ids("ready")).toEqual(["c5", "c3", "c1"]);
      expect(await ids("started")).toEqual(["c4", "c2"]);
      expect(await ids("failed")).toEqual([]);
      await expectError(store.list({ after: "1/2", limit: 2 }), "store.cursor");
    });
  });

  describe(`${name} changes a campaign's state`, () => {
    const change = { to: "started", epoch: 1, by: "token-1", why: "asked to", at: 99 } as const;

    test("a transition changes state, epoch, reason and time, and is logged", async () => {
      const store = await start();
      await store.create(campaign("c1"), "cli");
      const changed = await store.transition("c1", { state: "ready", epoch: 0 }, change);
      const expected = campaign("c1", {
        state: "started",
        epoch: 1,
        why: "asked to",
        changedAt: 99,
      });
      expect(changed).toEqual(expected);
      expect(await store.read("c1")).toEqual(expected);
      const { items } = await store.log("c1", { limit: 10 });
      expect(items[1]).toEqual({ from: "ready", ...change });
    });

    test("a transition from another state or epoch is refused and changes nothing", async () => {
      const store = await start();
      await store.create(campaign("c1"), "cli");
      const pause = { ...change, to: "pause" } as const;
      for (const expected of [
        { state: "started", epoch: 0 },
        { state: "ready", epoch: 1 },
      ] as const) {
        await expectError(store.transition("c1", expected, pause), "store.conflict");
      }
      expect(await store.read("c1")).toEqual(campaign("c1"));
      expect((await store.log("c1", { limit: 10 })).items).toHaveLength(1);
      const unknown = store.transition("c2", { state: "ready", epoch: 0 }, change);
      await expectError(unknown, "campaign.unknown");
    });

    test("of many transitions at the same time exactly one wins", async () => {
      const store = await start();
      await store.create(campaign("c1"), "cli");
      const tries = Array.from({ length: 20 }, (_, n) =>
        store.transition("c1", { state: "ready", epoch: 0 }, { ...change, by: `token-${n}` }),
      );
      const results = await Promise.allSettled(tries);
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect((await store.log("c1", { limit: 100 })).items).toHaveLength(2);
    });

    test("the log is oldest first, page by page, and apart for each campaign", async () => {
      const store = await start();
      await store.create(campaign("c1"), "cli");
      await store.create(campaign("c2"), "cli");
      for (const epoch of [0, 1, 2, 3]) {
        const to = { ...change, to: "ready", epoch: epoch + 1, why: `step ${epoch}` } as const;
        await store.transition("c1", { state: "ready", epoch }, to);
      }
      const log = await readAll((request) => store.log("c1", request), 2);
      const steps = ["step 0", "step 1", "step 2", "step 3"];
      expect(log.map(({ why }) => why)).toEqual(["created", ...steps]);
      expect((await store.log("c2", { limit: 9 })).items).toHaveLength(1);
      expect((await store.log("c3", { limit: 9 })).items).toEqual([]);
    });
  });
}
