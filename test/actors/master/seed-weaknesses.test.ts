/**
 * The weaknesses that the replaced push system was known for, one by one, and their absence.
 *
 * The numbers are those of the list that this system was built from.
 */
import { expect, test } from "vitest";
import type { Audience, AudienceMessage } from "../../../src/actors/collect/messages.ts";
import type { Ref } from "../../../src/actors/kernel/actor.ts";
import type { Campaign, CommandAnswer } from "../../../src/actors/master/messages.ts";
import { RuntimeError } from "../../../src/core/errors.ts";
import type { Result } from "../../../src/core/result.ts";
import { totalOf } from "../../../src/core/send-counts.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { Stores } from "../../../src/persistence/ports/stores.ts";
import { probe } from "../../testkit/kit.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { numbered, RecordingProvider, repeated, SPEC, startCampaigns } from "./rig.ts";

/** A store whose calls fail now and then, before or after they have been done. */
function shaky(stores: Stores, everyNth: number): Stores {
  let calls = 0;
  const campaigns = new Proxy(stores.campaigns, {
    get: (target, name) => {
      const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
      return async (...args: unknown[]) => {
        calls += 1;
        const fails = calls % everyNth === 0 && name !== "transition" && name !== "create";
        if (fails) throw new RuntimeError("store.unavailable", "the disk is full");
        return method(...args);
      };
    },
  });
  return { ...stores, campaigns };
}

test("1: errors, crashes, pauses and reboots leave nobody claimed and forgotten", async () => {
  const clock = new VirtualClock();
  const stores = memoryStores({ inboxPerUserMax: 1, clock });
  const provider = new RecordingProvider();
  let batches = 0;
  provider.answer = (items) => {
    batches += 1;
    if (batches % 23 === 0) return Promise.reject(new Error("connection reset"));
    return items.map(() => ({ status: "ok" }));
  };
  let rig = startCampaigns({ stores: shaky(stores, 17), clock, provider });
  const { id: audience } = await rig.audience(4_000);
  const { id } = await rig.create({ audience, rate: 400, workers: 3, guarantee: "key" });
  await rig.command(id, "start");
  for (let round = 1; round <= 4; round += 1) {
    await rig.advance(1_500);
    await rig.command(id, "pause");
    await rig.advance(700);
    await rig.command(id, "resume");
    await rig.advance(600);
    await rig.system.stop({ deadlineMs: 0 });
    const owner = `boot-${round + 1}`;
    const later = new VirtualClock(clock.now() + round * 100_000);
    rig = startCampaigns({ stores: shaky(stores, 17), clock: later, provider, owner });
    await stores.campaigns.releaseOthers(owner);
    await rig.ask((replyTo) => ({ type: "recover", replyTo }));
  }
  await rig.advance(120_000);
  const { progress } = await rig.read(id);
  expect(progress).toMatchObject({ state: "finished", ledgerGap: 0 });
  expect(progress.counts).toMatchObject({ delivered: 4_000, unknown: 0 });
  expect(new Set(provider.members).size).toBe(4_000);
});

test("2: a finished campaign that is started again reaches everybody again", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(1_500);
  const { id } = await rig.create({ audience });
  for (const run of [1, 2, 3]) {
    await rig.command(id, "start");
    await rig.advance(1_000);
    expect((await rig.read(id)).progress).toMatchObject({
      ...{ state: "finished", epoch: run, counts: { delivered: 1_500 } },
    });
    expect(rig.provider.items.length).toBe(1_500 * run);
  }
});

test("3: no reboot follows a start, and the rate is never exceeded", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(5_000);
  const { id } = await rig.create({ audience, rate: 100, workers: 16, window: 200 });
  await rig.command(id, "start");
  for (let second = 1; second <= 20; second += 1) {
    await rig.advance(1_000);
    expect(rig.provider.items.length).toBeLessThanOrEqual(100 * second);
  }
  expect(rig.provider.items.length).toBeGreaterThan(1_950);
  expect((await rig.log(id)).map(({ to }) => to)).toEqual(["ready", "started"]);
});

test("4: a push that takes minutes does not make its worker look dead", async () => {
  const rig = startCampaigns();
  rig.provider.answer = (items) =>
    new Promise((resolve) => {
      rig.clock.after(180_000, () => resolve(items.map(() => ({ status: "ok" }))));
    });
  const { id: audience } = await rig.audience(40);
  const { id } = await rig.create({ audience, workers: 2 });
  await rig.command(id, "start");
  await rig.advance(170_000);
  expect((await rig.read(id)).progress.oldestWindowMs).toBeGreaterThan(160_000);
  await rig.advance(600_000);
  expect((await rig.log(id)).map(({ to }) => to)).toEqual(["ready", "started", "finished"]);
  expect((await rig.read(id)).progress.counts).toMatchObject({ delivered: 40, unknown: 0 });
  expect(rig.provider.items.length).toBe(40);
});

test("5: a member who is in the list many times gets one message", async () => {
  const rig = startCampaigns();
  const list = [...numbered(500), ...numbered(400), ...numbered(300), ...numbered(500)];
  const audience = await rig.audience(list);
  expect(audience).toMatchObject({ size: 500, duplicates: 1_200 });
  const { id } = await rig.create({ audience: audience.id, workers: 8 });
  await rig.command(id, "start");
  await rig.advance(1_000);
  expect(rig.provider.items.length).toBe(500);
  expect(repeated(rig.provider.members)).toEqual([]);
});

test("6: exactly as many are dealt with as there are, and failures are counted", async () => {
  const rig = startCampaigns();
  rig.provider.answer = (items) =>
    items.map((_, n) => (n % 3 === 0 ? { status: "refused", reason: "no" } : { status: "ok" }));
  const { id: audience } = await rig.audience(2_345);
  const { id } = await rig.create({ audience, workers: 7, window: 50 });
  await rig.command(id, "start");
  await rig.advance(2_000);
  const { progress } = await rig.read(id);
  expect(progress).toMatchObject({ state: "finished", collected: 2_345, sent: 2_345 });
  expect(progress.counts.shed).toBeGreaterThan(700);
  expect(totalOf(progress.counts)).toBe(2_345);
  expect(rig.provider.items.length).toBe(2_345);
});

test("7: old errors are forgotten, and nobody finishes while others are at work", async () => {
  const rig = startCampaigns();
  let windows = 0;
  rig.provider.answer = (items) => {
    windows += 1;
    // A window in five is rejected: 200 of them in all, spread over the run.
    if (windows % 5 === 0) return Promise.reject(new Error("connection reset"));
    const slow = items[0]!.id.includes(":0/0:");
    const results = items.map(() => ({ status: "ok" as const }));
    if (!slow) return results;
    return new Promise((resolve) => rig.clock.after(400, () => resolve(results)));
  };
  const { id: audience } = await rig.audience(10_000);
  const { id } = await rig.create({ audience, workers: 4, window: 10, guarantee: "key" });
  await rig.command(id, "start");
  await rig.advance(10_000);
  // Everybody but the slow page is through, and that is not the end.
  const { progress: during } = await rig.read(id);
  expect(during.state).toBe("started");
  expect(during.sent).toBeGreaterThanOrEqual(9_000);
  await rig.advance(60_000);
  const { progress } = await rig.read(id);
  expect(progress).toMatchObject({ state: "finished", counts: { delivered: 10_000 } });
  expect(windows).toBeGreaterThan(1_000);
});

test("8: clocks that jump by hours decide nothing about leases, pages or states", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(6_000);
  const { id } = await rig.create({ audience, rate: 500, workers: 3, window: 100 });
  await rig.command(id, "start");
  for (const jump of [3_600_000, -7_200_000, 86_400_000, -86_400_000]) {
    await rig.advance(1_500);
    rig.clock.jump(jump);
  }
  await rig.advance(20_000);
  expect((await rig.log(id)).map(({ to }) => to)).toEqual(["ready", "started", "finished"]);
  expect((await rig.read(id)).progress.counts).toMatchObject({ delivered: 6_000, unknown: 0 });
  expect(repeated(rig.provider.members)).toEqual([]);
});

test("9: an answer says what a command has done, and an edit overwrites nothing else", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(1_000);
  const { id } = await rig.create({ audience, rate: 10 });
  expect(await rig.command(id, "pause")).toMatchObject({ error: { code: "campaign.refused" } });
  const askers = [1, 2, 3, 4, 5].map(() => probe<Result<CommandAnswer>>());
  for (const replyTo of askers) {
    rig.desk.send({ type: "command", id, command: "start", by: "t", why: "", replyTo });
  }
  await rig.settle();
  const answers = askers.map(({ last }) => (last.ok ? last.value : undefined));
  expect(answers.map((it) => it?.changed)).toEqual([true, false, false, false, false]);
  expect(answers.map((it) => it?.before)).toEqual([
    ...["ready", "started", "started", "started", "started"],
  ]);
  await rig.advance(2_000);
  await rig.command(id, "pause");
  const { progress: before } = await rig.read(id);
  await rig.edit(id, { name: "another", rate: 20 });
  const { campaign, progress: after } = await rig.read(id);
  expect(campaign).toMatchObject({ name: "another", state: "pause", epoch: 1 });
  expect(after.sent).toBe(before.sent);
});

test("10: campaigns created at the same time are all there, each with its own id", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(10);
  const askers = Array.from({ length: 200 }, () => probe<Result<Campaign>>());
  for (const [n, replyTo] of askers.entries()) {
    const spec = { ...SPEC, audience, name: `number ${n}` };
    rig.desk.send({ type: "create-campaign", spec, by: "t", replyTo });
  }
  await rig.settle({ effects: "all" });
  const made = askers.map(({ last }) => (last.ok ? last.value : undefined));
  expect(new Set(made.map((it) => it?.id)).size).toBe(200);
  for (const [n, it] of made.entries()) {
    expect(await rig.stores.campaigns.read(it!.id)).toMatchObject({ name: `number ${n}` });
  }
});

test("11: what is not there is refused, and nothing else is harmed by it", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(1_000);
  const { id } = await rig.create({ audience, rate: 200 });
  await rig.command(id, "start");
  for (const unknown of ["cmp_none", "", "../x", "a".repeat(500)]) {
    for (const command of ["start", "stop", "pause", "resume"] as const) {
      const answer = await rig.command(unknown, command);
      expect(answer).toMatchObject({ error: { code: "campaign.unknown" } });
    }
  }
  await rig.advance(10_000);
  expect((await rig.read(id)).progress).toMatchObject({ state: "finished", ledgerGap: 0 });
  expect(rig.crashes).toEqual([]);
});

test("12: commands take hold at once while many workers start on a slow store", async () => {
  const clock = new VirtualClock();
  const memory = memoryStores({ inboxPerUserMax: 1, clock });
  const claim: Stores["campaigns"]["claim"] = (page, lease) =>
    new Promise((resolve, reject) => {
      clock.after(2_000, () => memory.campaigns.claim(page, lease).then(resolve, reject));
    });
  const stores = { ...memory, campaigns: { ...memory.campaigns, claim } };
  const rig = startCampaigns({ stores, clock });
  const { id: audience } = await rig.audience(80_000);
  const { id } = await rig.create({ audience, workers: 64 });
  await rig.command(id, "start");
  expect(await rig.command(id, "stop")).toMatchObject({
    value: { before: "started", changed: true, campaign: { state: "stopped" } },
  });
  await rig.advance(3_000);
  expect((await rig.read(id)).progress).toMatchObject({ workers: 0, sent: 0, ledgerGap: 0 });
});

test("13: a campaign cannot start on an audience that is still collected", async () => {
  const rig = startCampaigns();
  const asker = probe<Result<{ audience: string }>>();
  (rig.audiences as Ref<AudienceMessage>).send({
    ...{ type: "begin-import", by: "test", name: "slow", bytes: 0, replyTo: asker },
  });
  await rig.settle();
  const audience = asker.last.ok ? asker.last.value.audience : "";
  await expect(rig.create({ audience })).rejects.toMatchObject({ code: "audience.not-ready" });
  const { id: ready } = await rig.audience(10);
  const { id } = await rig.create({ audience: ready });
  expect(await rig.edit(id, { audience })).toMatchObject({ error: { code: "audience.not-ready" } });
  const record = (await rig.stores.audiences.read(ready)) as Audience;
  await rig.stores.audiences.update({ ...record, state: "started" });
  expect(await rig.command(id, "start")).toMatchObject({ error: { code: "audience.not-ready" } });
  expect((await rig.read(id)).campaign).toMatchObject({ state: "ready", epoch: 0 });
});

test("14: schedule, locale, cap, quiet hours, A/B and who did it work in one run", async () => {
  const clock = new VirtualClock(Date.parse("2026-01-01T19:00:00Z"));
  const rig = startCampaigns({ clock });
  const members = numbered(600).map(({ member }, n) => ({
    ...{ member, vars: { locale: n % 2 === 0 ? "de-AT" : "en", name: `N${n}` } },
  }));
  const { id: audience } = await rig.audience(members);
  const { id } = await rig.create({
    ...{ audience, payload: { t: "Hi {{name}}" }, locales: { de: { t: "Hallo {{name}}" } } },
    ...{ link: "app://{{member}}", arms: [{ name: "b", percent: 50, payload: { t: "Hey" } }] },
    schedule: { at: Date.parse("2026-01-01T20:59:58Z"), maxLatenessMs: 86_400_000 },
    quietHours: { from: "22:00", to: "08:00", zone: "Europe/Paris" },
    ...{ cap: { max: 1, perMs: 86_400_000 }, controlPercent: 10, rate: 100 },
  });
  await rig.command(id, "start");
  await rig.advance(2 * 3_600_000);
  // Two seconds before 22:00 in Paris it began, and then it waits for the morning.
  const evening = rig.provider.items.length;
  expect(evening).toBeGreaterThan(100);
  expect(evening).toBeLessThanOrEqual(200);
  await rig.advance(10 * 3_600_000 + 10_000);
  const { progress } = await rig.read(id);
  expect(progress).toMatchObject({ state: "finished", ledgerGap: 0 });
  expect(progress.counts.delivered + progress.counts.held).toBe(600);
  const said = rig.provider.items.map(({ payload }) => JSON.parse(payload) as { t: string });
  const kinds = new Set(said.map(({ t }) => t.split(" ")[0]));
  expect([...kinds].sort()).toEqual(["Hallo", "Hey", "Hi"]);
  expect(said.every((it) => "link" in it)).toBe(true);
  expect((await rig.log(id)).map(({ by, why }) => [by, why])).toContainEqual(["test", "a test"]);
  await rig.command(id, "start");
  await rig.command(id, "stop");
  expect((await rig.read(id)).campaign.state).toBe("stopped");
});
