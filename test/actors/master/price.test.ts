/** What a campaign's price says, held against what a run does. */
import { expect, test } from "vitest";
import { price } from "../../../src/core/price.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { Stores } from "../../../src/persistence/ports/stores.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { numbered, SPEC, startCampaigns } from "./rig.ts";

/** The calls that move a campaign on, counted; who watches it costs extra. */
function counted(stores: Stores): { readonly stores: Stores; readonly calls: () => number } {
  let calls = 0;
  const around = <T extends object>(port: T): T =>
    new Proxy(port, {
      get: (object, name) => {
        const value: unknown = Reflect.get(object, name, object);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          calls += 1;
          return value.apply(object, args);
        };
      },
    });
  const { campaigns, audiences, members } = stores;
  const watched = { campaigns: around(campaigns), audiences: around(audiences) };
  const wrapped = { ...stores, ...watched, members: around(members) };
  return { stores: wrapped, calls: () => calls };
}

test.each([
  { window: 200, cap: undefined },
  { window: 50, cap: undefined },
  { window: 200, cap: { max: 5, perMs: 60_000 } },
])("a message costs what the price says: $window a window, cap $cap", async ({ window, cap }) => {
  const clock = new VirtualClock();
  const { stores, calls } = counted(memoryStores({ inboxPerUserMax: 1, clock }));
  const rig = startCampaigns({ stores, clock });
  const { id: audience, pages } = await rig.audience(numbered(40_000));
  const spec = { ...SPEC, audience, window, workers: 2, cap };
  const { id } = await rig.create(spec);
  const before = calls();
  await rig.command(id, "start");
  await rig.advance(10_000);
  const perMessage = (calls() - before) / 40_000;
  expect((await rig.read(id)).campaign.state).toBe("finished");
  // Its pages may be a little smaller than full ones; and a run has a few calls of its own.
  const partial = 40_000 / 1_000 / pages;
  const { operationsPerMessage } = price(spec);
  expect(perMessage).toBeLessThanOrEqual(operationsPerMessage / partial + 20 / 40_000);
  expect(perMessage).toBeGreaterThan(operationsPerMessage * 0.8);
});

test.each([
  { rate: 0, workers: 2, inFlight: 2, window: 50 },
  { rate: 1_000, workers: 3, inFlight: 4, window: 200 },
])("no more is in doubt, or goes after a pause, than the price says: %o", async (pace) => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(20_000);
  const spec = { ...SPEC, audience, ...pace };
  const { id } = await rig.create(spec);
  let busy = true;
  rig.provider.answer = (items) =>
    new Promise((resolve) => {
      const answer = () => resolve(items.map(() => ({ status: "ok" })));
      if (busy) rig.clock.after(700, answer);
      else answer();
    });
  const { inDoubtMax, afterPauseMax } = price(spec);
  await rig.command(id, "start");
  let most = 0;
  for (let step = 0; step < 40; step += 1) {
    await rig.advance(97);
    most = Math.max(most, (await rig.stores.campaigns.totals(id, 1)).inDoubt);
  }
  expect(most).toBeLessThanOrEqual(inDoubtMax);
  expect(most).toBeGreaterThan(0);
  await rig.command(id, "pause");
  const { progress } = await rig.read(id);
  expect(progress.pauseBound).toBe(afterPauseMax);
  const sent = rig.provider.items.length;
  busy = false;
  await rig.advance(5_000);
  expect(rig.provider.items.length - sent).toBeLessThanOrEqual(afterPauseMax);
  expect((await rig.stores.campaigns.totals(id, 1)).inDoubt).toBe(0);
});
