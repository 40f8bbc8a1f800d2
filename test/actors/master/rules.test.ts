/** What a campaign decides about its own run: caps, canaries, editions, pace, dry runs. */
import { expect, test } from "vitest";
import { templateHash } from "../../../src/core/variants.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { RecordingProvider, repeated, startCampaigns } from "./rig.ts";

const DAY = 86_400_000;

test("a member gets so many messages in a time, over all campaigns with a cap", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(50);
  const cap = { max: 2, perMs: 7 * DAY };
  const ids: string[] = [];
  for (let n = 0; n < 4; n += 1) {
    const { id } = await rig.create({ audience, ...(n === 3 ? {} : { cap }) });
    await rig.command(id, "start");
    await rig.advance(1_000);
    ids.push(id);
  }
  const counts = [];
  for (const id of ids) counts.push((await rig.read(id)).progress.counts);
  expect(counts.map(({ delivered, capped }) => [delivered, capped])).toEqual([
    [50, 0],
    [50, 0],
    [0, 50],
    // Without a cap neither stopped nor counted.
    [50, 0],
  ]);
  const { progress } = await rig.read(ids[2]!);
  expect(progress).toMatchObject({ state: "finished", ledgerGap: 0, ledger: { shed: 50 } });
  const page = { campaign: ids[2]!, epoch: 1, partition: 0, k: 0 };
  expect(await rig.stores.campaigns.exceptions(page)).toMatchObject([
    { from: 0, to: 50, status: "capped", rule: "cap" },
  ]);
  await rig.advance(7 * DAY);
  await rig.command(ids[2]!, "start");
  await rig.advance(1_000);
  expect((await rig.read(ids[2]!)).progress.counts).toMatchObject({ delivered: 50, capped: 0 });
});

test("a message that is sent again after a crash counts once for the cap", async () => {
  const clock = new VirtualClock();
  const stores = memoryStores({ inboxPerUserMax: 1, clock });
  const provider = new RecordingProvider();
  provider.answer = () => new Promise(() => {});
  const first = startCampaigns({ stores, clock, provider });
  const { id: audience } = await first.audience(20);
  const cap = { max: 1, perMs: DAY };
  const { id } = await first.create({ audience, cap, guarantee: "key" });
  await first.command(id, "start");
  await first.system.stop({ deadlineMs: 0 });
  provider.answer = (items) => items.map(() => ({ status: "ok" }));
  const second = startCampaigns({ stores, clock, provider, owner: "boot-2" });
  await stores.campaigns.releaseOthers("boot-2");
  await second.ask((replyTo) => ({ type: "recover", replyTo }));
  await second.advance(1_000);
  expect((await second.read(id)).progress.counts).toMatchObject({ delivered: 20, capped: 0 });
});

test("a cap counts what was sent or may have been, and nothing that was refused", async () => {
  const rig = startCampaigns({ provider: new RecordingProvider() });
  const { id: audience } = await rig.audience(6);
  const cap = { max: 1, perMs: DAY };
  const run = async () => {
    const { id } = await rig.create({ audience, cap });
    await rig.command(id, "start");
    await rig.advance(60_000);
    return (await rig.read(id)).progress.counts;
  };
  const answers = ["refused", "invalid", "retry", "unknown", "ok", "handed"] as const;
  rig.provider.answer = (items) =>
    items.map(({ member }) => ({ status: answers[Number(member.slice(-1))]! }));
  expect(await run()).toMatchObject({ shed: 2, invalid: 1, unknown: 1, delivered: 1, handed: 1 });
  // Whose address was bad is suppressed, and so is out for another reason.
  rig.provider.answer = (items) => items.map(() => ({ status: "ok" }));
  expect(await run()).toMatchObject({ delivered: 2, capped: 3, skipped: 1 });
  expect(await run()).toMatchObject({ delivered: 0, capped: 5, skipped: 1 });
});

test("a canary halts on errors, too, where each attempt that failed is made again", async () => {
  const rig = startCampaigns();
  let calls = 0;
  rig.provider.answer = async (items) => {
    calls += 1;
    if (calls % 4 === 0) throw new Error("connection reset");
    return items.map(() => ({ status: "ok" }));
  };
  const { id: audience } = await rig.audience(20_000);
  const canary = { pages: 4, errorRateMax: 0.05, refusalRateMax: 0.1 };
  const guarantee = "at-least-once";
  const { id } = await rig.create({ audience, canary, guarantee, workers: 2, window: 200 });
  await rig.command(id, "start");
  await rig.advance(5_000);
  const { campaign, progress } = await rig.read(id);
  expect(campaign).toMatchObject({ state: "pause", run: { canary: "halted" } });
  expect(campaign.why).toMatch(/3\d(\.\d)? % unknown or failed, 0 % refused/);
  expect(progress.counts).toMatchObject({ delivered: progress.sent, unknown: 0 });
});

test("a canary that goes wrong halts by itself after its first pages, and says why", async () => {
  const rig = startCampaigns();
  rig.provider.answer = (items) =>
    items.map((_, n) => (n % 5 === 0 ? { status: "refused", reason: "no" } : { status: "ok" }));
  const { id: audience } = await rig.audience(20_000);
  const canary = { pages: 4, errorRateMax: 0.05, refusalRateMax: 0.1 };
  const { id } = await rig.create({ audience, canary, workers: 2, window: 200 });
  await rig.command(id, "start");
  await rig.advance(1_000);
  const { campaign, progress } = await rig.read(id);
  expect(campaign).toMatchObject({ state: "pause", run: { canary: "halted" } });
  expect(campaign.why).toContain("20 % refused");
  expect(progress.sent).toBe(2_000);
  // Who resumes it has seen that, and wants it all the same.
  await rig.command(id, "resume");
  await rig.advance(5_000);
  expect((await rig.read(id)).campaign).toMatchObject({
    ...{ state: "finished", run: { canary: "overruled" } },
  });
  expect(repeated(rig.provider.members)).toEqual([]);
});

test("a canary that goes well lets everybody else follow, and the log says so", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(10_000);
  const canary = { pages: 3, errorRateMax: 0.05, refusalRateMax: 0.1 };
  const { id } = await rig.create({ audience, canary, workers: 2, window: 200, rate: 5_000 });
  await rig.command(id, "start");
  await rig.advance(500);
  expect((await rig.read(id)).campaign.run.canary).toBe("trial");
  await rig.advance(5_000);
  expect((await rig.read(id)).campaign).toMatchObject({
    ...{ state: "finished", run: { canary: "passed" } },
  });
  const why = (await rig.log(id)).map((line) => line.why);
  expect(why.some((text) => text.startsWith("the canary passed"))).toBe(true);
  expect(rig.provider.items.length).toBe(10_000);
});

test("an edit while paused is a version, and each page says which it was sent with", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(3_000);
  const { id } = await rig.create({ audience, rate: 1_000, payload: { t: "one" }, workers: 1 });
  await rig.command(id, "start");
  await rig.advance(1_500);
  const refused = await rig.edit(id, { payload: { t: "two" } });
  expect(refused).toMatchObject({ error: { code: "campaign.refused" } });
  await rig.command(id, "pause");
  await rig.advance(1_000);
  const sent = rig.provider.items.length;
  expect(await rig.edit(id, { payload: { t: "two" } }, { expectedVersion: 1 })).toMatchObject({
    value: { version: 2, payload: { t: "two" }, state: "pause" },
  });
  const stale = await rig.edit(id, { payload: { t: "three" } }, { expectedVersion: 1 });
  expect(stale).toMatchObject({ error: { code: "campaign.conflict" } });
  await rig.command(id, "resume");
  await rig.advance(5_000);
  const payloads = rig.provider.items.map(({ payload }) => payload);
  expect(payloads.slice(0, sent).every((it) => it === '{"t":"one"}')).toBe(true);
  expect(payloads.slice(sent).every((it) => it === '{"t":"two"}')).toBe(true);
  expect(payloads.length).toBe(3_000);

  const { items: states } = await rig.stores.campaigns.pageStates(id, 1, { limit: 10 });
  expect(states.map(({ versions }) => versions)).toEqual([
    [{ from: 0, version: 1 }],
    [
      { from: 0, version: 1 },
      { from: sent - 1_000, version: 2 },
    ],
    [{ from: 0, version: 2 }],
  ]);
  const { items: versions } = await rig.stores.campaigns.versions(id, { limit: 10 });
  expect(versions).toMatchObject([
    { version: 1, spec: { payload: { t: "one" } } },
    { version: 2, spec: { payload: { t: "two" } }, by: "test", why: "a test" },
  ]);
});

test("what a paused run is built on stays, and a bad edit changes nothing", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(100);
  const { id } = await rig.create({ audience, rate: 10, cap: { max: 1, perMs: DAY } });
  await rig.command(id, "start");
  await rig.command(id, "pause");
  for (const changes of [
    { guarantee: "key" as const },
    { audience: "aud_other" },
    { window: 0 },
    { payload: "{{" },
    { quietHours: { from: "8", to: "08:00", zone: "member" } },
    { quietHours: { from: "08:00", to: "08:00", zone: "member" } },
    { schedule: { local: "2026-02-30T10:00", defaultTimeZone: "UTC", maxLatenessMs: 0 } },
    { schedule: { local: "2026-02-20T10:00", defaultTimeZone: "Mars", maxLatenessMs: 0 } },
    { canary: { pages: 0, errorRateMax: 0, refusalRateMax: 0 } },
  ]) {
    const answer = await rig.edit(id, changes);
    expect(answer, JSON.stringify(changes)).toMatchObject({ error: { code: "campaign.invalid" } });
    const paths = answer.ok ? [] : answer.error.problems.map(({ path }) => path);
    expect(paths[0]?.startsWith(Object.keys(changes)[0]!)).toBe(true);
  }
  expect((await rig.read(id)).campaign).toMatchObject({ version: 1, window: 10 });
  expect(await rig.edit(id, {}, { removes: ["cap"] })).toMatchObject({ value: { version: 2 } });
  expect((await rig.read(id)).campaign.cap).toBeUndefined();
});

test("the pace of a campaign changes while it runs, within a second", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(100_000);
  const { id } = await rig.create({ audience, rate: 100, workers: 1, window: 200 });
  await rig.command(id, "start");
  await rig.advance(2_000);
  expect(rig.provider.items.length).toBeGreaterThan(150);
  expect(rig.provider.items.length).toBeLessThanOrEqual(200);

  expect(await rig.tune(id, { rate: 1_000, workers: 8 })).toMatchObject({
    value: { rate: 1_000, workers: 8, version: 1 },
  });
  await rig.advance(1_000);
  const { progress } = await rig.read(id);
  expect(progress.workerStates.filter(({ state }) => state === "sending").length).toBe(8);
  expect(rig.provider.items.length).toBeGreaterThan(1_050);
  const pages = progress.workerStates.map(({ page }) => `${page!.partition}/${page!.k}`);
  expect(new Set(pages).size).toBe(8);

  await rig.tune(id, { workers: 2 });
  await rig.advance(1_000);
  expect((await rig.read(id)).progress).toMatchObject({ workers: 2, ledgerGap: 0 });
  await rig.tune(id, { rate: 0 });
  await rig.advance(30_000);
  expect((await rig.read(id)).campaign.state).toBe("finished");
  expect(repeated(rig.provider.members)).toEqual([]);
  expect((await rig.read(id)).progress.counts).toMatchObject({ delivered: 100_000, unknown: 0 });
  expect(await rig.tune(id, { workers: 65 })).toMatchObject({
    error: { code: "campaign.invalid", problems: [{ path: "workers" }] },
  });
});

test("a start that demands a dry run takes one of just this audience and message", async () => {
  const rig = startCampaigns();
  const audience = await rig.audience(10);
  const { id } = await rig.create({ audience: audience.id, requireDryRun: true });
  const refused = { error: { code: "campaign.refused" } };
  expect(await rig.command(id, "start")).toMatchObject(refused);
  const { campaign } = await rig.read(id);
  const certificate = {
    ...{ id: "cert_1", campaign: id, audienceHash: audience.hash, at: 1, by: "test" },
    templateHash: templateHash(campaign),
  };
  await rig.stores.campaigns.certify({ ...certificate, audienceHash: "other" });
  expect(await rig.command(id, "start")).toMatchObject(refused);
  await rig.stores.campaigns.certify({ ...certificate, id: "cert_2" });
  await rig.edit(id, { payload: { other: true } });
  expect(await rig.command(id, "start")).toMatchObject(refused);
  await rig.edit(id, { payload: campaign.payload, rate: 5 });
  expect(await rig.command(id, "start")).toMatchObject({ value: { changed: true } });
});
