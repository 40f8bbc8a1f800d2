import { expect, test } from "vitest";
import { broadcast, pushToUser } from "../../../src/actors/session/broadcast.ts";
import { ledgerGap } from "../../../src/core/ledger.ts";
import { item, items, sessionNode } from "../../testkit/session-node.ts";

const volatile = {
  id: "v1",
  topic: "score",
  payload: "{}",
  expiresAt: Date.UTC(2026, 0, 1, 1),
};

test("a ping is answered by a pong with the same id and data", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  device.session.send({ type: "ping", id: 7, data: { a: 1 } });
  await node.settle();
  expect(device.connection.last).toEqual({ type: "pong", id: 7, data: { a: 1 } });
});

test("a push that wants no confirmation is delivered once it is written", async () => {
  const node = sessionNode();
  node.login("ann");
  await node.settle();
  void node.desk.append([item("ann", "a", { ack: false })]);
  await node.settle();
  expect(await node.store.ledger("push")).toMatchObject({ accepted: 1, delivered: 1, pending: 0 });
});

test("a push that wants confirmation is pending until it is confirmed", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  void node.desk.append(items("ann", 2));
  await node.settle();
  device.ack(2);
  await node.settle();
  expect(await node.store.ledger("push")).toMatchObject({ acked: 1, pending: 1 });
  device.ack(2, 1, 17);
  await node.settle();
  expect(await node.store.ledger("push")).toMatchObject({ acked: 2, pending: 0 });
});

test("a confirmation up to an offset covers all before it, and nothing not yet sent", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  void node.desk.append(items("ann", 3));
  await node.settle();
  device.ackUpTo(2);
  device.ackUpTo(1_000_000);
  await node.settle();
  void node.desk.append(items("ann", 1, {}, "later"));
  await node.settle();
  expect(await node.store.ledger("push")).toMatchObject({ acked: 3, pending: 1 });
});

test("a replay is written in chunks, each when the connection has room again", async () => {
  const node = sessionNode({ session: { chunkPushes: 2 } });
  await Promise.all([node.desk.append(items("ann", 5)), node.settle()]);
  const device = node.login("ann");
  await node.settle();
  expect(device.connection.received.map(({ type }) => type)).toEqual([
    "welcome",
    "push",
    "push",
    "when-drained",
  ]);
  void node.desk.append(items("ann", 1, {}, "live"));
  await node.settle();
  expect(device.offsets()).toEqual([1, 2]);

  device.session.send({ type: "drained" });
  await node.settle();
  expect(device.offsets()).toEqual([1, 2, 3, 4]);
  device.session.send({ type: "drained" });
  device.session.send({ type: "drained" });
  await node.settle();
  expect(device.offsets()).toEqual([1, 2, 3, 4, 5, 6]);
  expect(device.connection.received.filter(({ type }) => type === "when-drained")).toHaveLength(2);
});

test("a replay is paced by the size of the payloads, too", async () => {
  const node = sessionNode({ session: { chunkBytes: 100 } });
  const payload = JSON.stringify("x".repeat(60));
  await Promise.all([node.desk.append(items("ann", 4, { payload })), node.settle()]);
  const device = node.login("ann");
  await node.settle();
  expect(device.offsets()).toEqual([1, 2]);
});

test("pushes that want no confirmation come only beyond the device's offset", async () => {
  const node = sessionNode();
  const appended = [item("ann", "a", { ack: false }), item("ann", "b"), item("ann", "c")];
  await Promise.all([node.desk.append(appended), node.settle()]);
  const device = node.login("ann", "phone", 2);
  await node.settle();
  expect(device.offsets()).toEqual([-2, 3]);
  expect(await node.store.ledger("push")).toMatchObject({ delivered: 1, pending: 2 });
});

test("what expires while it waits is never written, and settled as expired", async () => {
  const node = sessionNode({ clerk: { expireEveryMs: 3_600_000 } });
  const device = node.login("ann");
  await node.settle();
  device.drop();
  const soon = node.clock.now() + 1_000;
  void node.desk.append([item("ann", "a", { expiresAt: soon }), item("ann", "b")]);
  await node.advance(1_000);
  const again = node.attach(device.session, 0);
  void node.desk.append([item("ann", "c", { expiresAt: soon })]);
  await node.settle();
  expect(again.offsets()).toEqual([2]);
  expect(await node.store.ledger("push")).toMatchObject({ expired: 2, pending: 1 });
});

test("pushes beyond what a session keeps wait in the store until there is room", async () => {
  const node = sessionNode({ session: { retainedMax: 4 } });
  const device = node.login("ann");
  await node.settle();
  for (let n = 0; n < 10; n++) void node.desk.append([item("ann", `m${n}`)]);
  await node.settle();
  expect(device.offsets()).toEqual([1, 2, 3, 4]);

  device.ackUpTo(3);
  await node.settle();
  expect(device.offsets()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  device.ackUpTo(7);
  await node.settle();
  device.ackUpTo(10);
  await node.settle();
  expect(device.offsets()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(await node.store.ledger("push")).toMatchObject({ acked: 10, pending: 0 });
});

test("payloads beyond what a session keeps wait in the store until there is room", async () => {
  const node = sessionNode({ session: { retainedBytesMax: 100 } });
  const device = node.login("ann");
  await node.settle();
  void node.desk.append(items("ann", 12, { payload: JSON.stringify("x".repeat(28)) }));
  await node.settle();
  expect(device.offsets()).toEqual([1, 2, 3, 4]);
  device.ackUpTo(1);
  await node.settle();
  expect(device.offsets()).toEqual([1, 2, 3, 4]);
  device.ackUpTo(3);
  await node.settle();
  expect(device.offsets()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  device.drop();
  const again = node.attach(device.session, 7);
  await node.settle();
  again.ackUpTo(7);
  for (let upTo = 8; upTo <= 12; upTo += 1) {
    await node.settle();
    again.ackUpTo(upTo);
  }
  await node.settle();
  expect(await node.store.ledger("push")).toMatchObject({ acked: 12, pending: 0 });
});

test("what has expired makes room for what comes, even if it is never confirmed", async () => {
  const node = sessionNode({ session: { retainedMax: 4 } });
  const device = node.login("ann");
  await node.settle();
  void node.desk.append(items("ann", 6, { expiresAt: node.clock.now() + 5_000 }));
  await node.advance(10_000);
  expect(device.offsets()).toEqual([1, 2, 3, 4]);
  void node.desk.append(items("ann", 2, {}, "later"));
  await node.settle();
  expect(device.offsets()).toEqual([1, 2, 3, 4, 7, 8]);
  expect(await node.store.ledger("push")).toMatchObject({ expired: 6, pending: 2 });
});

test("a full session that comes back gets everything, in order", async () => {
  const node = sessionNode({ session: { retainedMax: 4 } });
  const device = node.login("ann");
  await node.settle();
  device.drop();
  void node.desk.append(items("ann", 20, { ack: false }));
  await node.settle();
  const again = node.attach(device.session, 0);
  await node.settle();
  expect(again.offsets()).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  expect(again.welcome()).toMatchObject({ recovered: true, head: 20 });
});

test("a device comes again when the store let go what it was to get", async () => {
  const node = sessionNode({ session: { retainedMax: 2 }, perUserMax: 4 });
  const device = node.login("ann");
  await node.settle();
  for (let n = 0; n < 8; n++) void node.desk.append([item("ann", `m${n}`)]);
  await node.settle();
  device.ackUpTo(2);
  await node.settle();
  expect(device.closed()).toBe("slow");
  const again = node.attach(device.session, 2);
  await node.settle();
  expect(again.welcome()).toMatchObject({ recovered: false, gap: { after: 2, upTo: 4 } });
  expect(again.offsets()).toEqual([5, 6]);
});

test("a broadcast reaches every connected session, and is counted", async () => {
  const node = sessionNode();
  const devices = ["ann", "bob", "cid"].map((user) => node.login(user));
  await node.settle();
  devices[2]!.drop();
  await node.settle();
  expect(broadcast(node.system, volatile, node.tally)).toBe(3);
  await node.settle();
  const [a, b] = devices.map((device) => device.pushes()[0]);
  expect(a!.push.wire).toBe(b!.push.wire);
  expect(a!.push.offset).toBeUndefined();
  const ledger = node.tally.ledger();
  expect(ledger).toMatchObject({ accepted: 3, delivered: 2, shed: 1, pending: 0 });
  expect(ledgerGap(ledger)).toBe(0);
});

test("an expired broadcast reaches nobody, and is counted so", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  broadcast(node.system, { ...volatile, expiresAt: node.clock.now() }, node.tally);
  await node.settle();
  expect(device.pushes()).toEqual([]);
  expect(node.tally.ledger()).toMatchObject({ accepted: 1, expired: 1 });
});

test("a volatile push reaches all devices of a user who is here", async () => {
  const node = sessionNode();
  const devices = [node.login("ann", "phone"), node.login("ann", "tablet")];
  await node.settle();
  expect(pushToUser(node.system, "ann", volatile)).toBe(true);
  expect(pushToUser(node.system, "bob", volatile)).toBe(false);
  await node.settle();
  expect(devices.map((device) => device.pushes().length)).toEqual([1, 1]);
  expect(node.tally.ledger()).toMatchObject({ accepted: 2, delivered: 2 });
});

test("volatile pushes that a session has no room for are shed", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  for (let n = 0; n < 3_000; n++) broadcast(node.system, volatile, node.tally);
  await node.settle();
  for (const letter of node.deadLetters) node.tally.deadLetter(letter);
  const ledger = node.tally.ledger();
  expect(ledger.delivered).toBe(device.pushes().length);
  expect(ledger.shed).toBe(1_000);
  expect(ledgerGap(ledger)).toBe(0);
});
