import { expect, test } from "vitest";
import { NOBODY_BLOCKED, withoutBlocked } from "../../../src/actors/worker/blocked.ts";
import type { Numbered } from "../../../src/actors/worker/items.ts";
import { Tally } from "../../../src/actors/worker/results.ts";
import { RuntimeError } from "../../../src/core/errors.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { startCampaigns } from "../master/rig.ts";

const suppression = { kind: "member", value: "user-2", why: "bounced", by: "test", at: 1 } as const;

test("who opted out or was suppressed after the audience was made gets nothing", async () => {
  const rig = startCampaigns();
  const { id: audience, hash } = await rig.audience(5);
  await rig.stores.members.optOut("user-1", { optedOut: true, at: 1 });
  await rig.stores.suppressions.suppress([suppression]);
  const { id } = await rig.create({ audience });
  await rig.command(id, "start");
  await rig.advance(1_000);
  expect(rig.provider.members).toEqual(["user-0", "user-3", "user-4"]);
  const { campaign, progress } = await rig.read(id);
  expect(campaign.state).toBe("finished");
  expect(progress.counts).toMatchObject({ delivered: 3, skipped: 2 });
  expect(progress).toMatchObject({ sent: 5, ledgerGap: 0 });
  expect((await rig.stores.audiences.read(audience))?.hash).toBe(hash);
  const page = { campaign: id, epoch: 1, partition: 0, k: 0 };
  const exceptions = await rig.stores.campaigns.exceptions(page);
  expect(exceptions.map(({ rule, reason }) => `${rule}: ${reason}`)).toEqual([
    "opt-out: opted out after the audience was made",
    "suppression: suppressed after the audience was made",
  ]);
});

test("who opts out while a campaign is paused gets nothing when it goes on", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(20);
  const { id } = await rig.create({ audience, rate: 10, workers: 1 });
  await rig.command(id, "start");
  await rig.advance(500);
  await rig.command(id, "pause");
  await rig.advance(5_000);
  expect(rig.provider.members).not.toContain("user-19");
  await rig.stores.members.optOut("user-19", { optedOut: true, at: 1 });
  await rig.command(id, "resume");
  await rig.advance(10_000);
  expect(rig.provider.members).not.toContain("user-19");
  expect((await rig.read(id)).progress.counts).toMatchObject({ delivered: 19, skipped: 1 });
});

test("nobody is sent to as long as the store cannot say who may be", async () => {
  const clock = new VirtualClock();
  const stores = memoryStores({ inboxPerUserMax: 1, clock });
  let isAway = true;
  const blocked: typeof stores.members.blocked = async (ids) => {
    if (isAway) throw new RuntimeError("store.unavailable", "away");
    return stores.members.blocked(ids);
  };
  const members = { ...stores.members, blocked };
  const rig = startCampaigns({ clock, stores: { ...stores, members } });
  const { id: audience } = await rig.audience(3);
  const { id } = await rig.create({ audience });
  await rig.command(id, "start");
  await rig.advance(20_000);
  expect(rig.provider.members).toEqual([]);
  isAway = false;
  await rig.advance(10_000);
  expect(rig.provider.members).toEqual(["user-0", "user-1", "user-2"]);
  expect((await rig.read(id)).campaign.state).toBe("finished");
});

test("who was in doubt and has opted out since stays in doubt, and is not sent to again", () => {
  const items = ["a", "b", "c"].map((member, index) => ({ index, item: { member } }) as Numbered);
  const tally = new Tally(() => undefined);
  const blocked = new Map([
    ["a", "opt-out"],
    ["c", "suppression"],
  ] as const);
  const left = withoutBlocked(blocked, items, { tally, doubtUntil: 2 });
  expect(left.map(({ item }) => item.member)).toEqual(["b"]);
  expect(tally.settled.counts).toMatchObject({ unknown: 1, skipped: 1 });
  expect(tally.settled.exceptions.map(({ status, rule }) => [status, rule])).toEqual([
    ["unknown", "opt-out"],
    ["skipped", "suppression"],
  ]);
  expect(withoutBlocked(NOBODY_BLOCKED, items, { tally, doubtUntil: 0 })).toBe(items);
});
