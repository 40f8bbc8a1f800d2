import { expect, test } from "vitest";
import type { CampaignProgress } from "../../../src/actors/master/messages.ts";
import type { Result } from "../../../src/core/result.ts";
import { probe } from "../../testkit/kit.ts";
import { repeated, startCampaigns } from "./rig.ts";

test("a started campaign reaches everybody once and finishes", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(2_345);
  const { id } = await rig.create({ audience });
  const answer = await rig.command(id, "start");
  expect(answer).toMatchObject({
    ok: true,
    value: { before: "ready", changed: true, campaign: { state: "started", epoch: 1 } },
  });
  await rig.settle({ effects: "all" });

  const { campaign, progress } = await rig.read(id);
  expect(campaign.state).toBe("finished");
  expect(rig.provider.items.length).toBe(2_345);
  expect(repeated(rig.provider.members)).toEqual([]);
  expect(progress).toMatchObject({ sent: 2_345, collected: 2_345, ledgerGap: 0, etaMs: 0 });
  expect(progress.ledger).toMatchObject({ accepted: 2_345, delivered: 2_345, pending: 0 });
  expect((await rig.log(id)).map(({ to, by }) => `${to} by ${by}`)).toEqual([
    "ready by test",
    "started by test",
    "finished by master",
  ]);
});

test("an item carries its id, topic, payload, expiry and whether an ack is wanted", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience([{ member: "ann", vars: { name: 'A "n" n' } }]);
  const payload = { text: "Hi {{name}}, {{member}} {{city|here}}" };
  const { id } = await rig.create({ audience, payload, ack: false, ttlMs: 5_000 });
  await rig.command(id, "start");
  expect(rig.provider.items).toEqual([
    {
      id: `${id}:1:0/0:0`,
      member: "ann",
      topic: "campaign",
      payload: '{"text":"Hi A \\"n\\" n, ann here"}',
      ack: false,
      expiresAt: rig.clock.now() + 5_000,
    },
  ]);
});

test("an audience of nobody finishes at once", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(0);
  const { id } = await rig.create({ audience });
  await rig.command(id, "start");
  expect((await rig.read(id)).campaign.state).toBe("finished");
});

test("a finished campaign that is started again reaches everybody again", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(50);
  const { id } = await rig.create({ audience });
  await rig.command(id, "start");
  await rig.command(id, "start");
  await rig.settle({ effects: "all" });
  const { campaign, progress } = await rig.read(id);
  expect(campaign).toMatchObject({ state: "finished", epoch: 2 });
  expect(rig.provider.items.length).toBe(100);
  expect(new Set(rig.provider.items.map((item) => item.id)).size).toBe(100);
  expect(progress).toMatchObject({ sent: 50, ledgerGap: 0 });
});

test("a pause lets the windows in flight go, and a resume neither resends nor skips", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(5_000);
  const { id } = await rig.create({ audience, rate: 1_000, workers: 3, window: 20 });
  await rig.command(id, "start");
  for (let round = 0; round < 20; round += 1) {
    await rig.advance(150);
    const before = rig.provider.items.length;
    const paused = await rig.command(id, "pause");
    expect(paused.ok && paused.value.campaign.state).toBe("pause");
    await rig.advance(2_000);
    const { progress } = await rig.read(id);
    expect(rig.provider.items.length - before).toBeLessThanOrEqual(progress.pauseBound);
    expect(progress).toMatchObject({ workers: 0, ledgerGap: 0, sent: rig.provider.items.length });
    await rig.command(id, "resume");
  }
  await rig.advance(10_000);
  expect((await rig.read(id)).campaign).toMatchObject({ state: "finished", epoch: 1 });
  expect(rig.provider.items.length).toBe(5_000);
  expect(repeated(rig.provider.members)).toEqual([]);
});

test("a command that asks for the state that holds is answered ok, without a change", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(1_000);
  const { id } = await rig.create({ audience, rate: 10 });
  await rig.command(id, "start");
  expect(await rig.command(id, "start")).toMatchObject({ ok: true, value: { changed: false } });
  await rig.command(id, "pause");
  expect(await rig.command(id, "pause")).toMatchObject({ ok: true, value: { changed: false } });
  expect((await rig.log(id)).length).toBe(3);
});

test("a command that its state does not allow is refused with the ones that are", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(10);
  const { id } = await rig.create({ audience });
  const refused = await rig.command(id, "resume");
  expect(refused).toMatchObject({ ok: false, error: { code: "campaign.refused" } });
  expect(!refused.ok && refused.error.message).toMatch(/is ready; that allows: start$/);
});

test("commands that come at the same time are decided one after the other", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(1_000);
  const { id } = await rig.create({ audience, rate: 10 });
  const askers = (["start", "pause", "resume", "stop", "resume"] as const).map((command) => {
    const replyTo = probe<Result<{ changed: boolean }>>();
    rig.desk.send({ type: "command", id, command, by: "t", why: "", replyTo });
    return replyTo;
  });
  await rig.settle();
  expect(askers.map((it) => it.last.ok)).toEqual([true, true, true, true, false]);
  expect((await rig.read(id)).campaign.state).toBe("stopped");
});

test("an unknown campaign is told so, whatever its id looks like", async () => {
  const rig = startCampaigns();
  for (const id of ["cmp_nope", "../x", "", "x".repeat(1_000)]) {
    expect(await rig.command(id, "start")).toMatchObject({ error: { code: "campaign.unknown" } });
  }
  expect(rig.system.count({ name: "campaign" })).toBe(0);
});

test("a subscriber gets progress at once, while it changes, and at the end", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(300);
  const { id } = await rig.create({ audience, rate: 100 });
  const subscriber = probe<CampaignProgress>();
  const replyTo = probe<Result<CampaignProgress>>();
  rig.desk.send({ type: "subscribe", id, subscriber, replyTo });
  await rig.settle();
  expect(replyTo.last.ok).toBe(true);
  expect(subscriber.received.map(({ state }) => state)).toEqual(["ready"]);

  await rig.command(id, "start");
  const readsBefore = rig.stores.operations()["campaigns.totals"] ?? 0;
  await rig.advance(2_000);
  const reads = (rig.stores.operations()["campaigns.totals"] ?? 0) - readsBefore;
  expect(reads).toBeGreaterThanOrEqual(3);
  expect(reads).toBeLessThanOrEqual(5);
  await rig.advance(2_000);
  expect(subscriber.last).toMatchObject({ state: "finished", sent: 300, workers: 0 });
  expect(subscriber.received.every(({ ledgerGap }) => ledgerGap === 0)).toBe(true);
  const told = subscriber.received.length;
  await rig.advance(10_000);
  expect(subscriber.received.length).toBe(told);
});

test("nobody watches: the totals are not read", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(300);
  const { id } = await rig.create({ audience, rate: 100 });
  await rig.command(id, "start");
  await rig.advance(5_000);
  expect(rig.stores.operations()["campaigns.totals"] ?? 0).toBe(0);
});

test("the measured rate is within 2 % of the one that was set, and never above it", async () => {
  for (const rate of [7, 250, 4_000, 15_000]) {
    const rig = startCampaigns();
    const { id: audience } = await rig.audience(rate * 6);
    const { id } = await rig.create({ audience, rate, window: 200, workers: 4 });
    await rig.command(id, "start");
    const startedAt = rig.clock.monotonic();
    for (let step = 0; step < 10; step += 1) {
      await rig.advance(500);
      const elapsed = rig.clock.monotonic() - startedAt;
      expect(rig.provider.items.length).toBeLessThanOrEqual((rate * elapsed) / 1_000);
    }
    expect(rig.provider.items.length).toBeGreaterThanOrEqual(Math.floor(rate * 5 * 0.98) - 1);
    const { progress } = await rig.read(id);
    expect(Math.abs(progress.rate - rate)).toBeLessThanOrEqual(Math.max(1, rate * 0.03));
    expect(progress.etaMs).toBeGreaterThan(500);
    expect(progress.etaMs).toBeLessThan(1_500);
  }
});

test("a master without work ends after a while and is made again when it is needed", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(10);
  const { id } = await rig.create({ audience });
  await rig.command(id, "start");
  expect(rig.system.count({ name: "campaign" })).toBe(1);
  await rig.advance(130_000);
  expect(rig.system.count({ name: "campaign" })).toBe(0);
  expect((await rig.read(id)).progress.ledger.delivered).toBe(10);
});
