import { expect, test } from "vitest";
import { newAudience } from "../../../src/actors/collect/store.ts";
import type {
  Campaign,
  CampaignProgress,
  CampaignSpec,
  CampaignState,
  Transition,
} from "../../../src/actors/master/messages.ts";
import { quiesceCampaigns } from "../../../src/actors/master/quiesce.ts";
import type { Result } from "../../../src/core/result.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { PageOf } from "../../../src/persistence/ports/audience.ts";
import { probe } from "../../testkit/kit.ts";
import { RecordingProvider, type Rig, repeated, SPEC, startCampaigns } from "./rig.ts";

function create(rig: Rig, spec: Partial<CampaignSpec>): Promise<Result<Campaign>> {
  const whole = { ...SPEC, ...spec };
  return rig.ask((replyTo) => ({ type: "create-campaign", spec: whole, by: "test", replyTo }));
}

test("a campaign needs an audience that is there and ready", async () => {
  const rig = startCampaigns();
  expect(await create(rig, { audience: "aud_x" })).toMatchObject({
    error: { code: "audience.unknown", problems: [{ path: "audience", got: "aud_x" }] },
  });
  await rig.stores.audiences.create(newAudience("aud_y", "half", { by: "test", at: 0 }));
  expect(await create(rig, { audience: "aud_y" })).toMatchObject({
    error: { code: "audience.not-ready", problems: [{ path: "audience", got: "aud_y" }] },
  });
});

test("an unknown provider is refused with a list of those there are", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(1);
  const refused = await create(rig, { audience, provider: "pigeon" });
  const problems = [{ path: "provider", expected: "one of recording", got: "pigeon" }];
  expect(refused).toMatchObject({ error: { code: "provider.unknown", problems } });
  expect(!refused.ok && refused.error.message).toContain("there are: recording");
});

test("every field that is wrong is named at once", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(1);
  const wrong = {
    ...{ audience, name: "", topic: "x".repeat(201), rate: -1, workers: 65, window: 0 },
    ...{ inFlight: 1.5, ttlMs: 1e12, payload: "{{" },
  };
  const refused = await create(rig, wrong);
  expect(!refused.ok && refused.error.code).toBe("campaign.invalid");
  expect(!refused.ok && refused.error.problems.map(({ path }) => path)).toEqual([
    ...["name", "topic", "rate", "workers", "window", "inFlight", "ttlMs", "payload"],
  ]);
  const all = await rig.ask<Result<PageOf<Campaign>>>((replyTo) => ({
    type: "list-campaigns",
    request: { limit: 10 },
    replyTo,
  }));
  expect(all).toMatchObject({ ok: true, value: { items: [] } });
});

test("a link that runs something, or whose scheme is a variable, is refused", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(1);
  const payload = { text: "hi" };
  for (const link of ["javascript:alert(1)", "{{url}}"]) {
    expect(await create(rig, { audience, payload, link })).toMatchObject({
      error: { code: "campaign.invalid", problems: [{ path: "link", got: link }] },
    });
  }
  const { id } = await rig.create({ audience, payload, link: "https://example.com/{{member}}" });
  expect(await rig.edit(id, { link: "data:text/html,x" })).toMatchObject({
    error: { problems: [{ path: "link" }] },
  });
});

test("the guarantee key needs a provider that knows repeated keys", async () => {
  const provider = new RecordingProvider();
  provider.capabilities = { ...provider.capabilities, idempotency: "none" };
  const rig = startCampaigns({ provider });
  const { id: audience } = await rig.audience(1);
  expect(await create(rig, { audience, guarantee: "key" })).toMatchObject({
    error: { code: "campaign.invalid", problems: [{ path: "guarantee" }] },
  });
  expect((await create(rig, { audience, guarantee: "at-least-once" })).ok).toBe(true);
});

test("campaigns are listed newest first, also by state", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(1);
  const first = await rig.create({ audience });
  const second = await rig.create({ audience });
  await rig.command(first.id, "start");
  await rig.settle();
  const list = async (state?: CampaignState) => {
    const page = await rig.ask<Result<PageOf<Campaign>>>((replyTo) => ({
      type: "list-campaigns",
      request: { limit: 10, state },
      replyTo,
    }));
    return page.ok ? page.value.items.map(({ id }) => id) : [];
  };
  expect(await list()).toEqual([second.id, first.id]);
  expect(await list("finished")).toEqual([first.id]);
});

test("the log of an unknown campaign and a subscription to it say so", async () => {
  const rig = startCampaigns();
  const request = { limit: 10 };
  const log = await rig.ask<Result<PageOf<Transition>>>((replyTo) => ({
    type: "read-log",
    id: "cmp_x",
    request,
    replyTo,
  }));
  expect(log).toMatchObject({ error: { code: "campaign.unknown" } });
  const subscriber = probe<CampaignProgress>();
  const answer = await rig.ask<Result<CampaignProgress>>((replyTo) => ({
    type: "subscribe",
    id: "cmp_x",
    subscriber,
    replyTo,
  }));
  expect(answer).toMatchObject({ error: { code: "campaign.unknown" } });
});

test("a subscriber that has ended, or does not want any more, hears nothing", async () => {
  const rig = startCampaigns();
  const { id: audience } = await rig.audience(1_000);
  const { id } = await rig.create({ audience, rate: 100 });
  await rig.command(id, "start");
  const subscribers = [probe<CampaignProgress>("/a"), probe<CampaignProgress>("/b")];
  for (const subscriber of subscribers) {
    rig.desk.send({ type: "subscribe", id, subscriber, replyTo: probe() });
  }
  await rig.advance(1_000);
  subscribers[0]!.end("stopped");
  rig.desk.send({ type: "unsubscribe", id, subscriber: subscribers[1]! });
  await rig.settle();
  const told = subscribers.map(({ received }) => received.length);
  await rig.advance(3_000);
  expect(subscribers.map(({ received }) => received.length)).toEqual(told);
  expect(told.every((count) => count >= 2)).toBe(true);
});

test("a node's start gives every started campaign its master, and no other", async () => {
  const stores = memoryStores({ inboxPerUserMax: 1 });
  const provider = new RecordingProvider();
  const first = startCampaigns({ stores, provider, owner: "boot-1" });
  const { id: audience } = await first.audience(400);
  const running = await first.create({ audience, rate: 100 });
  const paused = await first.create({ audience, rate: 100 });
  for (const { id } of [running, paused]) await first.command(id, "start");
  await first.advance(1_000);
  await first.command(paused.id, "pause");
  await first.settle();
  await first.system.stop({ deadlineMs: 0 });

  const second = startCampaigns({ stores, provider, owner: "boot-2" });
  await stores.campaigns.releaseOthers("boot-2");
  const count = await second.ask((replyTo) => ({ type: "recover", replyTo }));
  expect(count).toEqual({ ok: true, value: 1 });
  expect(second.system.count({ name: "campaign" })).toBe(1);
  await second.advance(10_000);
  expect((await second.read(running.id)).progress).toMatchObject({ state: "finished" });
  expect((await second.read(paused.id)).campaign.state).toBe("pause");
  const ids = provider.items.map((item) => item.id).filter((id) => id.startsWith(running.id));
  expect(ids.length).toBeGreaterThanOrEqual(380);
  expect(repeated(ids)).toEqual([]);
});

test("a node that stops in peace leaves nothing in doubt", async () => {
  const stores = memoryStores({ inboxPerUserMax: 1 });
  const provider = new RecordingProvider();
  const first = startCampaigns({ stores, provider, owner: "boot-1" });
  provider.answer = (items) =>
    new Promise((resolve) => {
      first.clock.after(300, () => resolve(items.map(() => ({ status: "ok" }))));
    });
  const { id: audience } = await first.audience(5_000);
  const { id } = await first.create({ audience });
  await first.command(id, "start");
  await first.advance(1_000);
  let quiet = false;
  const quiescing = quiesceCampaigns(first.system, { deadlineMs: 5_000 }).then(() => {
    quiet = true;
  });
  await first.settle();
  expect(quiet).toBe(false);
  expect(await first.command(id, "pause")).toMatchObject({ error: { code: "node.draining" } });
  await first.advance(1_000);
  await quiescing;
  const sent = provider.items.length;
  const totals = await stores.campaigns.totals(id, 1);
  expect(totals).toMatchObject({ inDoubt: 0, settled: sent });
  expect((await stores.campaigns.read(id))?.state).toBe("started");
  await first.system.stop({ deadlineMs: 0 });

  provider.answer = (items) => items.map(() => ({ status: "ok" }));
  const second = startCampaigns({ stores, provider, owner: "boot-2" });
  await second.ask((replyTo) => ({ type: "recover", replyTo }));
  await second.advance(5_000);
  expect((await second.read(id)).progress).toMatchObject({
    state: "finished",
    ledger: { delivered: 5_000, unknown: 0 },
  });
});

test("a start whose audience is gone by then is refused and changes nothing", async () => {
  const stores = memoryStores({ inboxPerUserMax: 1 });
  const first = startCampaigns({ stores });
  const { id: audience } = await first.audience(5);
  const { id } = await first.create({ audience });
  const record = await stores.audiences.read(audience);
  await stores.audiences.update({ ...record!, state: "failed" });
  expect(await first.command(id, "start")).toMatchObject({ error: { code: "audience.not-ready" } });
  expect((await first.read(id)).campaign).toMatchObject({ state: "ready", epoch: 0 });
});
