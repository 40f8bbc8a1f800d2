import { expect, test } from "vitest";
import { RuntimeError } from "../../../src/core/errors.ts";
import { emptyLedger } from "../../../src/core/ledger.ts";
import { noCounts } from "../../../src/core/send-counts.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { Stores } from "../../../src/persistence/ports/stores.ts";
import { nullProvider } from "../../../src/providers/null.ts";
import type { ItemResult } from "../../../src/providers/provider.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { RecordingProvider, repeated, startCampaigns } from "../master/rig.ts";

test("each answer of a provider is counted as what it is", async () => {
  const rig = startCampaigns();
  const statuses = ["ok", "handed", "refused", "unknown"] as const;
  let handed = 0;
  rig.provider.answer = (items) =>
    items.map((_, index) => {
      const status = statuses[index % 4]!;
      if (status === "handed") handed += 1;
      return { status, reason: "because" };
    });
  const { id: audience } = await rig.audience(400);
  const { id } = await rig.create({ audience, window: 100 });
  await rig.command(id, "start");
  rig.provider.settled = { ...emptyLedger, accepted: handed, acked: 60, pending: 40 };
  await rig.advance(1_000);
  const { campaign, progress } = await rig.read(id);
  expect(progress.ledger).toEqual({
    ...{ accepted: 400, delivered: 100, acked: 60, expired: 0 },
    ...{ shed: 100, unknown: 100, pending: 40 },
  });
  expect(progress).toMatchObject({ ledgerGap: 0, inInbox: 40, sent: 400 });
  expect(campaign.why).toContain("some were given up, the first because: because");
});

test("who lacks a variable is given up, and the reason is in the log", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience([
    { member: "a", vars: { name: "A" } },
    { member: "b" },
  ]);
  const { id } = await rig.create({ audience, payload: "Hi {{name}}" });
  await rig.command(id, "start");
  await rig.settle();
  expect(rig.provider.members).toEqual(["a"]);
  expect((await rig.read(id)).progress.ledger).toMatchObject({ delivered: 1, shed: 1 });
  expect((await rig.log(id)).at(-1)?.why).toContain("missing variable name");
});

test("what a provider asks to retry goes again after a pause, then is given up", async () => {
  const rig = startCampaigns();
  rig.provider.answer = (items) =>
    items.map(({ member }): ItemResult => ({ status: member === "user-3" ? "retry" : "ok" }));
  const { id: audience } = await rig.audience(10);
  const { id } = await rig.create({ audience });
  await rig.command(id, "start");
  await rig.advance(60_000);
  expect(rig.provider.members.filter((member) => member === "user-3").length).toBe(6);
  expect(rig.provider.items.length).toBe(15);
  const { progress } = await rig.read(id);
  expect(progress.ledger).toMatchObject({ delivered: 9, shed: 1, unknown: 0 });
});

test("a rejected window is unknown with at-most-once, and goes again otherwise", async () => {
  for (const guarantee of ["at-most-once", "at-least-once", "key"] as const) {
    const rig = startCampaigns();
    let calls = 0;
    rig.provider.answer = async (items) => {
      calls += 1;
      if (calls === 2) throw new Error("connection reset");
      return items.map(() => ({ status: "ok" }));
    };
    const { id: audience } = await rig.audience(50);
    const { id } = await rig.create({ audience, guarantee });
    await rig.command(id, "start");
    await rig.advance(5_000);
    const { progress } = await rig.read(id);
    const unknown = guarantee === "at-most-once" ? 10 : 0;
    expect(progress.ledger).toMatchObject({ delivered: 50 - unknown, unknown, pending: 0 });
    expect(rig.provider.items.length).toBe(60 - unknown);
  }
});

test("too few results leave the rest in doubt", async () => {
  const rig = startCampaigns();
  rig.provider.answer = (items) => items.slice(0, -1).map(() => ({ status: "ok" }));
  const { id: audience } = await rig.audience(10);
  const { id } = await rig.create({ audience });
  await rig.command(id, "start");
  await rig.settle();
  expect((await rig.read(id)).progress.ledger).toMatchObject({ delivered: 9, unknown: 1 });
});

test("a provider that rejects persistently fails its campaign, with the reason", async () => {
  for (const guarantee of ["at-most-once", "at-least-once"] as const) {
    const rig = startCampaigns();
    rig.provider.answer = () => Promise.reject(new Error("quota exceeded"));
    const { id: audience } = await rig.audience(5_000);
    const { id } = await rig.create({ audience, guarantee });
    await rig.command(id, "start");
    await rig.advance(120_000);
    const { campaign, progress } = await rig.read(id);
    expect(campaign.state).toBe("failed");
    expect(campaign.why).toMatch(/of the last 20 windows failed: quota exceeded/);
    expect(progress).toMatchObject({ ledgerGap: 0, workers: 0 });
    expect(rig.provider.windows.length).toBeLessThan(40);
    const sent = rig.provider.items.length;
    await rig.advance(60_000);
    expect(rig.provider.items.length).toBe(sent);
  }
});

test.each(["retry", "unknown"] as const)(
  "a provider that answers %s to most of everybody fails its campaign, too",
  async (status) => {
    const rig = startCampaigns();
    rig.provider.answer = (items) =>
      items.map((_, n) => (n % 3 === 0 ? { status: "ok" } : { status, reason: "overloaded" }));
    const { id: audience } = await rig.audience(5_000);
    const { id } = await rig.create({ audience, window: 20 });
    await rig.command(id, "start");
    await rig.advance(60_000);
    const { campaign, progress } = await rig.read(id);
    expect(campaign).toMatchObject({ state: "failed", why: expect.stringContaining("overloaded") });
    expect(progress.ledgerGap).toBe(0);
    expect(progress.ledger.pending).toBeGreaterThan(4_000);
  },
);

test("a rejection now and then does not fail a campaign: errors are forgotten", async () => {
  const rig = startCampaigns();
  let calls = 0;
  rig.provider.answer = async (items) => {
    calls += 1;
    if (calls % 3 === 0) throw new Error("busy");
    return items.map(() => ({ status: "ok" }));
  };
  const { id: audience } = await rig.audience(5_000);
  const { id } = await rig.create({ audience, guarantee: "at-least-once" });
  await rig.command(id, "start");
  await rig.advance(600_000);
  expect((await rig.read(id)).progress).toMatchObject({
    state: "finished",
    ledger: { delivered: 5_000 },
  });
});

test("a window is cut into batches that the provider can take", async () => {
  const provider = new RecordingProvider();
  provider.capabilities = { ...provider.capabilities, maxBatch: 30 };
  const rig = startCampaigns({ provider });
  const { id: audience } = await rig.audience(100);
  const { id } = await rig.create({ audience, window: 100 });
  await rig.command(id, "start");
  await rig.settle();
  expect(provider.windows).toEqual([30, 30, 30, 10]);
});

test("a provider that hangs keeps its page: the lease is renewed meanwhile", async () => {
  const rig = startCampaigns();
  let answer = (): void => {};
  rig.provider.answer = (items) =>
    new Promise((resolve) => {
      answer = () => resolve(items.map(() => ({ status: "ok" })));
    });
  const { id: audience } = await rig.audience(10);
  const { id } = await rig.create({ audience });
  await rig.command(id, "start");
  await rig.advance(30_000);
  const lease = theftAt(rig.clock.now(), 5_000);
  const page = { campaign: id, epoch: 1, partition: 0, k: 0 };
  expect(await rig.stores.campaigns.claim(page, lease)).toBeUndefined();
  answer();
  await rig.settle();
  expect((await rig.read(id)).progress.ledger.delivered).toBe(10);
});

/** A lease for somebody else. */
function theftAt(now: number, forMs: number) {
  const lease = { owner: "thief", now, leaseUntil: now + forMs };
  return { ...lease, version: 1, sendsFrom: "done" } as const;
}

test("a worker whose lease was taken over drops the page at once", async () => {
  const rig = startCampaigns();
  rig.provider.answer = () => new Promise(() => {});
  const { id: audience } = await rig.audience(1_000);
  const { id } = await rig.create({ audience, workers: 1, window: 10, inFlight: 2 });
  await rig.command(id, "start");
  expect(rig.provider.items.length).toBe(20);

  await rig.stores.campaigns.releaseOthers("thief");
  const lease = theftAt(rig.clock.now(), 60_000);
  const key = { campaign: id, epoch: 1, partition: 0, k: 0 };
  const stolen = await rig.stores.campaigns.claim(key, lease);
  expect(stolen).toMatchObject({ fence: 2, done: 0, intent: 20 });
  await rig.advance(30_000);
  expect(rig.provider.items.length).toBe(20);

  const counts = { ...noCounts, delivered: 1_000 };
  const all = { fence: 2, done: 1_000, intent: 1_000, counts, leaseUntil: 0 };
  await rig.stores.campaigns.advance({ ...key, ...all });
  await rig.advance(10_000);
  expect((await rig.read(id)).progress).toMatchObject({ state: "finished", ledgerGap: 0 });
  expect(rig.provider.items.length).toBe(20);
});

test("after a stall longer than the lease nothing is handed off before it is renewed", async () => {
  const clock = new VirtualClock();
  const memory = memoryStores({ inboxPerUserMax: 1, clock });
  const journal: string[] = [];
  let stalled = false;
  const advance: Stores["campaigns"]["advance"] = async (step) => {
    await memory.campaigns.advance(step);
    journal.push(`advance ${step.done}/${step.intent}`);
    // The process is frozen while the answer is on its way.
    if (!stalled) clock.advance(20_000);
    stalled = true;
  };
  const provider = new RecordingProvider();
  provider.answer = (items) => {
    journal.push(`send ${items.length}`);
    return items.map(() => ({ status: "ok" }));
  };
  const stores = { ...memory, campaigns: { ...memory.campaigns, advance } };
  const rig = startCampaigns({ stores, clock, provider });
  const { id: audience } = await rig.audience(10);
  const { id } = await rig.create({ audience });
  await rig.command(id, "start");
  await rig.advance(1_000);
  expect(journal).toEqual(["advance 0/10", "advance 0/10", "send 10", "advance 10/10"]);
});

test("while the store is away nothing is sent and nothing is lost", async () => {
  const clock = new VirtualClock();
  const memory = memoryStores({ inboxPerUserMax: 1, clock });
  let away = false;
  const shaky = new Proxy(memory.campaigns, {
    get: (target, name) => {
      const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
      return (...args: unknown[]) =>
        away
          ? Promise.reject(new RuntimeError("store.unavailable", "the disk is full"))
          : method(...args);
    },
  });
  const rig = startCampaigns({ stores: { ...memory, campaigns: shaky }, clock });
  const { id: audience } = await rig.audience(3_000);
  const { id } = await rig.create({ audience, rate: 1_000 });
  await rig.command(id, "start");
  for (let round = 0; round < 5; round += 1) {
    await rig.advance(300);
    away = true;
    await rig.advance(200);
    const before = rig.provider.items.length;
    await rig.advance(10_000);
    expect(rig.provider.items.length).toBe(before);
    away = false;
    await rig.advance(6_000);
  }
  expect((await rig.read(id)).progress).toMatchObject({ state: "finished", ledgerGap: 0 });
  expect((await rig.read(id)).progress.ledger.delivered).toBe(3_000);
  expect(repeated(rig.provider.members)).toEqual([]);
});

test("two masters of one campaign send nobody a message twice", async () => {
  const clock = new VirtualClock();
  const stores = memoryStores({ inboxPerUserMax: 1, clock });
  const provider = new RecordingProvider();
  const one = startCampaigns({ stores, clock, provider, owner: "boot-1" });
  const two = startCampaigns({ stores, clock, provider, owner: "boot-2" });
  const { id: audience } = await one.audience(60_000);
  const { id } = await one.create({ audience, rate: 20_000, window: 200 });
  await one.command(id, "start");
  await two.ask((replyTo) => ({ type: "recover", replyTo }));
  for (let step = 0; step < 100; step += 1) {
    await one.advance(300);
    await two.settle();
  }
  const { progress } = await two.read(id);
  expect(progress).toMatchObject({ state: "finished", ledgerGap: 0 });
  expect(provider.items.length).toBe(60_000);
  expect(repeated(provider.members)).toEqual([]);
});

test("a pause with a slow provider lets at most the windows in flight go", async () => {
  const rig = startCampaigns();
  rig.provider.answer = (items) =>
    new Promise((resolve) => {
      rig.clock.after(700, () => resolve(items.map(() => ({ status: "ok" }))));
    });
  const { id: audience } = await rig.audience(9_000);
  const { id } = await rig.create({ audience, workers: 3, window: 50, inFlight: 4 });
  await rig.command(id, "start");
  await rig.advance(2_000);
  const before = rig.provider.items.length;
  await rig.command(id, "pause");
  await rig.advance(10_000);
  const { progress } = await rig.read(id);
  expect(progress.pauseBound).toBe(600);
  expect(rig.provider.items.length - before).toBeLessThanOrEqual(600);
  expect(progress).toMatchObject({ workers: 0, ledgerGap: 0 });
  expect(progress.sent).toBe(rig.provider.items.length);
  await rig.command(id, "resume");
  await rig.advance(60_000);
  expect(repeated(rig.provider.members)).toEqual([]);
  expect(rig.provider.items.length).toBe(9_000);
});

test("a campaign whose audience has lost a page fails, and says which", async () => {
  const memory = memoryStores({ inboxPerUserMax: 1 });
  const page: Stores["audiences"]["page"] = async (id, key) =>
    key.k === 1 ? undefined : memory.audiences.page(id, key);
  const rig = startCampaigns({ stores: { ...memory, audiences: { ...memory.audiences, page } } });
  const { id: audience } = await rig.audience(3_000);
  const { id } = await rig.create({ audience, rate: 2_000 });
  await rig.command(id, "start");
  await rig.advance(5_000);
  expect((await rig.read(id)).campaign).toMatchObject({
    state: "failed",
    why: "the audience has no page 0/1 any more",
  });
});

test("a campaign whose provider the node does not have any more fails at its start", async () => {
  const stores = memoryStores({ inboxPerUserMax: 1 });
  const first = startCampaigns({ stores });
  const { id: audience } = await first.audience(1_000);
  const { id } = await first.create({ audience, rate: 10 });
  await first.command(id, "start");
  await first.system.stop({ deadlineMs: 0 });

  const other = new RecordingProvider();
  Object.assign(other, { name: "other" });
  const second = startCampaigns({ stores, provider: other, owner: "boot-2" });
  await second.ask((replyTo) => ({ type: "recover", replyTo }));
  expect((await second.read(id)).campaign).toMatchObject({
    state: "failed",
    why: "there is no provider recording on this node",
  });
});

test("the null provider says that everything is done", async () => {
  const options = { ledger: "x", deadline: 1, fence: 1, signal: new AbortController().signal };
  const { items } = new RecordingProvider();
  expect(await nullProvider().sendBatch(items, options)).toEqual([]);
  const item = { id: "1", member: "a", topic: "t", payload: "1", ack: false, expiresAt: 1 };
  expect(await nullProvider().sendBatch([item, item], options)).toEqual([
    { status: "ok" },
    { status: "ok" },
  ]);
});
