/** What runs leave in doubt that are stopped, fail, or are started anew. */
import { expect, test } from "vitest";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { RecordingProvider, type Rig, startCampaigns } from "./rig.ts";

const ARMS = [
  { name: "a", percent: 50, payload: { text: "a" } },
  { name: "b", percent: 50, payload: { text: "b" } },
];

/** A node that dies while its campaign has windows with the provider, and the one after it. */
async function interrupted(guarantee: "at-most-once" | "key") {
  const clock = new VirtualClock();
  const stores = memoryStores({ inboxPerUserMax: 1, clock });
  const provider = new RecordingProvider();
  const first = startCampaigns({ stores, clock, provider });
  const { id: audience } = await first.audience(1_000);
  const { id } = await first.create({ audience, workers: 1, window: 50, guarantee, arms: ARMS });
  provider.answer = async (items) =>
    provider.items.length > 200 ? new Promise(() => {}) : items.map(() => ({ status: "ok" }));
  await first.command(id, "start");
  await first.advance(500);
  await first.system.stop({ deadlineMs: 0 });

  provider.answer = () => new Promise(() => {});
  const second = startCampaigns({ stores, clock, provider, owner: "boot-2" });
  await stores.campaigns.releaseOthers("boot-2");
  return { first, second, id, stores };
}

async function pageOf(rig: Rig, id: string, epoch: number) {
  const { items } = await rig.stores.campaigns.pageStates(id, epoch, { limit: 10 });
  const exceptions = [];
  for (const page of items) {
    exceptions.push(...(await rig.stores.campaigns.exceptions({ campaign: id, epoch, ...page })));
  }
  return { items, exceptions };
}

test.each(["at-most-once", "key"] as const)(
  "what a stopped run left in doubt becomes unknown, with %s",
  async (guarantee) => {
    const { second, id, stores } = await interrupted(guarantee);
    // Nobody has taken it up before it is stopped.
    const expected = { state: "started", epoch: 1 } as const;
    const stop = { to: "stopped", epoch: 1, by: "test", why: "a test", at: 1 } as const;
    await stores.campaigns.transition(id, expected, stop);
    const before = await stores.campaigns.totals(id, 1);
    expect(before.inDoubt).toBe(100);
    await second.read(id);
    await second.advance(1_000);

    const { progress } = await second.read(id);
    expect(progress).toMatchObject({ state: "stopped", ledgerGap: 0, counts: { unknown: 100 } });
    expect(progress.ledger).toMatchObject({ unknown: 100, delivered: 200, pending: 700 });
    const { a, b } = progress.arms;
    expect(a!.unknown + b!.unknown).toBe(100);
    const { items, exceptions } = await pageOf(second, id, 1);
    expect(items.map(({ done, intent }) => [done, intent])).toEqual([[300, 300]]);
    expect(exceptions).toMatchObject([{ from: 200, to: 300, status: "unknown", rule: "stopped" }]);
  },
);

test("a stop waits for the windows under way, and only what they leave is unknown", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(400);
  const { id } = await rig.create({ audience, workers: 1, window: 50 });
  const answers: (() => void)[] = [];
  rig.provider.answer = (items) =>
    new Promise((resolve) => {
      answers.push(() => resolve(items.map(() => ({ status: "ok" }))));
    });
  await rig.command(id, "start");
  await rig.command(id, "stop");
  await rig.advance(1_000);
  expect((await rig.read(id)).progress.counts.unknown).toBe(0);
  expect(answers.length).toBe(2);
  for (const answer of answers) answer();
  await rig.advance(1_000);
  expect((await rig.read(id)).progress).toMatchObject({ sent: 100, counts: { unknown: 0 } });
  const { items } = await pageOf(rig, id, 1);
  expect(items.every(({ done, intent }) => done === intent)).toBe(true);
});

test("a start from pause settles what the run before it left, also after a crash", async () => {
  const { second, id, stores } = await interrupted("at-most-once");
  const expected = { state: "started", epoch: 1 } as const;
  const pause = { to: "pause", epoch: 1, by: "test", why: "a test", at: 1 } as const;
  await stores.campaigns.transition(id, expected, pause);
  await second.command(id, "start");
  await second.advance(1_000);
  expect((await second.read(id)).campaign.epoch).toBe(2);
  const { items, exceptions } = await pageOf(second, id, 1);
  expect(items.map(({ done, intent }) => [done, intent])).toEqual([[300, 300]]);
  expect(exceptions).toMatchObject([{ from: 200, to: 300, status: "unknown", rule: "stopped" }]);
});
