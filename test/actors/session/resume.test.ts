import { expect, test } from "vitest";
import { pushToUser } from "../../../src/actors/session/broadcast.ts";
import { item, items, sessionNode } from "../../testkit/session-node.ts";

test("what was written and not confirmed comes again after a drop, in order, flagged", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  void node.desk.append(items("ann", 3));
  await node.settle();
  expect(device.offsets()).toEqual([1, 2, 3]);

  device.ack(2);
  device.drop();
  await node.settle();
  const again = node.attach(device.session, 1);
  await node.settle();
  expect(again.welcome()).toMatchObject({ recovered: true, gap: undefined, head: 3 });
  expect(again.offsets()).toEqual([-1, -3]);
});

test("what came while the device was away comes once it is back, unflagged", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  device.drop();
  await node.settle();
  void node.desk.append(items("ann", 2));
  void node.desk.append([item("ann", "loose", { ack: false })]);
  await node.settle();

  const again = node.attach(device.session, 0);
  await node.settle();
  expect(again.welcome()).toMatchObject({ session: "s1", recovered: true, head: 3 });
  expect(again.offsets()).toEqual([1, 2, 3]);
});

test("a push that wants no confirmation and may have been lost on the wire is a gap", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  void node.desk.append([item("ann", "a", { ack: false }), item("ann", "b", { ack: false })]);
  await node.settle();
  expect(device.offsets()).toEqual([1, 2]);
  device.drop();

  const again = node.attach(device.session, 1);
  await node.settle();
  expect(again.welcome()).toMatchObject({ recovered: false, gap: { after: 1, upTo: 2 }, head: 2 });
  expect(again.offsets()).toEqual([]);
});

test("a device that has handled everything has recovered", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  void node.desk.append([item("ann", "a", { ack: false })]);
  await node.settle();
  device.drop();

  const again = node.attach(device.session, 1);
  await node.settle();
  expect(again.welcome()).toMatchObject({ recovered: true, gap: undefined });
});

test("a device that does not say where it was has not recovered, without a gap", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  expect(device.welcome()).toMatchObject({ recovered: false, gap: undefined, head: 0 });
});

test("an offset that was never given out is not believed", async () => {
  const node = sessionNode();
  const device = node.login("ann", "phone", 1_000_000);
  await node.settle();
  expect(device.welcome()).toMatchObject({ recovered: false, gap: undefined, head: 0 });
  void node.desk.append(items("ann", 1));
  await node.settle();
  expect(device.offsets()).toEqual([1]);
});

test("a new session says what was let go before it began", async () => {
  const node = sessionNode({ perUserMax: 2 });
  await Promise.all([node.desk.append(items("ann", 5)), node.settle()]);
  const device = node.login("ann", "phone", 1);
  await node.settle();
  expect(device.welcome()).toMatchObject({ recovered: false, gap: { after: 1, upTo: 3 }, head: 5 });
  expect(device.offsets()).toEqual([4, 5]);
});

test("what waited for a user who never was here since is not flagged", async () => {
  const node = sessionNode();
  await Promise.all([node.desk.append(items("ann", 2)), node.settle()]);
  const device = node.login("ann");
  await node.settle();
  expect(device.offsets()).toEqual([1, 2]);
});

test("after a restart of the node what is pending is flagged", async () => {
  const before = sessionNode();
  const device = before.login("ann");
  await before.settle();
  void before.desk.append(items("ann", 2));
  await before.settle();
  expect(device.offsets()).toEqual([1, 2]);
  await before.system.stop({ deadlineMs: 100 });
  expect(device.closed()).toBe("draining");

  const node = sessionNode({ store: before.store, clock: before.clock });
  const again = node.login("ann", "phone", 0);
  await node.settle();
  expect(again.welcome()).toMatchObject({ recovered: true });
  expect(again.offsets()).toEqual([-1, -2]);
});

test("a session ends when the grace period passes without a connection", async () => {
  const node = sessionNode({ session: { graceMs: 1_000 } });
  const device = node.login("ann");
  await node.settle();
  device.drop();
  await node.advance(999);
  expect(node.system.inspect({ under: "/sessions" })).toHaveLength(1);
  await node.advance(1);
  expect(node.system.inspect({ under: "/sessions" })).toHaveLength(0);
  expect(node.system.inspect({ under: "/users" })).toHaveLength(0);
});

test("a session that nobody attaches to ends by itself", async () => {
  const node = sessionNode();
  node.openSession("ann", "phone");
  await node.advance(60_000);
  expect(node.system.inspect({ under: "/sessions" })).toHaveLength(0);
});

test("a connected session lives on, and needs no timer", async () => {
  const node = sessionNode({ clerk: { expireEveryMs: 3_600_000, purgeEveryMs: 3_600_000 } });
  node.login("ann");
  await node.advance(600_000);
  expect(node.system.inspect({ under: "/sessions" })).toHaveLength(1);
  expect(node.system.activity().timers).toBe(2);
});

test("a new connection replaces the old one, whose end then means nothing", async () => {
  const node = sessionNode();
  const first = node.login("ann");
  await node.settle();
  const second = node.attach(first.session);
  first.drop();
  await node.advance(61_000);
  expect(first.closed()).toBe("replaced");
  expect(second.closed()).toBeUndefined();
  void node.desk.append(items("ann", 1));
  await node.settle();
  expect(second.offsets()).toEqual([1]);
});

test("a session notices by itself that its connection is gone", async () => {
  const node = sessionNode({ session: { graceMs: 1_000 } });
  const device = node.login("ann");
  await node.settle();
  device.connection.accepting = false;
  pushToUser(node.system, "ann", { id: "v", topic: "t", payload: "{}", expiresAt: 9e15 });
  await node.settle();
  expect(node.tally).toMatchObject({ attached: 0, delivered: 0, shed: 1, written: 0 });
  await node.advance(1_000);
  expect(node.system.inspect({ under: "/sessions" })).toHaveLength(0);
});

test("a push refused by the old connection does not end the new one", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  device.connection.accepting = false;
  pushToUser(node.system, "ann", { id: "v", topic: "t", payload: "{}", expiresAt: 9e15 });
  const again = node.attach(device.session);
  await node.settle();
  expect(node.tally.attached).toBe(1);
  expect(again.closed()).toBeUndefined();
});

test("a device that says good-bye ends its session", async () => {
  const node = sessionNode();
  const { session, connection } = node.login("ann");
  await node.settle();
  session.send({ type: "detach", connection, final: true });
  await node.settle();
  expect(node.system.inspect({ under: "/sessions" })).toHaveLength(0);
  expect(node.tally.attached).toBe(0);
});

test.each(["kicked", "unauthorized", "credential-expired", "too-large"] as const)(
  "a session ends with its connection when that is closed as %s",
  async (reason) => {
    const node = sessionNode();
    const device = node.login("ann");
    await node.settle();
    device.session.send({ type: "close", reason });
    await node.settle();
    expect(device.closed()).toBe(reason);
    expect(node.system.inspect({ under: "/sessions" })).toHaveLength(0);
  },
);

test.each(["slow", "draining", "busy"] as const)(
  "a session waits for its device when the connection is closed as %s",
  async (reason) => {
    const node = sessionNode();
    const device = node.login("ann");
    await node.settle();
    device.session.send({ type: "close", reason });
    await node.settle();
    expect(device.closed()).toBe(reason);
    expect(node.attach(device.session).closed()).toBeUndefined();
    await node.settle();
    expect(node.system.inspect({ under: "/sessions" })).toHaveLength(1);
  },
);
