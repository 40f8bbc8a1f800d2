/** Workers that die, freeze or are held up, and what becomes of what they had in hand. */
import { expect, test } from "vitest";
import type { ActorType, Ref } from "../../../src/actors/kernel/actor.ts";
import type { WorkerMessage, WorkerStart } from "../../../src/actors/worker/messages.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { Stores } from "../../../src/persistence/ports/stores.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { RecordingProvider, repeated, startCampaigns } from "../master/rig.ts";

/** A worker that takes the lease of its first page, says so, and is never heard of again. */
function frozenWorker(
  stores: Stores,
  clock: VirtualClock,
): ActorType<WorkerStart, WorkerMessage | { readonly type: "begin" }> {
  return {
    label: "worker",
    onStart: { type: "begin" },
    behavior(start, message, ctx) {
      const { name: worker, master, campaign } = start;
      if (message.type === "begin")
        ctx.send(master, { type: "worker-ready", worker, ref: ctx.self });
      if (message.type !== "send-page") return start;
      const { page } = message;
      const key = { ...page, campaign: campaign.id, epoch: campaign.epoch };
      const now = clock.now();
      const lease = { owner: "boot-1", now, leaseUntil: now + 4_000, version: 1 };
      void stores.campaigns.claim(key, { ...lease, sendsFrom: "intent" });
      ctx.send(master, {
        type: "page-held",
        worker,
        page,
        done: 0,
        intent: 0,
        oldestAt: undefined,
        waits: false,
      });
      return start;
    },
  };
}

test("a worker that freezes is noticed after its lease; only its page is lost", async () => {
  const clock = new VirtualClock();
  const stores = memoryStores({ inboxPerUserMax: 1, clock });
  let made = 0;
  const rig = startCampaigns({
    stores,
    clock,
    workers: (spawn) => (ctx, start) => {
      made += 1;
      if (made !== 2) return spawn(ctx, start);
      const type = frozenWorker(stores, clock);
      return ctx.spawn(type, { name: start.name, state: start }) as Ref<WorkerMessage>;
    },
  });
  const { id: audience } = await rig.audience(20_000);
  const { id } = await rig.create({ audience, workers: 2, rate: 1_000, window: 100 });
  await rig.command(id, "start");
  await rig.advance(3_500);
  expect((await rig.read(id)).campaign.state).toBe("started");
  expect(rig.provider.items.length).toBeGreaterThan(3_000);
  await rig.advance(1_500);
  const log = await rig.log(id);
  expect(log.map(({ to }) => to).slice(2)).toEqual(["reboot", "started"]);
  expect(log[2]).toMatchObject({ by: "master", why: expect.stringContaining("not heard of") });
  // The healthy one went on all the time, and there is a second one again.
  expect(rig.provider.items.length).toBeGreaterThan(4_500);
  expect((await rig.read(id)).progress.workerStates.length).toBe(2);
  await rig.advance(30_000);
  expect((await rig.read(id)).progress).toMatchObject({
    ...{ state: "finished", ledgerGap: 0, counts: { delivered: 20_000 } },
  });
  expect(repeated(rig.provider.members)).toEqual([]);
});

test("a node that died in the middle shows a reboot until its pages are taken up", async () => {
  const clock = new VirtualClock();
  const stores = memoryStores({ inboxPerUserMax: 1, clock });
  const provider = new RecordingProvider();
  const first = startCampaigns({ stores, clock, provider });
  const { id: audience } = await first.audience(3_000);
  const { id } = await first.create({ audience, rate: 500, window: 100, guarantee: "key" });
  await first.command(id, "start");
  await first.advance(2_000);
  provider.answer = () => new Promise(() => {});
  await first.advance(500);
  await first.system.stop({ deadlineMs: 0 });

  provider.answer = (items) => items.map(() => ({ status: "ok" }));
  const second = startCampaigns({ stores, clock, provider, owner: "boot-2" });
  await stores.campaigns.releaseOthers("boot-2");
  await second.ask((replyTo) => ({ type: "recover", replyTo }));
  await second.advance(1_000);
  const log = await second.log(id);
  expect(log.map(({ to }) => to)).toEqual(["ready", "started", "reboot", "started"]);
  expect(log[2]!.why).toContain("2 pages that a node left in doubt");
  await second.advance(20_000);
  expect((await second.read(id)).progress).toMatchObject({
    ...{ state: "finished", ledgerGap: 0, counts: { delivered: 3_000 } },
  });
  expect(new Set(provider.items.map((item) => item.id)).size).toBe(3_000);
});

test("with receipts what is in doubt is sent again only to those without one", async () => {
  const clock = new VirtualClock();
  const stores = memoryStores({ inboxPerUserMax: 1, clock });
  const provider = new RecordingProvider();
  provider.capabilities = { ...provider.capabilities, receipts: "callback" };
  provider.answer = () => new Promise(() => {});
  const first = startCampaigns({ stores, clock, provider });
  const { id: audience } = await first.audience(40);
  const { id } = await first.create({ audience, guarantee: "receipt", workers: 1 });
  await first.command(id, "start");
  const inDoubt = [...provider.items];
  expect(inDoubt.length).toBe(20);
  await first.system.stop({ deadlineMs: 0 });

  provider.answer = (items) => items.map(() => ({ status: "ok" }));
  const second = startCampaigns({ stores, clock, provider, owner: "boot-2" });
  await stores.campaigns.releaseOthers("boot-2");
  await second.ask((replyTo) => ({ type: "recover", replyTo }));
  await second.advance(5_000);
  expect(provider.items.length).toBe(40);
  const receipts = inDoubt.slice(0, 15).map(({ id: message }, n) => {
    const status = n < 12 ? ("delivered" as const) : ("failed" as const);
    return { provider: "recording", message, part: 0, status, at: 1, reason: "" };
  });
  await stores.receipts.apply(receipts, clock.now());
  await second.advance(10_000);
  const { progress } = await second.read(id);
  expect(progress).toMatchObject({ state: "finished", ledgerGap: 0 });
  expect(progress.counts).toMatchObject({ delivered: 37, shed: 3, unknown: 0 });
  const again = provider.items.slice(40).map((item) => item.id);
  expect(again).toEqual(inDoubt.slice(15).map((item) => item.id));
});

test("a receipt that comes late settles what was unknown", async () => {
  const rig = startCampaigns();
  rig.provider.capabilities = { ...rig.provider.capabilities, receipts: "callback" };
  rig.provider.answer = (items) =>
    items.map((_, n) => (n < 5 ? { status: "unknown", reason: "timeout" } : { status: "ok" }));
  const { id: audience } = await rig.audience(10);
  const arms = [{ name: "b", percent: 50 }];
  const { id } = await rig.create({ audience, arms });
  await rig.command(id, "start");
  await rig.advance(1_000);
  expect((await rig.read(id)).progress.counts).toMatchObject({ delivered: 5, unknown: 5 });
  const receipts = rig.provider.items.slice(0, 4).map((item, n) => {
    const status = n < 3 ? ("delivered" as const) : ("failed" as const);
    return { provider: "recording", message: item.id, part: 0, status, at: 1, reason: "" };
  });
  await rig.stores.receipts.apply(receipts, 1);
  await rig.advance(1_000);
  const { progress } = await rig.read(id);
  expect(progress).toMatchObject({
    counts: { delivered: 8, shed: 1, unknown: 1 },
    ...{ ledger: { delivered: 8, shed: 1, unknown: 1 }, ledgerGap: 0 },
  });
  const ofArms = Object.values(progress.arms);
  expect(ofArms.reduce((sum, { unknown }) => sum + unknown, 0)).toBe(1);
  expect(ofArms.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(8);
});

test("a timeout of the provider is sent again, unless nobody may get it twice", async () => {
  for (const [guarantee, unknown] of [
    ["at-most-once", 2],
    ["at-least-once", 0],
    ["key", 0],
  ] as const) {
    const rig = startCampaigns();
    let lost = 0;
    rig.provider.answer = (items) =>
      items.map(() => {
        lost += 1;
        return lost <= 2 ? { status: "unknown", reason: "timeout" } : { status: "ok" };
      });
    const { id: audience } = await rig.audience(10);
    const { id } = await rig.create({ audience, guarantee });
    await rig.command(id, "start");
    await rig.advance(2_000);
    const { progress } = await rig.read(id);
    expect(progress.counts, guarantee).toMatchObject({ delivered: 10 - unknown, unknown });
    const page = { campaign: id, epoch: 1, partition: 0, k: 0 };
    const exceptions = await rig.stores.campaigns.exceptions(page);
    expect(exceptions, guarantee).toEqual(
      unknown === 0
        ? []
        : [{ from: 0, to: 2, status: "unknown", rule: "answer", reason: "timeout" }],
    );
  }
});

test("a pause while the provider takes nothing leaves nothing in doubt", async () => {
  const rig = startCampaigns();
  rig.provider.answer = (items) => items.map(() => ({ status: "throttled", retryAfterMs: 500 }));
  const { id: audience } = await rig.audience(1_000);
  const { id } = await rig.create({ audience, workers: 2, window: 100 });
  await rig.command(id, "start");
  await rig.advance(30_000);
  expect((await rig.read(id)).progress).toMatchObject({ state: "started", sent: 0 });
  await rig.command(id, "pause");
  await rig.advance(600);
  const { progress } = await rig.read(id);
  expect(progress).toMatchObject({ workers: 0, sent: 0, ledgerGap: 0 });
  expect(await rig.stores.campaigns.totals(id, 1)).toMatchObject({ inDoubt: 0, settled: 0 });
  rig.provider.answer = (items) => items.map(() => ({ status: "ok" }));
  await rig.command(id, "resume");
  await rig.advance(1_000);
  expect((await rig.read(id)).progress.counts).toMatchObject({ delivered: 1_000, unknown: 0 });
});

test("an address that a provider calls bad is suppressed, and no mere refusal", async () => {
  const rig = startCampaigns();
  rig.provider.answer = (items) =>
    items.map((_, n) =>
      n === 0
        ? { status: "invalid", reason: "no such number", providerId: "p-1" }
        : n === 1
          ? { status: "refused", reason: "blocked" }
          : { status: "ok" },
    );
  const { id: audience } = await rig.audience(10);
  const { id } = await rig.create({ audience });
  await rig.command(id, "start");
  await rig.advance(1_000);
  expect((await rig.read(id)).progress).toMatchObject({
    counts: { delivered: 8, invalid: 1, shed: 1 },
    ledger: { delivered: 8, shed: 2 },
    ledgerGap: 0,
  });
  const page = { campaign: id, epoch: 1, partition: 0, k: 0 };
  expect(await rig.stores.campaigns.exceptions(page)).toMatchObject([
    { from: 0, status: "invalid", reason: "no such number", providerId: "p-1" },
    { from: 1, status: "refused", reason: "blocked" },
  ]);
  const bad = rig.provider.members[0]!;
  expect(await rig.stores.suppressions.read("member", bad)).toMatchObject({
    ...{ why: "no such number", by: "provider:recording" },
  });
});

test("an answer that is lost holds its page up only until its receipts are there", async () => {
  const clock = new VirtualClock();
  const stores = memoryStores({ inboxPerUserMax: 1, clock });
  const provider = new RecordingProvider();
  provider.capabilities = { ...provider.capabilities, receipts: "callback" };
  let calls = 0;
  provider.answer = async (items) => {
    calls += 1;
    clock.after(300, () => {
      const receipts = items.map(({ id: message }) => {
        return { provider: "recording", message, part: 0, at: 1, reason: "", status: "delivered" };
      }) as Parameters<Stores["receipts"]["apply"]>[0];
      void stores.receipts.apply(receipts, clock.now());
    });
    if (calls % 10 === 3) throw new Error("connection reset");
    return items.map(() => ({ status: "ok" }));
  };
  const rig = startCampaigns({ stores, clock, provider });
  const { id: audience } = await rig.audience(5_000);
  const { id } = await rig.create({ audience, guarantee: "receipt", workers: 2, window: 100 });
  await rig.command(id, "start");
  await rig.advance(4_000);
  const { progress } = await rig.read(id);
  expect(progress).toMatchObject({ state: "finished", ledgerGap: 0, counts: { delivered: 5_000 } });
  expect(repeated(provider.members)).toEqual([]);
});

test("looking for receipts does not make a provider that fails look well", async () => {
  const rig = startCampaigns();
  rig.provider.capabilities = { ...rig.provider.capabilities, receipts: "callback" };
  rig.provider.answer = () => Promise.reject(new Error("connection reset"));
  const { id: audience } = await rig.audience(5_000);
  const { id } = await rig.create({ audience, guarantee: "receipt", workers: 4, window: 10 });
  await rig.command(id, "start");
  await rig.advance(60_000);
  const { campaign } = await rig.read(id);
  expect(campaign).toMatchObject({ state: "failed", why: expect.stringContaining("reset") });
});

test("while pages wait for receipts others go on, by as many stand-ins as workers", async () => {
  const clock = new VirtualClock();
  const stores = memoryStores({ inboxPerUserMax: 1, clock });
  const provider = new RecordingProvider();
  provider.capabilities = { ...provider.capabilities, receipts: "callback" };
  let calls = 0;
  provider.answer = async (items) => {
    calls += 1;
    // Of the first pages of both workers a window is lost, of which no receipt ever comes.
    if (calls <= 2) throw new Error("connection reset");
    return items.map(() => ({ status: "ok" }));
  };
  const rig = startCampaigns({ stores, clock, provider });
  const { id: audience } = await rig.audience(40_000);
  const spec = { audience, guarantee: "receipt", workers: 2, window: 100, rate: 2_000 } as const;
  const { id } = await rig.create(spec);
  await rig.command(id, "start");
  await rig.advance(5_000);
  const { progress } = await rig.read(id);
  expect(progress.workerStates.length).toBeLessThanOrEqual(4);
  expect(progress.pauseBound).toBe(2 * 2 * 2 * 100);
  // Nothing of the rate is lost while two windows wait for their ten seconds.
  expect(provider.items.length).toBeGreaterThan(9_000);
  await rig.advance(6_500);
  expect((await rig.read(id)).progress.workerStates.length).toBe(2);
  await rig.advance(20_000);
  const { progress: end } = await rig.read(id);
  expect(end).toMatchObject({ state: "finished", ledgerGap: 0, counts: { delivered: 40_000 } });
  expect(repeated(provider.members).length).toBe(200);
});
