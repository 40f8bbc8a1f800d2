import { expect, test } from "vitest";
import { topicKind } from "../../../src/actors/topic/messages.ts";
import { type TestNode, testNode } from "./node.ts";
import { type Encoding, type Frame, PageDevice } from "./page-client.ts";

const HOUR_MS = 3_600_000;
/** Large, so that the kernel's buffers between the two are full after some dozens. */
const PADDING = "x".repeat(60_000);
const PUBLICATIONS_MAX = 400;
const ALL = { subscribe: ["*"], publish: ["*"] };

async function subscriber(node: TestNode, user: string, encoding: Encoding = "json") {
  const credential = await node.tokens.mint({ user, ttlMs: HOUR_MS, grants: ALL });
  const device = new PageDevice({ port: node.port, credential, encoding });
  await device.connect();
  const { connection } = device;
  connection.send({ type: "subscribe", id: 1, topic: "news" });
  const { epoch } = await connection.next("subscribed");
  return { device, connection, epoch, credential };
}

/** Publishes numbers from 1 until it is done, or too many; gives the last. */
async function flood(quick: PageDevice, done: (n: number) => boolean) {
  let n = 0;
  while (!done(n) && n < PUBLICATIONS_MAX) {
    n += 1;
    const payload = { n, PADDING };
    quick.connection.send({ type: "publish", id: n, topic: "news", payload });
    await quick.connection.next("published", n);
  }
  return n;
}

const numbersOf = (frames: readonly Frame[]) =>
  frames.map(({ payload }) => (payload as { n: number }).n);
const lostOf = (frames: readonly Frame[]) =>
  frames.reduce((sum, { lost }) => sum + ((lost as number | undefined) ?? 0), 0);

test.each(["json", "msgpack"] as const)(
  "a %s device sees what others publish",
  async (encoding) => {
    const node = testNode();
    const a = await subscriber(node, "ada", encoding);
    const b = await subscriber(node, "bob");
    b.connection.send({ type: "publish", id: 7, topic: "news", payload: { text: "Grüße 🎉" } });
    expect(await a.connection.next("publication")).toEqual({
      type: "publication",
      topic: "news",
      offset: 1,
      payload: { text: "Grüße 🎉" },
      from: "user:bob",
    });
    expect(await b.connection.next("published")).toMatchObject({ id: 7, offset: 1 });
    a.connection.send({ type: "who", id: 8, topic: "news" });
    expect(await a.connection.next("here")).toMatchObject({ id: 8, count: 2 });
  },
);

test("a slow subscriber of a topic that drops the oldest is told how many it lost", async () => {
  const node = testNode({ topic: { slow: "drop-oldest" }, limits: { heldPublicationsMax: 5 } });
  const quick = await subscriber(node, "bob");
  const slow = await subscriber(node, "ada");
  slow.connection.raw.socket.pause();
  const { counts } = node.gateway;
  const last = await flood(quick.device, () => counts.publicationsLost >= 10);
  slow.connection.raw.socket.resume();
  await slow.connection.raw.until(() =>
    numbersOf(slow.connection.of("publication")).includes(last),
  );
  const got = slow.connection.of("publication");
  const numbers = numbersOf(got);
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  expect(new Set(numbers).size).toBe(numbers.length);
  // Those that waited are the latest.
  expect(numbers.slice(-5)).toEqual([4, 3, 2, 1, 0].map((before) => last - before));
  expect(numbers.length + lostOf(got)).toBe(last);
  expect(lostOf(got)).toBe(counts.publicationsLost);
});

test("a slow subscriber of a topic that coalesces gets the latest", async () => {
  const node = testNode({ topic: { slow: "coalesce" } });
  const quick = await subscriber(node, "bob");
  const slow = await subscriber(node, "ada");
  slow.connection.raw.socket.pause();
  const { counts } = node.gateway;
  const last = await flood(quick.device, () => counts.publicationsLost >= 10);
  slow.connection.raw.socket.resume();
  await slow.connection.raw.until(() =>
    numbersOf(slow.connection.of("publication")).includes(last),
  );
  const got = slow.connection.of("publication");
  const numbers = numbersOf(got);
  expect(numbers.at(-1)! - numbers.at(-2)!).toBe(lostOf(got) + 1);
  expect(numbers.length + lostOf(got)).toBe(last);
  // It keeps up again, and nothing more is lost.
  quick.connection.send({ type: "publish", id: 9_999, topic: "news", payload: { n: last + 1 } });
  await slow.connection.raw.until(() =>
    numbersOf(slow.connection.of("publication")).includes(last + 1),
  );
  expect(slow.connection.of("publication").at(-1)).not.toHaveProperty("lost");
});

test("a slow subscriber of a topic that disconnects recovers from its history", async () => {
  const node = testNode({ topic: { slow: "disconnect", historyMax: PUBLICATIONS_MAX } });
  const quick = await subscriber(node, "bob");
  const slow = await subscriber(node, "ada");
  slow.connection.raw.socket.pause();
  let endedAt = Infinity;
  const last = await flood(quick.device, (n) => {
    if (node.gateway.connections < 2) endedAt = Math.min(endedAt, n);
    return n === endedAt + 3;
  });
  slow.connection.raw.socket.resume();
  expect(await slow.connection.closed()).toMatchObject({ code: 4101 });
  const before = numbersOf(slow.connection.of("publication"));
  expect(before.length).toBeLessThan(last);

  await slow.device.connect();
  const { connection } = slow.device;
  const offset = before.at(-1) ?? 0;
  connection.send({ type: "subscribe", id: 2, topic: "news", epoch: slow.epoch, offset });
  expect(await connection.next("subscribed")).toMatchObject({ recovered: true, offset: last });
  const frames = await readAll(connection, last);
  expect([...before, ...frames]).toEqual(Array.from({ length: last }, (_, n) => n + 1));
});

async function readAll(connection: PageDevice["connection"], last: number): Promise<number[]> {
  await connection.raw.until(() => numbersOf(connection.of("publication")).at(-1) === last);
  return numbersOf(connection.of("publication"));
}

test.each(["drop-oldest", "coalesce"] as const)(
  "a burst larger than may be unsent ends nobody's connection where a topic says %s",
  async (slow) => {
    const node = testNode({ topic: { slow } });
    const { connection } = await subscriber(node, "ada");
    connection.raw.socket.pause();
    const topic = node.system.entity(topicKind, "news");
    const { counts } = node.gateway;
    let n = 0;
    // Many at once, as a back end may publish them, and more than the kernel keeps for a socket.
    while (counts.publicationsLost < 100) {
      for (let more = 0; more < 50; more += 1) {
        n += 1;
        topic.send({ type: "publish", payload: JSON.stringify({ n, PADDING }), from: undefined });
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    connection.raw.socket.resume();
    await connection.raw.until(() => numbersOf(connection.of("publication")).at(-1) === n);
    const got = connection.of("publication");
    expect(got.length + lostOf(got)).toBe(n);
    expect(node.gateway.connections).toBe(1);
  },
);

test("a device that has missed more than may be unsent recovers it on one connection", async () => {
  const node = testNode({ topic: { slow: "disconnect" } });
  const { device, epoch } = await subscriber(node, "ada");
  device.drop();
  const topic = node.system.entity(topicKind, "news");
  for (let n = 1; n <= 100; n += 1) {
    topic.send({ type: "publish", payload: JSON.stringify({ n, PADDING }), from: undefined });
  }
  await device.connect();
  const { connection } = device;
  connection.raw.socket.pause();
  connection.send({ type: "subscribe", id: 2, topic: "news", epoch, offset: 0 });
  await until(() => node.gateway.counts.backpressure > 0);
  connection.raw.socket.resume();
  await connection.next("subscribed");
  const got = await readAll(connection, 100);
  expect(got).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
