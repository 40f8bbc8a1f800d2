import { expect, test } from "vitest";
import { userKind } from "../../../src/actors/user/messages.ts";
import { item, items, sessionNode } from "../../testkit/session-node.ts";

test("every device of a user gets every push, once and in order", async () => {
  const node = sessionNode();
  const phone = node.login("ann", "phone");
  await node.settle();
  void node.desk.append(items("ann", 2));
  await node.settle();
  const tablet = node.login("ann", "tablet");
  void node.desk.append(items("ann", 2, {}, "later"));
  await node.settle();
  expect(phone.offsets()).toEqual([1, 2, 3, 4]);
  expect(tablet.offsets().map(Math.abs)).toEqual([1, 2, 3, 4]);
});

test("the first device that confirms a push settles it", async () => {
  const node = sessionNode();
  const [phone, tablet] = [node.login("ann", "phone"), node.login("ann", "tablet")];
  await node.settle();
  void node.desk.append(items("ann", 1));
  await node.settle();
  phone.ack(1);
  await node.settle();
  tablet.ack(1);
  await node.settle();
  expect(await node.store.ledger("push")).toMatchObject({ accepted: 1, acked: 1, pending: 0 });
});

test("a device that logs in again replaces only its own older session", async () => {
  const node = sessionNode();
  const [phone, tablet] = [node.login("ann", "phone"), node.login("ann", "tablet")];
  await node.settle();
  const again = node.login("ann", "phone");
  await node.settle();
  expect(phone.closed()).toBe("replaced");
  expect(tablet.closed()).toBeUndefined();
  expect(again.welcome()).toBeDefined();
  expect(node.system.inspect({ under: "/sessions" })).toHaveLength(2);
});

test("what was written to the session before is flagged for the one that replaces it", async () => {
  const node = sessionNode();
  node.login("ann", "phone");
  await node.settle();
  void node.desk.append(items("ann", 1));
  await node.settle();
  const again = node.login("ann", "phone");
  await node.settle();
  expect(again.offsets()).toEqual([-1]);
});

test("what is recorded while the inbox is read comes, too, in order", async () => {
  const node = sessionNode();
  await Promise.all([node.desk.append(items("ann", 2)), node.settle()]);
  node.store.hold();
  const device = node.login("ann");
  await node.settle();
  void node.desk.append(items("ann", 2, {}, "later"));
  await node.settle();
  expect(device.welcome()).toBeUndefined();
  node.store.release();
  await node.settle();
  expect(device.welcome()).toMatchObject({ head: 2 });
  expect(device.offsets()).toEqual([1, 2, 3, 4]);
});

test("an inbox older than what was delivered is not believed but read again", async () => {
  const node = sessionNode();
  const { read } = node.store;
  let reads = 0;
  node.store.read = async (users, now) => {
    const inboxes = await read(users, now);
    reads++;
    return reads > 2 ? inboxes : inboxes.map((one) => ({ ...one, head: 0, items: [] }));
  };
  node.store.hold();
  const device = node.login("ann");
  await node.settle();
  const user = node.system.find(userKind, "ann")!;
  user.send({ type: "deliver", items: [{ ...item("ann", "m1"), offset: 1 }] });
  void node.store.append(items("ann", 1));
  node.store.release();
  await node.advance(1_000);
  expect(reads).toBe(3);
  expect(device.offsets().map(Math.abs)).toEqual([1]);
});

test("an item that got lost on its way is fetched when the next one comes", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  await node.store.append([item("ann", "lost")]);
  void node.desk.append([item("ann", "next")]);
  await node.settle();
  expect(device.offsets()).toEqual([1, 2]);
});

test("an append whose answer was lost reaches the devices when it is repeated", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  await node.store.append([item("ann", "a")]);
  void node.desk.append([item("ann", "a")]);
  await node.settle();
  expect(device.offsets()).toEqual([1]);
});

test("sessions wait while the store is unavailable, and are welcomed when it is back", async () => {
  const node = sessionNode();
  node.store.down.add("read");
  const device = node.login("ann", "phone", 0);
  await node.advance(30_000);
  expect(device.connection.received).toEqual([]);
  const tries = node.store.count("read");
  expect(tries).toBeGreaterThan(5);
  expect(tries).toBeLessThan(20);
  node.store.down.clear();
  await node.advance(5_000);
  expect(device.welcome()).toMatchObject({ recovered: true, head: 0 });
});

test("a kick closes one device, or all of them", async () => {
  const node = sessionNode();
  const devices = ["phone", "tablet", "watch"].map((name) => node.login("ann", name));
  await node.settle();
  const user = node.system.find(userKind, "ann")!;
  user.send({ type: "kick", device: "tablet" });
  await node.settle();
  expect(devices.map((device) => device.closed())).toEqual([undefined, "kicked", undefined]);
  user.send({ type: "kick", device: undefined });
  await node.settle();
  expect(devices.map((device) => device.closed())).toEqual(["kicked", "kicked", "kicked"]);
  expect(node.system.find(userKind, "ann")).toBeUndefined();
});

test("a session that begins while its user ends finds the next one", async () => {
  const node = sessionNode();
  const { session, connection } = node.login("ann");
  await node.settle();
  const user = node.system.find(userKind, "ann")!;
  session.send({ type: "detach", connection, final: true });
  user.send({ type: "close-session", sessionId: "s1" });
  const again = node.login("ann");
  await node.advance(1_000);
  expect(again.welcome()).toBeDefined();
  expect(node.system.find(userKind, "ann")).not.toBe(user);
});

test("a session whose user is too busy introduces itself again a moment later", async () => {
  const node = sessionNode();
  node.login("ann", "phone");
  await node.settle();
  const user = node.system.find(userKind, "ann")!;
  const tablet = node.login("ann", "tablet");
  for (let n = 0; n < 10_000; n++) user.send({ type: "kick", device: "nobody" });
  await node.settle();
  expect(tablet.welcome()).toBeUndefined();
  await node.advance(1_000);
  expect(tablet.welcome()).toBeDefined();
});

test("sessions of a user that crashed find the next one and miss nothing", async () => {
  const node = sessionNode({ crashesAllowed: true });
  const device = node.login("ann");
  await node.settle();
  void node.desk.append(items("ann", 1));
  await node.settle();
  const user = node.system.find(userKind, "ann")!;
  user.send({ type: "deliver", items: undefined as never });
  await node.settle();
  expect(node.crashes).toHaveLength(1);
  void node.desk.append(items("ann", 1, {}, "meanwhile"));
  await node.advance(1_000);
  void node.desk.append(items("ann", 1, {}, "later"));
  await node.settle();
  expect(device.offsets()).toEqual([1, 2, 3]);
});

test("a session that crashed closes its connection and is forgotten by its user", async () => {
  const node = sessionNode({ crashesAllowed: true });
  const device = node.login("ann");
  await node.settle();
  device.session.send({ type: "push", push: undefined as never, redelivered: false });
  await node.settle();
  expect(device.closed()).toBe("internal");
  expect(node.system.find(userKind, "ann")).toBeUndefined();
  expect(node.tally.attached).toBe(0);
});

test("a session that ends while its user is too busy is forgotten all the same", async () => {
  const node = sessionNode();
  const { session } = node.login("ann");
  await node.settle();
  const user = node.system.find(userKind, "ann")!;
  while (user.send({ type: "kick", device: "nobody" }));
  node.system.stopActor(session);
  await node.settle();
  expect(node.system.find(userKind, "ann")).toBeUndefined();
});

test("a session that is too busy when its user crashes finds the next one", async () => {
  const node = sessionNode({ crashesAllowed: true });
  const device = node.login("ann");
  await node.settle();
  const user = node.system.find(userKind, "ann")!;
  user.send({ type: "deliver", items: undefined as never });
  while (device.session.send({ type: "ack", offsets: [], upTo: -1 }));
  await node.advance(1_000);
  void node.desk.append(items("ann", 1));
  await node.settle();
  expect(device.offsets()).toEqual([1]);
});

test("a device is kicked although its session is too busy", async () => {
  const node = sessionNode();
  const device = node.login("ann");
  await node.settle();
  node.system.find(userKind, "ann")!.send({ type: "kick", device: undefined });
  while (device.session.send({ type: "ack", offsets: [], upTo: -1 }));
  await node.settle();
  expect(device.closed()).toBe("kicked");
});
