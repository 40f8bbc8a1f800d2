import { expect, test } from "vitest";
import { RuntimeError } from "../../../src/core/errors.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import { must, startDesk } from "../collect/desk-rig.ts";
import { startCampaigns } from "../master/rig.ts";

/** Refuses so many changes, as if somebody else had been faster. */
function rivals(count: number) {
  let tries = 0;
  return {
    tries: () => tries,
    outrun: async () => {
      tries += 1;
      if (tries <= count) throw new RuntimeError("store.conflict", "somebody was faster");
    },
  };
}

test.for([
  [3, { ok: true, value: { before: "ready", changed: true } }],
  [4, { ok: false, error: { code: "campaign.conflict" } }],
] as const)(
  "of a campaign's change that loses %i races, somebody hears",
  async ([count, answer]) => {
    const stores = memoryStores({ inboxPerUserMax: 1 });
    const { outrun, tries } = rivals(count);
    const { campaigns } = stores;
    const transition: typeof campaigns.transition = async (...change) => {
      await outrun();
      return campaigns.transition(...change);
    };
    const rig = startCampaigns({ stores: { ...stores, campaigns: { ...campaigns, transition } } });
    const { id: audience } = await rig.audience(1);
    const { id } = await rig.create({ audience, rate: 1, workers: 1 });
    expect(await rig.command(id, "start")).toMatchObject(answer);
    expect(tries()).toBe(4);
  },
);

test.for([
  [3, { ok: true, value: { before: "ready", changed: true } }],
  [4, { ok: false, error: { code: "audience.conflict" } }],
] as const)(
  "of an audience's change that loses %i races, somebody hears",
  async ([count, answer]) => {
    const stores = memoryStores({ inboxPerUserMax: 1 });
    const { outrun } = rivals(count);
    const { collections } = stores;
    const transition: typeof collections.transition = async (...change) => {
      await outrun();
      return collections.transition(...change);
    };
    const desk = startDesk({ stores: { ...stores, collections: { ...collections, transition } } });
    const { id } = must(await desk.create({ type: "condition", condition: { all: [] } }, false));
    expect(await desk.command(id, "start")).toMatchObject(answer);
  },
);
