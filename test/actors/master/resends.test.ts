/** Recipients who are unknown, and whom an operator has sent to again. */
import { expect, test } from "vitest";
import type { Result } from "../../../src/core/result.ts";
import { type Probe, probe } from "../../testkit/kit.ts";
import { type Rig, type SPEC, startCampaigns } from "./rig.ts";

type Came = Result<{
  readonly delivered: number;
  readonly refused: number;
  readonly unknown: number;
}>;

const DAY = 86_400_000;

/** A campaign that is over, whose first so many recipients of its only page are unknown. */
async function unknown(rig: Rig, spec: Partial<typeof SPEC>, count: number): Promise<string> {
  let seen = 0;
  rig.provider.answer = (items) =>
    items.map(() => {
      seen += 1;
      return { status: seen <= count ? "unknown" : "ok" };
    });
  const { id: audience } = await rig.audience(400);
  const { rate = 0, ...others } = spec;
  const { id } = await rig.create({ audience, window: 50, workers: 1, inFlight: 1, ...others });
  await rig.command(id, "start");
  await rig.advance(60_000);
  const { progress } = await rig.read(id);
  expect(progress).toMatchObject({ state: "finished", counts: { unknown: count } });
  await rig.tune(id, { rate });
  rig.provider.items.length = 0;
  rig.provider.windows.length = 0;
  rig.provider.answer = (items) => items.map(() => ({ status: "ok" }));
  return id;
}

function again(rig: Rig, id: string, count: number): Probe<Came> {
  const asker: Probe<Came> = probe();
  const indices = Array.from({ length: count }, (_, index) => index);
  const pages = [{ page: { partition: 0, k: 0 }, indices }];
  rig.desk.send({ type: "resend", id, pages, replyTo: asker });
  return asker;
}

test("are sent to at the campaign's rate, in its windows, and counted where they end", async () => {
  const rig = startCampaigns();
  const arms = [
    { name: "a", percent: 50, payload: { text: "a" } },
    { name: "b", percent: 50, payload: { text: "b" } },
  ];
  const id = await unknown(rig, { rate: 100, arms }, 100);
  const asker = again(rig, id, 100);
  await rig.advance(500);
  expect(rig.provider.items.length).toBeLessThanOrEqual(50);
  expect(Math.max(...rig.provider.windows)).toBeLessThanOrEqual(5);
  expect(asker.received).toEqual([]);
  await rig.advance(1_000);
  expect(asker.last).toEqual({ ok: true, value: { delivered: 100, refused: 0, unknown: 0 } });
  expect(rig.provider.items[0]!.id).toBe(`${id}:1:0/0:0`);
  const { progress } = await rig.read(id);
  expect(progress).toMatchObject({ ledgerGap: 0, ledger: { delivered: 400, unknown: 0 } });
  const { a, b } = progress.arms;
  expect([a!.unknown, b!.unknown, a!.delivered + b!.delivered]).toEqual([0, 0, 400]);
});

test("get nothing again once they are settled; whoever asked is told in time", async () => {
  const rig = startCampaigns();
  const id = await unknown(rig, { rate: 10 }, 100);
  const asker = again(rig, id, 100);
  await rig.advance(5_500);
  const value = asker.last.ok ? asker.last.value : undefined;
  expect(value!.delivered).toBeGreaterThan(40);
  expect(value!.delivered + value!.unknown).toBe(100);
  await rig.advance(10_000);
  expect((await rig.read(id)).progress.ledger).toMatchObject({ delivered: 400, unknown: 0 });
  const repeated = again(rig, id, 20);
  await rig.advance(11_000);
  expect(repeated.last).toEqual({ ok: true, value: { delivered: 0, refused: 0, unknown: 0 } });
  expect(rig.provider.items.length).toBe(100);
});

test("count once for a cap, stay unknown in quiet hours, and where nobody answers", async () => {
  const rig = startCampaigns();
  const cap = { max: 1, perMs: 7 * DAY };
  // The virtual clock begins at midnight; a minute later it is quiet.
  const quietHours = { from: "00:05", to: "06:00", zone: "UTC" };
  const id = await unknown(rig, { cap, quietHours }, 100);
  await rig.advance(5 * 60_000);
  const quiet = again(rig, id, 100);
  await rig.settle();
  expect(quiet.last).toMatchObject({ value: { delivered: 0, unknown: 100 } });
  expect(rig.provider.items).toEqual([]);
  await rig.advance(6 * 3_600_000);
  rig.provider.answer = () => Promise.reject(new Error("connection reset"));
  const failed = again(rig, id, 100);
  await rig.settle();
  expect(failed.last).toMatchObject({ value: { delivered: 0, unknown: 100 } });
  rig.provider.answer = (items) =>
    items.map((_, n) => (n === 0 ? { status: "refused", reason: "no" } : { status: "ok" }));
  const done = again(rig, id, 100);
  await rig.settle();
  expect(done.last).toMatchObject({ value: { delivered: 98, refused: 2, unknown: 0 } });
  const { progress } = await rig.read(id);
  expect(progress).toMatchObject({ ledgerGap: 0, ledger: { delivered: 398, shed: 2, unknown: 0 } });
});
