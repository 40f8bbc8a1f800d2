import { expect, test } from "vitest";
import { outboxDesk } from "../../../src/actors/outbox/behavior.ts";
import { OUTBOX, type ReadUploads, type UploadsRead } from "../../../src/actors/outbox/messages.ts";
import { newOutbox, type OutboxLimits } from "../../../src/actors/outbox/state.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { noMetrics } from "../../../src/core/metrics.ts";
import type { Result } from "../../../src/core/result.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { OutboxStore } from "../../../src/persistence/ports/outbox.ts";
import { probe, testSystem } from "../../testkit/kit.ts";

/** The desk on a store that counts what it is asked, and can be wrapped. */
async function start(
  limits: Partial<OutboxLimits> = {},
  wrap: (store: OutboxStore) => Partial<OutboxStore> = () => ({}),
) {
  const kit = testSystem();
  const { outbox } = memoryStores({ inboxPerUserMax: 1, clock: kit.clock });
  const asked: string[] = [];
  const next: OutboxStore["next"] = (request) => {
    asked.push(request.consumer);
    return outbox.next(request);
  };
  const store = { ...outbox, next, ...wrap(outbox) };
  const type = outboxDesk({ store, logger: silentLogger, metrics: noMetrics, limits });
  const desk = kit.system.spawn(type, { name: OUTBOX, state: newOutbox() });
  const add = async (key: string, at = kit.clock.now()) => {
    const what = { principal: "board:b1", device: "main", kind: "state", payload: "1" };
    await outbox.append([{ ...what, key, at }], 100);
    desk.send({ type: "grown" });
    await kit.settle();
  };
  const read = async (consumer: string, more: Partial<ReadUploads> = {}) => {
    const replyTo = probe<Result<UploadsRead>>();
    const request = { consumer, limit: 10, waitMs: 10_000, ...more };
    desk.send({ type: "read-uploads", request, replyTo });
    await kit.settle();
    return replyTo;
  };
  const keys = ({ received: [answer] }: Awaited<ReturnType<typeof read>>) =>
    answer?.ok ? answer.value.uploads.map(({ key }) => key) : undefined;
  await kit.settle();
  return { ...kit, outbox, desk, asked, add, read, keys };
}

test("everybody who waits gets what comes, each in a turn of its own", async () => {
  const { read, add, keys } = await start();
  const waiting = [await read("crm"), await read("bi")];
  expect(waiting.map(keys)).toEqual([undefined, undefined]);
  await add("a");
  expect(waiting.map(keys)).toEqual([["a"], ["a"]]);
});

test("who waits for another kind looks only so often, however many come", async () => {
  const { read, add, keys, asked, clock, settle } = await start({ lookEveryMs: 50 });
  const waiting = await read("crm", { kinds: ["alarm"] });
  for (let n = 0; n < 20; n += 1) await add(`${n}`);
  expect(asked.length).toBe(2);
  clock.advance(50);
  await settle();
  expect(asked.length).toBe(3);
  expect(keys(waiting)).toBeUndefined();
});

test("what comes while the store is looking is not missed", async () => {
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let looks = 0;
  const { read, add, keys, clock, settle } = await start({}, (outbox) => ({
    async next(request) {
      const found = await outbox.next(request);
      looks += 1;
      if (looks === 1) await gate;
      return found;
    },
  }));
  const waiting = await read("crm");
  await add("a");
  open();
  await settle();
  clock.advance(50);
  await settle();
  expect(keys(waiting)).toEqual(["a"]);
});

test("only so many wait; one more is answered at once", async () => {
  const { read, keys, clock, settle } = await start({ waitersMax: 1 });
  const first = await read("crm");
  expect(keys(await read("bi"))).toEqual([]);
  expect(keys(first)).toBeUndefined();
  clock.advance(10_000);
  await settle();
  expect(keys(first)).toEqual([]);
});

test("what is older than the retention goes, batch by batch, and the rest stays", async () => {
  const { add, outbox, clock, settle } = await start({ retentionMs: 60_000, pruneMax: 2 });
  for (const key of ["a", "b", "c", "d", "e"]) await add(key);
  clock.advance(59_000);
  await add("young");
  clock.advance(15_000);
  await settle();
  const left = await outbox.read({ after: 0, limit: 10 });
  expect(left.map(({ key }) => key)).toEqual(["young"]);
  expect(await outbox.ledger()).toMatchObject({ accepted: 6, waiting: 1, pruned: 5 });
});

test("a store that fails is asked again to delete, and who reads is told", async () => {
  let fails = true;
  const broken = async () => {
    throw new Error("the disk is gone");
  };
  const { read, add, outbox, clock, settle } = await start({ retentionMs: 1_000 }, (inner) => ({
    prune: (before, limit) => (fails ? broken() : inner.prune(before, limit)),
    next: (request) => (fails ? broken() : inner.next(request)),
  }));
  await add("a");
  clock.advance(20_000);
  await settle();
  expect((await read("crm")).received).toMatchObject([{ ok: false }]);
  expect(await outbox.read({ after: 0, limit: 10 })).toHaveLength(1);
  fails = false;
  clock.advance(15_000);
  await settle();
  expect(await outbox.read({ after: 0, limit: 10 })).toEqual([]);
});
