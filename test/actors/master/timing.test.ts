/** Campaigns that wait: for an instant, for the members' own clocks, for quiet hours to end. */
import { expect, test } from "vitest";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { Recipient } from "../../../src/persistence/ports/audience.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { RecordingProvider, type Rig, repeated, startCampaigns } from "./rig.ts";

const HOUR = 3_600_000;

/** So many members in each of these time zones; an empty one means none. */
function inZones(count: number, zones: readonly string[]): Recipient[] {
  return zones.flatMap((timeZone) =>
    Array.from({ length: count }, (_, n) => {
      const member = `${timeZone || "nowhere"}#${n}`;
      return timeZone === "" ? { member } : { member, vars: { timeZone } };
    }),
  );
}

/** How many were sent to in each zone. */
function sentByZone(rig: Rig): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const member of rig.provider.members) {
    const [zone] = member.split("#");
    counts[zone!] = (counts[zone!] ?? 0) + 1;
  }
  return counts;
}

async function advanceTo(rig: Rig, instant: string): Promise<void> {
  await rig.advance(Date.parse(instant) - rig.clock.now());
}

test("everybody gets it at the same time by their own clock", async () => {
  const rig = startCampaigns();
  const zones = ["Asia/Tokyo", "Europe/Paris", "America/New_York", ""];
  const { id: audience } = await rig.audience(inZones(30, zones));
  const schedule = {
    ...{ local: "2026-01-01T12:00", defaultTimeZone: "Europe/London", maxLatenessMs: HOUR },
  };
  const { id } = await rig.create({ audience, schedule });
  await rig.command(id, "start");
  expect(rig.provider.items).toEqual([]);
  expect((await rig.read(id)).progress.opensAt).toBe(Date.parse("2026-01-01T03:00:00Z"));

  await advanceTo(rig, "2026-01-01T02:59:59Z");
  expect(sentByZone(rig)).toEqual({});
  await advanceTo(rig, "2026-01-01T03:00:05Z");
  expect(sentByZone(rig)).toEqual({ "Asia/Tokyo": 30 });
  await advanceTo(rig, "2026-01-01T11:00:05Z");
  expect(sentByZone(rig)).toEqual({ "Asia/Tokyo": 30, "Europe/Paris": 30 });
  await advanceTo(rig, "2026-01-01T12:00:05Z");
  expect(sentByZone(rig)).toMatchObject({ nowhere: 30 });
  expect((await rig.read(id)).campaign.state).toBe("started");
  await advanceTo(rig, "2026-01-01T17:00:05Z");
  expect(sentByZone(rig)).toMatchObject({ "America/New_York": 30 });
  expect((await rig.read(id)).progress).toMatchObject({
    ...{ state: "finished", ledgerGap: 0, opensAt: 0 },
  });
});

test("which zones are too late is said at once, and they wait for a resume", async () => {
  const rig = startCampaigns({ clock: new VirtualClock(Date.parse("2026-01-01T06:00:00Z")) });
  const { id: audience } = await rig.audience(inZones(5, ["Asia/Tokyo", "Europe/Paris"]));
  const schedule = {
    ...{ local: "2026-01-01T12:00", defaultTimeZone: "UTC", maxLatenessMs: HOUR },
  };
  const { id } = await rig.create({ audience, schedule });
  await rig.command(id, "start");
  await rig.advance(1_000);
  expect((await rig.read(id)).progress).toMatchObject({
    ...{ state: "started", lateZones: ["Asia/Tokyo"], opensAt: Date.parse("2026-01-01T11:00:00Z") },
  });
  await advanceTo(rig, "2026-01-01T11:00:05Z");
  expect(sentByZone(rig)).toEqual({ "Europe/Paris": 5 });
  expect((await rig.read(id)).campaign.state).toBe("pause");
  await rig.command(id, "resume");
  await rig.advance(5_000);
  const { campaign, progress } = await rig.read(id);
  expect(campaign.state).toBe("finished");
  expect(progress.lateZones).toBeUndefined();
  expect(sentByZone(rig)).toEqual({ "Asia/Tokyo": 5, "Europe/Paris": 5 });
});

test("when clocks are set forward, a time that they skip comes when they have been", async () => {
  const clock = new VirtualClock(Date.parse("2026-03-28T22:00:00Z"));
  const rig = startCampaigns({ clock });
  const { id: audience } = await rig.audience(inZones(5, ["Europe/Paris", "Africa/Lagos"]));
  const schedule = {
    ...{ local: "2026-03-29T02:30", defaultTimeZone: "UTC", maxLatenessMs: HOUR },
  };
  const { id } = await rig.create({ audience, schedule });
  await rig.command(id, "start");
  // Both are an hour ahead of UTC until 01:00 UTC, when Paris goes on to two hours.
  await advanceTo(rig, "2026-03-29T01:29:59Z");
  expect(sentByZone(rig)).toEqual({});
  await advanceTo(rig, "2026-03-29T01:30:05Z");
  expect(sentByZone(rig)).toEqual({ "Europe/Paris": 5, "Africa/Lagos": 5 });
});

test("pages wait for the end of quiet hours, and are given back when these begin", async () => {
  const clock = new VirtualClock(Date.parse("2026-01-01T20:59:00Z"));
  const rig = startCampaigns({ clock });
  const { id: audience } = await rig.audience(inZones(2_000, ["Europe/Paris", "Asia/Tokyo"]));
  const quietHours = { from: "22:00", to: "08:00", zone: "member" };
  const { id } = await rig.create({ audience, rate: 10, quietHours });
  await rig.command(id, "start");
  // It is 21:59 in Paris and 05:59 in Tokyo.
  await advanceTo(rig, "2026-01-01T21:00:00Z");
  const { "Europe/Paris": inParis = 0, "Asia/Tokyo": inTokyo = 0 } = sentByZone(rig);
  expect(inTokyo).toBe(0);
  expect(inParis).toBeGreaterThan(550);
  await advanceTo(rig, "2026-01-01T22:59:00Z");
  expect(sentByZone(rig)["Europe/Paris"]! - inParis).toBeLessThanOrEqual(2);
  expect((await rig.read(id)).progress).toMatchObject({
    ...{ ledgerGap: 0, opensAt: Date.parse("2026-01-01T23:00:00Z") },
  });
  expect((await rig.read(id)).progress.counts.unknown).toBe(0);
  await advanceTo(rig, "2026-01-02T00:00:00Z");
  expect(sentByZone(rig)["Asia/Tokyo"]).toBe(2_000);
  await advanceTo(rig, "2026-01-02T07:10:00Z");
  expect((await rig.read(id)).campaign.state).toBe("finished");
  expect(sentByZone(rig)).toEqual({ "Europe/Paris": 2_000, "Asia/Tokyo": 2_000 });
  expect(repeated(rig.provider.members)).toEqual([]);
});

test("rate, time zones and A/B hold together, without bias between arms or zones", async () => {
  const rig = startCampaigns();
  const zones = ["Asia/Tokyo", "Asia/Seoul", "Asia/Manila"];
  const { id: audience } = await rig.audience(inZones(1_000, zones));
  const schedule = {
    ...{ local: "2026-01-01T12:00", defaultTimeZone: "UTC", maxLatenessMs: HOUR },
  };
  const arms = [
    { name: "a", percent: 45, payload: { t: "a" } },
    { name: "b", percent: 45, payload: { t: "b" } },
  ];
  const spec = { audience, schedule, arms, controlPercent: 10, rate: 200, workers: 3 };
  const { id } = await rig.create(spec);
  await rig.command(id, "start");
  await advanceTo(rig, "2026-01-01T03:00:05Z");
  const after5 = rig.provider.items.length;
  // The control group costs permits, as everybody else.
  expect(after5).toBeGreaterThan(0.9 * 0.95 * 1_000);
  expect(after5).toBeLessThanOrEqual(1_000);
  await advanceTo(rig, "2026-01-01T05:00:00Z");
  const { progress } = await rig.read(id);
  expect(progress).toMatchObject({ state: "finished", ledgerGap: 0 });
  const { a, b, control } = progress.arms;
  expect(a!.delivered + b!.delivered).toBe(rig.provider.items.length);
  expect(control).toMatchObject({ delivered: 0, held: progress.counts.held });
  expect(a!.delivered / 3_000).toBeCloseTo(0.45, 1);
  expect(control!.held / 3_000).toBeCloseTo(0.1, 1);
  const payloads = new Set(rig.provider.items.map(({ payload }) => payload));
  expect([...payloads].sort()).toEqual(['{"t":"a"}', '{"t":"b"}']);
  for (const zone of zones) {
    const sent = rig.provider.items.filter(({ member }) => member.startsWith(zone));
    const inA = sent.filter(({ payload }) => payload === '{"t":"a"}').length;
    expect(inA / sent.length, zone).toBeCloseTo(0.5, 1);
  }
});

test("what came due while the node was down for too long waits until it is resumed", async () => {
  const stores = memoryStores({ inboxPerUserMax: 1 });
  const provider = new RecordingProvider();
  const first = startCampaigns({ stores, provider });
  const { id: audience } = await first.audience(inZones(10, ["Asia/Tokyo", "Europe/Paris"]));
  const schedule = {
    ...{ local: "2026-01-01T12:00", defaultTimeZone: "UTC", maxLatenessMs: HOUR },
  };
  const { id } = await first.create({ audience, schedule });
  await first.command(id, "start");
  await first.system.stop({ deadlineMs: 0 });

  // It is 15:30 in Tokyo, and 07:30 in Paris.
  const clock = new VirtualClock(Date.parse("2026-01-01T06:30:00Z"));
  const second = startCampaigns({ stores, provider, clock, owner: "boot-2" });
  await stores.campaigns.releaseOthers("boot-2");
  await second.ask((replyTo) => ({ type: "recover", replyTo }));
  await advanceTo(second, "2026-01-01T10:59:00Z");
  expect(provider.items).toEqual([]);
  // Paris is on time; then the campaign halts for those who would be late.
  await advanceTo(second, "2026-01-01T11:01:00Z");
  expect(sentByZone(second)).toEqual({ "Europe/Paris": 10 });
  const { campaign } = await second.read(id);
  expect(campaign.state).toBe("pause");
  expect(campaign.why).toContain("Asia/Tokyo");
  await second.command(id, "proceed");
  await second.advance(5_000);
  expect(sentByZone(second)).toEqual({ "Europe/Paris": 10, "Asia/Tokyo": 10 });
  expect((await second.read(id)).campaign.state).toBe("finished");
});

test("a zone that had begun before a crash goes on after it, however late", async () => {
  const stores = memoryStores({ inboxPerUserMax: 1 });
  const provider = new RecordingProvider();
  const first = startCampaigns({ stores, provider });
  const { id: audience } = await first.audience(1_000);
  const schedule = { at: Date.parse("2026-01-01T01:00:00Z"), maxLatenessMs: 60_000 };
  const { id } = await first.create({ audience, schedule, rate: 10, guarantee: "key" });
  await first.command(id, "start");
  await advanceTo(first, "2026-01-01T01:00:30Z");
  expect(provider.items.length).toBeGreaterThan(200);
  await first.system.stop({ deadlineMs: 0 });
  const clock = new VirtualClock(Date.parse("2026-01-01T05:00:00Z"));
  const second = startCampaigns({ stores, provider, clock, owner: "boot-2" });
  await stores.campaigns.releaseOthers("boot-2");
  await second.ask((replyTo) => ({ type: "recover", replyTo }));
  await second.advance(120_000);
  expect((await second.read(id)).progress).toMatchObject({ state: "finished", ledgerGap: 0 });
});

test("an instant that has passed by more than is allowed cannot be started", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(10);
  const at = rig.clock.now() - 2 * HOUR;
  const { id } = await rig.create({ audience, schedule: { at, maxLatenessMs: HOUR } });
  expect(await rig.command(id, "start")).toMatchObject({ error: { code: "campaign.refused" } });
  expect((await rig.read(id)).campaign).toMatchObject({ state: "ready", epoch: 0 });
  await rig.edit(id, { schedule: { at, maxLatenessMs: 3 * HOUR } });
  expect(await rig.command(id, "start")).toMatchObject({ value: { changed: true } });
  await rig.advance(1_000);
  expect(rig.provider.items.length).toBe(10);
});
