/** Workers that are added, crash and come back: who gets which page, and how soon. */
import { expect, test } from "vitest";
import { Faults } from "../../../src/cli/verify/faults.ts";
import { repeated, startCampaigns } from "./rig.ts";

const SECOND = 1_000;

function pagesOf(rows: readonly { readonly page?: object | undefined }[]): number {
  return rows.filter(({ page }) => page !== undefined).length;
}

test("an added worker has work within a second, and the counts are balanced", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(40_000);
  const { id } = await rig.create({ audience, workers: 2, rate: 1_000, window: 50 });
  await rig.command(id, "start");
  await rig.advance(2 * SECOND);
  await rig.tune(id, { workers: 6 });
  await rig.advance(SECOND);
  const added = (await rig.read(id)).progress.workerStates;
  expect(pagesOf(added)).toBe(6);
  expect(added.map(({ settled }) => settled > 0)).toEqual([true, true, true, true, true, true]);

  const before = added.map(({ settled }) => settled);
  await rig.advance(6 * SECOND);
  const after = (await rig.read(id)).progress.workerStates;
  const shares = after.map(({ settled }, at) => settled - before[at]!);
  expect(Math.min(...shares)).toBeGreaterThan(900);
  expect(Math.max(...shares)).toBeLessThan(1_100);
});

test.each(["at-most-once", "key"] as const)(
  "what a crashed worker held goes on within a second, with %s",
  async (guarantee) => {
    const faults = new Faults();
    const rig = startCampaigns({
      crashesAllowed: true,
      workers: (spawn) => faults.workers(spawn),
    });
    // One page and one worker: nothing else can go on.
    const { id: audience } = await rig.audience(500);
    const { id } = await rig.create({ audience, workers: 1, rate: 100, window: 5, guarantee });
    await rig.command(id, "start");
    await rig.advance(2 * SECOND);
    const before = rig.provider.items.length;
    const page = (await rig.read(id)).progress.workerStates[0]!.page!;
    const key = { campaign: id, epoch: 1, ...page };
    expect((await rig.stores.campaigns.pageState(key))!.fence).toBe(1);
    faults.arm("worker");
    await rig.advance(SECOND);
    expect(faults.thrown).toBe(1);
    expect(rig.provider.items.length).toBeGreaterThan(before + 50);
    expect((await rig.stores.campaigns.pageState(key))!.fence).toBe(2);
    const said = (await rig.log(id)).map(({ to }) => to);
    expect(said).toEqual(["ready", "started", "reboot", "started"]);

    await rig.advance(10 * SECOND);
    const { progress } = await rig.read(id);
    expect(progress).toMatchObject({ state: "finished", ledgerGap: 0, inInbox: 0 });
    expect(progress.ledger.delivered + progress.ledger.unknown).toBe(500);
    expect(progress.ledger.unknown).toBeLessThanOrEqual(10);
    if (guarantee === "at-most-once") expect(repeated(rig.provider.members)).toEqual([]);
    else expect(new Set(rig.provider.members).size).toBe(500);
  },
);

test("a worker that crashes after the pace was changed keeps to the new one", async () => {
  const faults = new Faults();
  const rig = startCampaigns({
    crashesAllowed: true,
    workers: (spawn) => faults.workers(spawn),
  });
  const { id: audience } = await rig.audience(20_000);
  const { id } = await rig.create({ audience, workers: 2, rate: 1_000, window: 50 });
  await rig.command(id, "start");
  await rig.advance(SECOND);
  await rig.tune(id, { rate: 100 });
  await rig.advance(SECOND);
  faults.arm("worker");
  await rig.advance(SECOND);
  const before = rig.provider.items.length;
  const windows = rig.provider.windows.length;
  await rig.advance(5 * SECOND);
  expect(rig.provider.items.length - before).toBeLessThanOrEqual(550);
  expect(Math.max(...rig.provider.windows.slice(windows))).toBeLessThanOrEqual(5);
});

test("a master that crashes takes up what its workers held within a second", async () => {
  const faults = new Faults();
  const rig = startCampaigns({
    crashesAllowed: true,
    master: (type) => faults.master(type),
  });
  const { id: audience } = await rig.audience(500);
  const { id } = await rig.create({ audience, workers: 1, rate: 100, window: 5 });
  await rig.command(id, "start");
  await rig.advance(2 * SECOND);
  const before = rig.provider.items.length;
  faults.arm("master");
  await rig.advance(1.2 * SECOND);
  expect(faults.thrown).toBe(1);
  expect(rig.provider.items.length).toBeGreaterThan(before + 40);
  await rig.advance(10 * SECOND);
  const { progress } = await rig.read(id);
  expect(progress).toMatchObject({ state: "finished", ledgerGap: 0 });
  expect(progress.ledger.unknown).toBeLessThanOrEqual(10);
  expect(repeated(rig.provider.members)).toEqual([]);
});
