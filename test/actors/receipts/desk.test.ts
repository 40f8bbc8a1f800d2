import { expect, test } from "vitest";
import { receiptsDesk } from "../../../src/actors/receipts/behavior.ts";
import {
  RECEIPTS,
  type ReceiptsMessage,
  type ReceiptTally,
  receiptsKind,
} from "../../../src/actors/receipts/messages.ts";
import { newReceipts, type ReceiptLimits } from "../../../src/actors/receipts/state.ts";
import { RuntimeError } from "../../../src/core/errors.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { noMetrics } from "../../../src/core/metrics.ts";
import type { Result } from "../../../src/core/result.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { Receipt, ReceiptStore } from "../../../src/persistence/ports/receipts.ts";
import { type Probe, probe, testSystem } from "../../testkit/kit.ts";

const PAGE = { campaign: "c1", epoch: 1, partition: 0, k: 0 };

/** The desk on a store that can be held up, and that can fail. */
function start(limits: Partial<ReceiptLimits> = {}) {
  const kit = testSystem();
  const inner = memoryStores({ inboxPerUserMax: 1, clock: kit.clock }).receipts;
  const control = { down: false, gate: undefined as Promise<void> | undefined };
  const calls: { readonly method: string; readonly size: number }[] = [];
  const through = async <T>(method: string, size: number, run: () => Promise<T>): Promise<T> => {
    calls.push({ method, size });
    await control.gate;
    if (control.down) throw new RuntimeError("store.unavailable", "down on request");
    return run();
  };
  const store: ReceiptStore = {
    ...inner,
    apply: (it, now) => through("apply", it.length, () => inner.apply(it, now)),
    register: (it, now) => through("register", it.length, () => inner.register(it, now)),
    purge: (before, limit) => through("purge", 0, () => inner.purge(before, limit)),
  };
  const type = receiptsDesk({ store, logger: silentLogger, metrics: noMetrics, limits });
  const desk = kit.system.spawn(type, { name: RECEIPTS, state: newReceipts() });
  const apply = (...receipts: readonly Receipt[]): Probe<Result<ReceiptTally>> => {
    const replyTo = probe<Result<ReceiptTally>>();
    desk.send({ type: "apply-receipts", receipts, replyTo });
    return replyTo;
  };
  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    control.gate = promise;
    return () => {
      control.gate = undefined;
      resolve();
    };
  };
  return { ...kit, desk, inner, control, calls, apply, hold };
}

const receipt = (message: string, changes: Partial<Receipt> = {}): Receipt => ({
  ...{ provider: "crm", message, part: 0, status: "delivered", at: 1, reason: "" },
  ...changes,
});

const many = (count: number, prefix: string): Receipt[] =>
  Array.from({ length: count }, (_, n) => receipt(`c1:1:0/0:${prefix}${n}`));

const tally = (applied: number, repeated = 0, unmatched = 0) => ({
  ...{ ok: true, value: { applied, repeated, unmatched } },
});

test("each request is told how many of its own receipts told what", async () => {
  const { apply, settle } = start();
  const answers = [
    apply(receipt("c1:1:0/0:1"), receipt("c1:1:0/0:1"), receipt("p-9")),
    apply(receipt("c1:1:0/0:1", { status: "opened" })),
    apply(),
  ];
  await settle();
  expect(answers.map(({ last }) => last)).toEqual([tally(1, 1, 1), tally(1), tally(0)]);
});

test("what comes while the store is at work goes as few calls, in batches", async () => {
  const { apply, settle, calls, hold } = start({ batchMax: 100 });
  const release = hold();
  apply(receipt("c1:1:0/0:9"));
  await settle();
  const answers = ["1", "2", "3", "4"].map((prefix) => apply(...many(40, prefix)));
  const large = apply(...many(250, "5"));
  await settle();
  release();
  await settle();
  expect(calls.map(({ size }) => size)).toEqual([1, 80, 80, 250]);
  expect(answers.map(({ last }) => last)).toEqual(Array(4).fill(tally(40)));
  expect(large.last).toEqual(tally(250));
});

test("receipts beyond the limit are refused, with when to come again", async () => {
  const { apply, settle, hold } = start({ waitingMax: 10 });
  const release = hold();
  apply(receipt("first"));
  await settle();
  apply(...many(10, "1"));
  const refused = apply(receipt("late"));
  await settle();
  expect(refused.last).toMatchObject({
    error: { code: "store.unavailable", retryAfterMs: 1_000 },
  });
  release();
  await settle();
});

test("a store that fails is told to the sender, who may send everything again", async () => {
  const { apply, settle, control } = start();
  control.down = true;
  const failed = apply(...many(3, "1"));
  await settle();
  expect(failed.last).toMatchObject({ ok: false, error: { code: "store.unavailable" } });
  control.down = false;
  const again = [apply(...many(3, "1")), apply(...many(3, "1").reverse())];
  await settle();
  expect(again.map(({ last }) => last)).toEqual([tally(3), tally(0, 3)]);
});

test("provider's names reach the store when it is back, and match what came before", async () => {
  const { apply, settle, advance, control, desk, inner, calls } = start();
  apply(receipt("p-1"), receipt("p-2"));
  await settle();
  control.down = true;
  const message = { provider: "crm", message: "p-1", item: { ...PAGE, index: 4 } };
  desk.send({ type: "register-messages", messages: [message] });
  await advance(20_000);
  expect(calls.filter(({ method }) => method === "register").length).toBeLessThan(15);
  control.down = false;
  await advance(5_000);
  expect(await inner.ofPage("crm", PAGE)).toEqual([{ index: 4, status: "delivered", at: 1 }]);
});

test("names beyond the limit are given up, and what was there first stays", async () => {
  const { settle, hold, desk, inner, apply } = start({ registersMax: 2 });
  const release = hold();
  apply(receipt("first"));
  await settle();
  const messages = [0, 1, 2].map((index) => ({
    ...{ provider: "crm", message: `p-${index}`, item: { ...PAGE, index } },
  }));
  desk.send({ type: "register-messages", messages });
  release();
  await settle();
  apply(...[0, 1, 2].map((n) => receipt(`p-${n}`)));
  await settle();
  expect((await inner.ofPage("crm", PAGE)).map(({ index }) => index)).toEqual([0, 1]);
});

test("a campaign can ask whose doubt has ended, what was told of one, and how many", async () => {
  const { apply, settle, system } = start();
  apply(receipt("c1:1:0/0:3"), receipt("c1:1:0/0:1", { status: "failed", reason: "full" }));
  await settle();
  const desk = system.find(receiptsKind, RECEIPTS)!;
  const ask = async <T>(request: (replyTo: Probe<Result<T>>) => ReceiptsMessage) => {
    const replyTo = probe<Result<T>>();
    desk.send(request(replyTo));
    await settle();
    return replyTo.last;
  };
  const page = await ask((replyTo) => {
    return { type: "settled-by-receipt", provider: "crm", page: PAGE, replyTo } as ReceiptsMessage;
  });
  expect(page).toMatchObject({
    value: [
      { index: 1, status: "failed" },
      { index: 3, status: "delivered" },
    ],
  });
  const item = { ...PAGE, index: 1 };
  const one = await ask((replyTo) => ({ type: "read-receipts", item, replyTo }) as ReceiptsMessage);
  expect(one).toMatchObject({ value: [{ status: "failed", reason: "full" }] });
  const counts = await ask((replyTo) => {
    return { type: "count-receipts", campaign: "c1", epoch: 1, replyTo } as ReceiptsMessage;
  });
  expect(counts).toMatchObject({ value: { delivered: 1, failed: 1, opened: 0 } });
});

test("what nobody claimed is forgotten after its time, call by call", async () => {
  const { apply, settle, advance, inner, calls } = start({ purgeMax: 2, keptMs: 100_000 });
  apply(...["a", "b", "c", "d", "e"].map((name) => receipt(name)));
  await settle();
  await advance(99_000);
  const before = calls.filter(({ method }) => method === "purge").length;
  await advance(61_000);
  expect(calls.filter(({ method }) => method === "purge").length - before).toBe(3);
  expect(await inner.apply([receipt("a")], 1)).toEqual(["unmatched"]);
});
