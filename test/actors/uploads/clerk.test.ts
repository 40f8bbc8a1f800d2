import { expect, test } from "vitest";
import { uploadsClerk } from "../../../src/actors/uploads/behavior.ts";
import { UPLOADS } from "../../../src/actors/uploads/messages.ts";
import { newUploads, type UploadLimits } from "../../../src/actors/uploads/state.ts";
import { outboxBroker } from "../../../src/broker/outbox/outbox-broker.ts";
import { noMetrics } from "../../../src/core/metrics.ts";
import type { Result } from "../../../src/core/result.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import { probe, testSystem } from "../../testkit/kit.ts";

/** The clerk on an outbox of `max` uploads that can be held up. */
function start(max: number, limits: Partial<UploadLimits> = {}) {
  const kit = testSystem();
  const { outbox } = memoryStores({ inboxPerUserMax: 1, clock: kit.clock });
  const inner = outboxBroker({ store: outbox, max });
  const batches: number[] = [];
  let gate: Promise<void> | undefined;
  const broker = {
    ...inner,
    publish: async (uploads: Parameters<typeof inner.publish>[0]) => {
      batches.push(uploads.length);
      await gate;
      return inner.publish(uploads);
    },
  };
  const type = uploadsClerk({ broker, metrics: noMetrics, limits });
  const clerk = kit.system.spawn(type, { name: UPLOADS, state: newUploads() });
  const upload = (key: string, payload = "1") => {
    const replyTo = probe<Result<true>>();
    const what = { principal: "board:b1", device: "main", kind: "state", payload };
    clerk.send({ type: "upload", upload: { ...what, key, at: 1 }, replyTo });
    return replyTo;
  };
  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    return () => {
      gate = undefined;
      resolve();
    };
  };
  return { ...kit, outbox, batches, upload, hold };
}

test("an upload is answered once the broker has it, and not before", async () => {
  const { settle, upload, hold, outbox } = start(10);
  const release = hold();
  const asked = upload("a");
  await settle();
  expect(asked.received).toEqual([]);
  release();
  await settle();
  expect(asked.received).toEqual([{ ok: true, value: true }]);
  expect(await outbox.read({ after: 0, limit: 9 })).toMatchObject([{ key: "a" }]);
});

test("what comes while the broker is busy goes as one batch, up to its limit", async () => {
  const { settle, upload, hold, batches } = start(100, { batchMax: 5 });
  const release = hold();
  upload("first");
  await settle();
  const asked = Array.from({ length: 7 }, (_, n) => upload(`${n}`));
  release();
  await settle();
  expect(batches).toEqual([1, 5, 2]);
  expect(asked.every(({ received }) => received[0]?.ok)).toBe(true);
});

test("of a batch that does not fit, the first are taken, and the others told so", async () => {
  const { settle, upload, hold, outbox } = start(3);
  const release = hold();
  const first = upload("first");
  await settle();
  const asked = ["a", "first", "b", "c", "d"].map((key) => upload(key));
  release();
  await settle();
  expect(first.received[0]?.ok).toBe(true);
  const told = asked.map(({ received: [it] }) => (it!.ok ? "ok" : it!.error.code));
  expect(told).toEqual(["ok", "ok", "ok", "outbox.full", "outbox.full"]);
  const kept = await outbox.read({ after: 0, limit: 9 });
  expect(kept.map(({ key }) => key)).toEqual(["first", "a", "b"]);
});

test("long payloads go in smaller batches, and only so much of them may wait", async () => {
  const limits = { batchCharactersMax: 25, waitingCharactersMax: 60 };
  const { settle, upload, hold, batches } = start(100, limits);
  const release = hold();
  upload("first");
  await settle();
  const asked = ["a", "b", "c", "d", "e", "f"].map((key) => upload(key, '"0123456789"'));
  await settle();
  expect(asked[5]!.received[0]).toMatchObject({ error: { code: "broker.unavailable" } });
  release();
  await settle();
  expect(batches).toEqual([1, 2, 2, 1]);
  expect(asked.slice(0, 5).every(({ received }) => received[0]?.ok)).toBe(true);
  const [again] = [upload("f", '"0123456789"')];
  await settle();
  expect(again!.received[0]?.ok).toBe(true);
});

test("a broker that cannot take it is told to the device, who may send it again", async () => {
  const { settle, upload, outbox } = start(1);
  upload("a");
  await settle();
  const refused = upload("b");
  await settle();
  expect(refused.received[0]).toMatchObject({ ok: false, error: { code: "outbox.full" } });
  await outbox.ack("crm", 1);
  const again = upload("b");
  await settle();
  expect(again.received).toEqual([{ ok: true, value: true }]);
});

test("more than may wait is refused at once, and what waits is not lost", async () => {
  const { settle, upload, hold } = start(100, { batchMax: 1, waitingMax: 2 });
  const release = hold();
  const kept = ["a", "b", "c"].map((key) => upload(key));
  const refused = upload("d");
  await settle();
  expect(refused.received[0]).toMatchObject({
    ...{ ok: false, error: { code: "broker.unavailable", retryAfterMs: 1_000 } },
  });
  release();
  await settle();
  expect(kept.map(({ received }) => received[0]?.ok)).toEqual([true, true, true]);
});
