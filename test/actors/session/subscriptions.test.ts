import { expect, test } from "vitest";
import type { Ref } from "../../../src/actors/kernel/actor.ts";
import type { ConnectionMessage, SessionMessage } from "../../../src/actors/session/messages.ts";
import {
  type Subscribed,
  type TopicNotice,
  topicKind,
} from "../../../src/actors/topic/messages.ts";
import type { DeviceRequest, Grants } from "../../../src/core/device-request.ts";
import type { Result } from "../../../src/core/result.ts";
import { type Probe, probe } from "../../testkit/kit.ts";
import { items, type SessionNodeOptions, sessionNode } from "../../testkit/session-node.ts";

const ALL: Grants = { subscribe: ["*"], publish: ["*"] };

/** What a device was told, without the welcome and pushes, in a few words each. */
function wordsOf(connection: Probe<ConnectionMessage>): string[] {
  return connection.received.flatMap((message) => {
    if (message.type === "publication") {
      const { topic, offset, payload } = message.publication;
      return [`${topic}#${offset} ${payload}`];
    }
    if (message.type !== "frame") return [];
    const { frame } = message;
    switch (frame.type) {
      case "subscribed":
      case "resubscribed":
        return [`${frame.type} ${frame.offset} ${frame.recovered ? "recovered" : "new"}`];
      case "error":
        return [`error ${frame.id ?? "-"} ${frame.code}`];
      case "joined":
      case "left":
        return [`${frame.type} ${frame.who.principal}`];
      case "occupancy":
        return [`occupancy of ${frame.count}`];
      default:
        return [frame.type];
    }
  });
}

async function start(options: SessionNodeOptions = {}) {
  const node = sessionNode(options);
  const device = async (user: string, allowed: Grants | null = ALL) => {
    const session = node.openSession(user, "phone");
    const grants = allowed ?? undefined;
    const connect = async () => {
      const connection = probe<ConnectionMessage>(`/connections/${session.path}`);
      session.send({ type: "attach", connection, offset: -1, grants });
      await node.settle();
      return connection;
    };
    const connection = await connect();
    const ask = async (request: DeviceRequest) => {
      session.send({ type: "request", request });
      await node.settle();
    };
    const place = () => {
      const told = connection.received.findLast(
        (it) => it.type === "frame" && it.frame.type === "subscribed",
      );
      if (told?.type !== "frame" || told.frame.type !== "subscribed") throw new Error("not yet");
      return { epoch: told.frame.epoch, offset: told.frame.offset };
    };
    const drop = async () => {
      session.send({ type: "detach", connection, final: false });
      await node.settle();
    };
    return { session, connection, connect, ask, place, drop, words: () => wordsOf(connection) };
  };
  const crash = (topic: string) => {
    // A message that no topic knows ends its actor as a fault of its own would.
    const broken = {
      type: "publish",
      get payload(): string {
        throw new Error("on request");
      },
    };
    node.system.entity(topicKind, topic).send(broken as never);
  };
  return { ...node, device, crash };
}

/** Leaves a session's mailbox with room for so many. */
function fill(session: Ref<SessionMessage>, room = 0): void {
  for (let n = room; n < 2_000; n += 1) session.send({ type: "ack", offsets: [], upTo: -1 });
}

test("a device gets what is published after it subscribed, its own included", async () => {
  const { device } = await start();
  const [a, b] = [await device("a"), await device("b")];
  await a.ask({ type: "subscribe", id: 1, topic: "news" });
  await b.ask({ type: "publish", id: 1, topic: "news", payload: { text: "ü" } });
  await a.ask({ type: "publish", id: 2, topic: "news", payload: 2 });
  await a.ask({ type: "unsubscribe", id: 3, topic: "news" });
  await b.ask({ type: "publish", id: 2, topic: "news", payload: 3 });
  expect(a.words()).toEqual([
    ...["subscribed 0 new", 'news#1 {"text":"ü"}', "news#2 2", "published", "unsubscribed"],
  ]);
  expect(b.words()).toEqual(["published", "published"]);
});

test("what the credential does not allow is refused, and says what", async () => {
  const { device } = await start();
  const grants = { subscribe: ["room.*"], publish: [] };
  const a = await device("a", grants);
  await a.ask({ type: "subscribe", id: 1, topic: "news" });
  await a.ask({ type: "publish", id: 2, topic: "room.1", payload: 1 });
  await a.ask({ type: "who", id: 3, topic: "news" });
  await a.ask({ type: "subscribe", id: 4, topic: "room.1" });
  const none = await device("b", null);
  await none.ask({ type: "subscribe", id: 1, topic: "room.1" });
  expect(a.words()).toEqual([
    ...["error 1 topic.forbidden", "error 2 topic.forbidden", "error 3 topic.forbidden"],
    "subscribed 0 new",
  ]);
  expect(none.words()).toEqual(["error 1 topic.forbidden"]);
});

test("a device that says where it was gets what it missed, before what follows", async () => {
  const { device } = await start();
  const [a, b] = [await device("a"), await device("b")];
  await a.ask({ type: "subscribe", id: 1, topic: "news" });
  const { epoch } = a.place();
  await b.ask({ type: "publish", id: 1, topic: "news", payload: 1 });
  await a.drop();
  await b.ask({ type: "publish", id: 2, topic: "news", payload: 2 });
  const again = await a.connect();
  await b.ask({ type: "publish", id: 3, topic: "news", payload: 3 });
  await a.ask({ type: "subscribe", id: 2, topic: "news", epoch, offset: 1 });
  await b.ask({ type: "publish", id: 4, topic: "news", payload: 4 });
  expect(wordsOf(again)).toEqual([
    ...["subscribed 3 recovered", "news#2 2", "news#3 3", "news#4 4"],
  ]);
});

test("who leaves without a word has left, for those who want to know", async () => {
  const { device } = await start();
  const [a, b] = [await device("a"), await device("b")];
  await a.ask({ type: "subscribe", id: 1, topic: "room", presence: true });
  await b.ask({ type: "subscribe", id: 1, topic: "room" });
  await b.drop();
  expect(a.words()).toEqual([
    ...["subscribed 0 new", "occupancy of 1", "joined user:b", "left user:b"],
  ]);
});

test("who had no room for hearing who comes or goes is told how many there are", async () => {
  const { device, system, settle, advance } = await start();
  const a = await device("a");
  await a.ask({ type: "subscribe", id: 1, topic: "room", presence: true });
  const topic = system.entity(topicKind, "room");
  topic.send({
    ...{ type: "subscribe", session: probe<TopicNotice>(), sessionId: "other" },
    ...{ principal: "user:b", presence: false, since: undefined },
    replyTo: probe<Result<Subscribed>>(),
  });
  fill(a.session);
  await settle();
  expect(a.words()).toEqual(["subscribed 0 new", "occupancy of 1"]);
  await advance(50);
  topic.send({ type: "unsubscribe", sessionId: "other" });
  await settle();
  expect(a.words().slice(2)).toEqual(["occupancy of 2", "left user:b"]);
});

test("a topic that crashes is subscribed to again, and the loss is said", async () => {
  const { device, crash, advance } = await start({ crashesAllowed: true });
  const [a, b] = [await device("a"), await device("b")];
  await a.ask({ type: "subscribe", id: 1, topic: "news" });
  await b.ask({ type: "publish", id: 1, topic: "news", payload: 1 });
  // Its mailbox has no room, and it hears of the end all the same.
  crash("news");
  fill(a.session);
  await advance(100);
  await b.ask({ type: "publish", id: 2, topic: "news", payload: 2 });
  expect(a.words()).toEqual([
    ...["subscribed 0 new", "news#1 1", "resubscribed 0 new", "news#1 2"],
  ]);
});

test("a topic without room for a subscriber is asked again", async () => {
  const { device, system, settle, advance } = await start();
  const a = await device("a");
  a.session.send({ type: "request", request: { type: "subscribe", id: 1, topic: "news" } });
  const topic = system.entity(topicKind, "news");
  while (topic.send({ type: "unsubscribe", sessionId: "other" }));
  await settle();
  expect(a.words()).toEqual([]);
  await advance(75);
  expect(a.words()).toEqual(["subscribed 0 new"]);
});

test("however small it is, what was missed comes in pieces, as the device takes it", async () => {
  const { device, system, settle } = await start({ topic: { historyMax: 1_000 } });
  const a = await device("a");
  await a.ask({ type: "subscribe", id: 1, topic: "news" });
  const { epoch } = a.place();
  await a.drop();
  const topic = system.entity(topicKind, "news");
  for (let n = 1; n <= 600; n += 1) topic.send({ type: "publish", payload: "1", from: undefined });
  const again = await a.connect();
  await a.ask({ type: "subscribe", id: 2, topic: "news", epoch, offset: 0 });
  const count = () => wordsOf(again).filter((word) => word.startsWith("news#")).length;
  const counts = [count()];
  while (again.last.type === "when-drained") {
    a.session.send({ type: "drained" });
    await settle();
    counts.push(count());
  }
  expect(counts).toEqual([256, 512, 600]);
  topic.send({ type: "publish", payload: "last", from: undefined });
  await settle();
  expect(wordsOf(again).at(-1)).toBe("news#601 last");
});

test("what was missed of many topics comes in pieces, too, one topic after the other", async () => {
  const { device, system, settle } = await start();
  const a = await device("a");
  const topics = ["x", "y", "z"];
  const epochs: string[] = [];
  for (const [id, topic] of topics.entries()) {
    await a.ask({ type: "subscribe", id, topic });
    epochs.push(a.place().epoch);
  }
  await a.drop();
  const payload = JSON.stringify("x".repeat(10_000));
  const publish = (topic: string) =>
    system.entity(topicKind, topic).send({ type: "publish", payload, from: undefined });
  for (const topic of topics) for (let n = 1; n <= 7; n += 1) publish(topic);
  const again = await a.connect();
  for (const [id, topic] of topics.entries()) {
    await a.ask({ type: "subscribe", id, topic, epoch: epochs[id]!, offset: 0 });
  }
  const places = () => wordsOf(again).flatMap((word) => word.match(/^[xyz]#\d/) ?? []);
  const counts = [places().length];
  const asked = () => again.received.filter(({ type }) => type === "when-drained").length;
  for (let before = 0; before < asked(); ) {
    before = asked();
    a.session.send({ type: "drained" });
    await settle();
    counts.push(places().length);
  }
  expect(Math.max(...counts.map((count, at) => count - (counts[at - 1] ?? 0)))).toBe(4);
  const all = topics.map((topic) => [1, 2, 3, 4, 5, 6, 7].map((n) => `${topic}#${n}`));
  const byTopic = topics.map((topic) => places().filter((place) => place.startsWith(topic)));
  expect(byTopic).toEqual(all);
  for (const topic of topics) publish(topic);
  await settle();
  expect(places().slice(-3)).toEqual(["x#8", "y#8", "z#8"]);
});

test("what was missed of a topic waits for room where many pushes were missed", async () => {
  const { device, system, settle, desk } = await start();
  const a = await device("a");
  await a.ask({ type: "subscribe", id: 1, topic: "news" });
  const { epoch } = a.place();
  await a.drop();
  const payload = JSON.stringify("x".repeat(20_000));
  await Promise.all([desk.append(items("a", 2, { payload })), settle()]);
  system.entity(topicKind, "news").send({ type: "publish", payload: "1", from: undefined });
  const again = await a.connect();
  await a.ask({ type: "subscribe", id: 2, topic: "news", epoch, offset: 0 });
  expect(wordsOf(again)).toEqual(["subscribed 1 recovered"]);
  a.session.send({ type: "drained" });
  await settle();
  expect(wordsOf(again)).toEqual(["subscribed 1 recovered", "news#1 1"]);
});

test("what its topic lets go of while a device recovers is told as lost", async () => {
  const { device, system, settle } = await start({ topic: { historyMax: 300 } });
  const a = await device("a");
  await a.ask({ type: "subscribe", id: 1, topic: "news" });
  const { epoch } = a.place();
  await a.drop();
  const topic = system.entity(topicKind, "news");
  const publish = async (count: number) => {
    for (let n = 1; n <= count; n += 1)
      topic.send({ type: "publish", payload: "1", from: undefined });
    await settle();
  };
  await publish(300);
  const again = await a.connect();
  await a.ask({ type: "subscribe", id: 2, topic: "news", epoch, offset: 0 });
  await publish(300);
  a.session.send({ type: "drained" });
  await settle();
  expect(wordsOf(again).slice(-2)).toEqual(["news#256 1", "resubscribed 600 new"]);
  await publish(1);
  expect(wordsOf(again).at(-1)).toBe("news#601 1");
});

test("what a full mailbox refused is taken from history, in order and once", async () => {
  const { device, system, settle } = await start();
  const a = await device("a");
  await a.ask({ type: "subscribe", id: 1, topic: "news" });
  const topic = system.entity(topicKind, "news");
  for (let n = 1; n <= 5; n += 1) topic.send({ type: "publish", payload: `${n}`, from: undefined });
  // The session's own mailbox has no room for the first of them.
  fill(a.session, 2);
  await settle();
  topic.send({ type: "publish", payload: "6", from: undefined });
  await settle();
  const published = a.words().filter((word) => word.startsWith("news#"));
  expect(published).toEqual([1, 2, 3, 4, 5, 6].map((n) => `news#${n} ${n}`));
});

test("more topics than a session may have are refused, and the others stay", async () => {
  const { device } = await start({ session: { subscriptionsMax: 2 } });
  const a = await device("a");
  for (const [id, topic] of ["x", "y", "z", "x"].entries()) {
    await a.ask({ type: "subscribe", id, topic });
  }
  expect(a.words()).toEqual([
    ...["subscribed 0 new", "subscribed 0 new", "error 2 route.too-many", "subscribed 0 new"],
  ]);
});

test("each of two requests for one topic has its answer", async () => {
  const { device, settle } = await start();
  const a = await device("a");
  a.session.send({ type: "request", request: { type: "subscribe", id: 1, topic: "news" } });
  a.session.send({ type: "request", request: { type: "subscribe", id: 2, topic: "news" } });
  a.session.send({ type: "request", request: { type: "unsubscribe", id: 3, topic: "news" } });
  await settle();
  expect(a.words()).toEqual([
    ...["error 1 store.conflict", "error 2 store.conflict", "unsubscribed"],
  ]);
});

test("a newer credential that allows less ends what it does not allow, and says what", async () => {
  const { device } = await start();
  const [a, b] = [await device("a"), await device("b")];
  await a.ask({ type: "subscribe", id: 1, topic: "news" });
  await a.ask({ type: "subscribe", id: 2, topic: "room.1" });
  await b.ask({ type: "subscribe", id: 1, topic: "news", presence: true });
  a.session.send({ type: "grants", grants: { subscribe: ["room.*"], publish: [] } });
  await b.ask({ type: "publish", id: 2, topic: "news", payload: 1 });
  await b.ask({ type: "publish", id: 3, topic: "room.1", payload: 2 });
  expect(a.words()).toEqual([
    ...["subscribed 0 new", "subscribed 0 new", "error - topic.forbidden", "room.1#1 2"],
  ]);
  expect(b.words()).toContain("left user:a");
});
