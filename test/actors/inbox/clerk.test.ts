import { expect, test } from "vitest";
import { externalRef } from "../../../src/actors/kernel/external.ts";
import { ledgerGap } from "../../../src/core/ledger.ts";
import { noMetrics } from "../../../src/core/metrics.ts";
import type { Result } from "../../../src/core/result.ts";
import { READ_BYTES_MAX } from "../../../src/persistence/ports/inbox.ts";
import { item, items, type SessionNode, sessionNode } from "../../testkit/session-node.ts";

test("what is asked for while the store is at work goes as one call", async () => {
  const node = sessionNode();
  node.store.hold();
  for (let n = 0; n < 500; n++) node.login(`user-${n}`);
  for (let n = 0; n < 300; n++) void node.desk.append([item("somebody", `m${n}`)]);
  await node.settle();
  node.store.release();
  await node.settle();
  expect(node.store.count("read")).toBeLessThanOrEqual(2);
  expect(node.store.count("append")).toBeLessThanOrEqual(2);
});

test("a batch has a limit, and a big request goes alone", async () => {
  const node = sessionNode({ clerk: { batchMax: 10 } });
  node.store.hold();
  void node.desk.append(items("first", 1));
  await node.settle();
  void node.desk.append(items("a", 6, {}, "a"));
  void node.desk.append(items("b", 4, {}, "b"));
  void node.desk.append(items("c", 25, {}, "c"));
  void node.desk.append(items("d", 1, {}, "d"));
  node.store.release();
  await node.settle();
  const sizes = node.store.calls.filter(({ method }) => method === "append");
  expect(sizes.map(({ size }) => size)).toEqual([1, 10, 25, 1]);
});

test("of the appends that wait, the most urgent go first, and equals in their order", async () => {
  const node = sessionNode();
  node.store.hold();
  void node.desk.append([item("bob", "held")]);
  await node.settle();
  const append = (id: string, priority?: number) =>
    node.clerk.send({
      ...{ type: "append", items: [item("ann", id)] },
      ...(priority === undefined ? {} : { priority }),
    });
  append("low", -1);
  append("first");
  append("high-1", 1);
  append("second", 0);
  append("high-2", 1);
  node.store.release();
  await node.settle();
  const [inbox] = await node.store.read(["ann"], 0);
  const ids = inbox!.items.map(({ id }) => id);
  expect(ids).toEqual(["high-1", "high-2", "first", "second", "low"]);
});

test("an append is answered with the offset of each item, in order", async () => {
  const node = sessionNode();
  node.store.hold();
  const answers = Promise.all([
    node.desk.append([item("ann", "a"), item("bob", "b")]),
    node.desk.append([]),
    node.desk.append([item("ann", "c"), item("ann", "a")]),
  ]);
  await node.settle();
  node.store.release();
  await node.settle();
  expect(await answers).toEqual([
    [
      { offset: 1, fresh: true },
      { offset: 1, fresh: true },
    ],
    [],
    [
      { offset: 2, fresh: true },
      { offset: 1, fresh: false },
    ],
  ]);
});

test("an append that the store fails is refused and delivered to nobody", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  node.store.down.add("append");
  const refused = expect(node.desk.append(items("ann", 1))).rejects.toMatchObject({
    code: "store.unavailable",
  });
  await node.settle();
  await refused;
  expect(device.offsets()).toEqual([]);
  node.store.down.clear();
  await Promise.all([node.desk.append(items("ann", 1)), node.settle()]);
  expect(device.offsets()).toEqual([1]);
});

test("appends beyond the limit are refused at once, with when to try again", async () => {
  const node = sessionNode({ clerk: { appendsMax: 5 } });
  node.store.hold();
  void node.desk.append(items("first", 1));
  await node.settle();
  void node.desk.append(items("ann", 5));
  const refused = expect(node.desk.append(items("bob", 1, {}, "b"))).rejects.toMatchObject({
    code: "store.unavailable",
    retryAfterMs: 1_000,
  });
  await node.settle();
  await refused;
  node.store.release();
  await node.settle();
});

test("reads beyond the queue's limit are refused, and the users come again", async () => {
  const node = sessionNode({ clerk: { readsMax: 2 } });
  node.store.hold();
  const devices = ["a", "b", "c", "d", "e"].map((user) => node.login(user));
  await node.settle();
  node.store.release();
  await node.advance(5_000);
  expect(devices.map((device) => device.welcome()?.head)).toEqual([0, 0, 0, 0, 0]);
});

test("inboxes that are too large to be read together are read one after the other", async () => {
  const node = sessionNode();
  const payload = `"${"x".repeat(READ_BYTES_MAX)}"`;
  const users = ["ann", "bob", "cid"];
  const large = users.map((user) => item(user, `for ${user}`, { payload }));
  await Promise.all([node.desk.append(large), node.settle()]);
  node.store.hold();
  const devices = users.map((user) => node.login(user));
  await node.settle();
  node.store.release();
  await node.settle();
  expect(devices.map((device) => device.offsets())).toEqual([[1], [1], [1]]);
  expect(node.store.count("read")).toBe(3);
});

test("settling waits for the store to be back, and forgets nothing", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  void node.desk.append(items("ann", 3));
  await node.settle();
  node.store.down.add("settle");
  device.ack(2);
  await node.advance(60_000);
  device.ack(1, 3);
  await node.settle();
  const tries = node.store.count("settle");
  expect(tries).toBeLessThan(20);
  node.store.down.clear();
  await node.advance(10_000);
  expect(await node.store.ledger("push")).toMatchObject({ acked: 3, pending: 0 });
});

test("settlements beyond the limit are given up, and their items come again", async () => {
  let lost = 0;
  const metrics = {
    ...noMetrics,
    counter: (name: string) => ({
      add: (amount = 1) => {
        if (name.includes("settlements_lost")) lost += amount;
      },
    }),
  };
  const node = sessionNode({ metrics, clerk: { settlementsMax: 2 } });
  const device = node.login("ann");
  await node.settle();
  void node.desk.append(items("ann", 5));
  await node.settle();
  node.store.down.add("settle");
  device.ackUpTo(1);
  await node.settle();
  device.ackUpTo(5);
  await node.settle();
  expect(lost).toBe(3);
  node.store.down.clear();
  await node.advance(10_000);
  expect(await node.store.ledger("push")).toMatchObject({ acked: 2, pending: 3 });
  const again = node.login("ann");
  await node.settle();
  expect(again.offsets()).toEqual([-3, -4, -5]);
});

test("a ledger asked for includes everything that was settled before", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  void node.desk.append(items("ann", 100));
  await node.settle();
  node.store.hold();
  device.ackUpTo(60);
  await node.settle();
  device.ackUpTo(100);
  await node.settle();
  const ledger = node.desk.ledger("push");
  node.store.release();
  await node.settle();
  expect(await ledger).toMatchObject({ accepted: 100, acked: 100, pending: 0 });
  expect(await Promise.all([node.desk.flush(), node.settle()])).toEqual([0, undefined]);
});

test("a flush fails when the store does", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  void node.desk.append(items("ann", 1));
  await node.settle();
  node.store.down.add("settle");
  node.store.hold();
  device.ack(1);
  await node.settle();
  const flushed = expect(node.desk.flush()).rejects.toMatchObject({ code: "store.unavailable" });
  await node.settle();
  node.store.release();
  await node.settle();
  await flushed;
});

test("what has expired is settled in batches, each second", async () => {
  const node = sessionNode({ clerk: { expireMax: 10 } });
  const expiresAt = node.clock.now() + 500;
  await Promise.all([node.desk.append(items("ann", 35, { expiresAt })), node.settle()]);
  await node.advance(1_000);
  const ledger = await node.store.ledger("push");
  expect(ledger).toMatchObject({ accepted: 35, expired: 35, pending: 0 });
  expect(ledgerGap(ledger)).toBe(0);
  expect(node.store.count("expire")).toBe(4);
});

test("ids of settled items are forgotten when their time has passed, not before", async () => {
  const node = sessionNode({ clerk: { keyTtlMs: 60_000, purgeMax: 2 } });
  const device = node.login("ann");
  await node.settle();
  void node.desk.append(items("ann", 5));
  await node.settle();
  device.ackUpTo(5);
  await node.advance(50_000);
  expect(await appendAgain(node)).toBe(0);
  await node.advance(30_000);
  expect(await appendAgain(node)).toBe(5);
});

test("a user who refused what was delivered looks again a moment later", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  const [user] = node.system.inspect({ under: "/users" });
  const ref = node.system.resolve(user!.path)!;
  // The answer to a flush is sent just before what was appended in the same round.
  const flushed = externalRef<Result<number>>("/flushed", () => {
    for (let n = 0; n < 10_000; n++) ref.send({ type: "kick", device: "nobody" });
    return true;
  });
  node.store.hold();
  void node.desk.append(items("bob", 1, {}, "b"));
  await node.settle();
  const settlement = { user: "ann", offset: 17, outcome: "acked" } as const;
  node.clerk.send({ type: "settle", settlements: [settlement] });
  node.clerk.send({ type: "flush", replyTo: flushed });
  void node.desk.append(items("ann", 1));
  await node.settle();
  node.store.release();
  await node.settle();
  expect(node.deadLetters.map(({ reason }) => reason)).toEqual(["mailbox-full"]);
  expect(device.offsets()).toEqual([]);
  await node.advance(1_000);
  expect(device.offsets().map(Math.abs)).toEqual([1]);
});

async function appendAgain(node: SessionNode): Promise<number> {
  const again = node.desk.append(items("ann", 5));
  await node.settle();
  return (await again).filter(({ fresh }) => fresh).length;
}
