import { expect, test } from "vitest";
import type { Device } from "../../testkit/session-node.ts";
import { type RoutingNode, routingNode, type Talker } from "../session/routing-node.ts";

async function pair(node: RoutingNode = routingNode()): Promise<[RoutingNode, Talker]> {
  node.relations.bind("ann", "lamp");
  const [ann] = await node.talkers("ann");
  return [node, ann!];
}

/** The status pushes of a talker, as `online lamp`. */
function told(talker: Talker): string[] {
  return talker.statuses().map((status) => status.replace("device.", ""));
}

test("the first session is online, the last offline: one event each to who may know", async () => {
  const node = routingNode();
  node.relations.family("ann", { ben: "member", eve: "guest" }, ["lamp"]);
  const watchers = await node.talkers("ann", "ann", "ben", "eve", "zoe");
  const before = watchers.map((watcher) => watcher.statuses().length);
  const lamps = await node.talkers("board:lamp", "board:lamp", "board:lamp");
  const news = () => watchers.map((watcher, index) => watcher.statuses().slice(before[index]));
  const online = ["device.online board:lamp"];
  expect(news()).toEqual([online, online, online, online, []]);
  lamps[0]!.drop();
  lamps[1]!.drop();
  await node.settle();
  expect(news()).toEqual([online, online, online, online, []]);
  lamps[2]!.drop();
  await node.settle();
  const both = [...online, "device.offline board:lamp"];
  expect(news()).toEqual([both, both, both, both, []]);
});

test("an offline says when it was last seen, and who and what it is about", async () => {
  const [node, ann] = await pair();
  const [lamp] = await node.talkers("board:lamp");
  lamp!.drop();
  await node.settle();
  const { topic, payload, offset } = ann.pushes().at(-1)!.push;
  expect({ topic, offset }).toEqual({ topic: "herald.status", offset: undefined });
  const now = node.clock.now();
  expect(JSON.parse(payload)).toEqual({
    ...{ event: "device.offline", type: 10, about: "board:lamp", board: "lamp" },
    ...{ lastSeen: now, at: now },
  });
});

test("it is announced without any pause", async () => {
  const [node, ann] = await pair();
  const at = node.clock.monotonic();
  await node.talkers("board:lamp");
  expect(told(ann)).toEqual(["online board:lamp"]);
  expect(node.clock.monotonic() - at).toBeLessThan(100);
});

test("whoever becomes related while both are here learns of the other once", async () => {
  const [node, ann] = await pair();
  const [ben] = await node.talkers("ben");
  const [lamp] = await node.talkers("board:lamp");
  node.relations.bind("ben", "lamp", "member");
  await node.settle();
  expect(told(ben!)).toEqual(["online board:lamp"]);
  expect(told(lamp!)).toEqual(["online user:ben"]);
  expect(told(ann)).toEqual(["online board:lamp"]);
});

test("a board that left as nobody's is not told to the next owner as online", async () => {
  const [node] = await pair();
  const [ben] = await node.talkers("ben");
  const [lamp] = await node.talkers("board:lamp");
  node.relations.view("board:lamp", {});
  await node.settle();
  lamp!.drop();
  await node.settle();
  node.relations.bind("ben", "lamp");
  await node.settle();
  expect(told(ben!)).toEqual([]);
  node.attach(lamp!.session);
  await node.settle();
  expect(told(ben!)).toEqual(["online board:lamp"]);
});

test("a board that came while it was nobody's is told as online to the next owner", async () => {
  const [node] = await pair();
  const [ben] = await node.talkers("ben");
  const [lamp] = await node.talkers("board:lamp");
  lamp!.drop();
  await node.settle();
  node.relations.view("board:lamp", {});
  node.attach(lamp!.session);
  await node.settle();
  node.relations.bind("ben", "lamp");
  await node.settle();
  expect(told(ben!)).toEqual(["online board:lamp"]);
});

test("flapping is held until it is over, and then told only if it changed anything", async () => {
  const [node, ann] = await pair();
  let lamp = node.talker("board:lamp", "one");
  for (let round = 0; round < 20; round += 1) {
    await node.advance(50);
    lamp.drop();
    await node.advance(50);
    lamp = node.talks(node.attach(lamp.session));
  }
  await node.settle();
  // Four changes are told at once, the last of them an offline.
  const held = ["online", "offline", "online", "offline"].map((what) => `${what} board:lamp`);
  expect(told(ann)).toEqual(held);
  await node.advance(4_999);
  expect(told(ann)).toEqual(held);
  await node.advance(1);
  expect(told(ann)).toEqual([...held, "online board:lamp"]);
  await node.advance(60_000);
  expect(told(ann)).toHaveLength(5);
});

test("flapping that ends as it began tells nothing more", async () => {
  const [node, ann] = await pair();
  let lamp = node.talker("board:lamp", "one");
  for (let round = 0; round < 3; round += 1) {
    await node.settle();
    lamp.drop();
    await node.settle();
    lamp = node.talks(node.attach(lamp.session));
  }
  await node.settle();
  lamp.drop();
  await node.advance(30_000);
  expect(told(ann)).toHaveLength(4);
  expect(told(ann).at(-1)).toBe("offline board:lamp");
});

test("an offline that was held back says when the device left, not when it is told", async () => {
  const presence = { changesMax: 3, windowMs: 10_000, holdMs: 5_000 };
  const [node, ann] = await pair(routingNode({ user: { presence } }));
  const first = node.talker("board:lamp", "one");
  await node.settle();
  first.drop();
  await node.settle();
  const lamp = node.talks(node.attach(first.session));
  await node.advance(4_000);
  lamp.drop();
  const left = node.clock.now();
  await node.advance(10_000);
  expect(told(ann)).toEqual(
    ["online", "offline", "online", "offline"].map((it) => `${it} board:lamp`),
  );
  const { lastSeen, at } = JSON.parse(ann.pushes().at(-1)!.push.payload);
  expect([lastSeen, at]).toEqual([left, left + 5_000]);
});

test("a device that says good-bye each time is held, too", async () => {
  const [node, ann] = await pair();
  for (let round = 0; round < 10; round += 1) {
    const lamp = node.talker("board:lamp", "one");
    await node.settle();
    lamp.session.send({ type: "detach", connection: lamp.connection, final: true });
    await node.settle();
  }
  expect(told(ann)).toHaveLength(4);
  await node.advance(60_000);
  expect(told(ann)).toHaveLength(4);
  expect(node.system.inspect({ under: "/users" })).toHaveLength(1);
});

test("changes that are far enough apart are all told", async () => {
  const [node, ann] = await pair();
  let lamp = node.talker("board:lamp", "one");
  for (let round = 0; round < 5; round += 1) {
    await node.advance(6_000);
    lamp.drop();
    await node.advance(6_000);
    lamp = node.talks(node.attach(lamp.session));
  }
  await node.settle();
  expect(told(ann)).toHaveLength(11);
});

test("who is connected is told to the desk, for last seen, also without relations", async () => {
  const node = routingNode();
  const [zoe] = await node.talkers("zoe");
  zoe!.drop();
  await node.settle();
  expect(node.relations.seen).toEqual(["zoe", "zoe"]);
});

test("whoever becomes related to one that comes and goes too often learns of it, too", async () => {
  const presence = { changesMax: 3, windowMs: 10_000, holdMs: 5_000 };
  const [node] = await pair(routingNode({ user: { presence } }));
  const [ben] = await node.talkers("ben");
  let [lamp]: Device[] = await node.talkers("board:lamp");
  for (let times = 0; times < 4; times += 1) {
    lamp!.drop();
    await node.settle();
    lamp = node.attach(lamp!.session);
    await node.settle();
  }
  node.relations.bind("ben", "lamp", "member");
  await node.settle();
  node.clock.advance(60_000);
  await node.settle();
  expect(told(ben!).filter((line) => line.endsWith("lamp"))).toEqual(["online board:lamp"]);
});
