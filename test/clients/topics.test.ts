import { expect, onTestFinished, test } from "vitest";
import { WebSocket as WsWebSocket } from "ws";
import {
  connect,
  type HeraldClient,
  type Publication,
  type TopicHandlers,
} from "../../clients/js/src/index.ts";
import { type DeviceNodeOptions, startDeviceNode } from "../testkit/device-node.ts";
import { reached, type StubConnection, StubServer, synced } from "./stub-server.ts";

const GRANTS = { subscribe: ["room.*"], publish: ["room.*"] };

async function start(options: DeviceNodeOptions = {}) {
  const node = startDeviceNode(options);
  onTestFinished(() => node.stop());
  const login = async (user: string, encoding: "json" | "msgpack" = "json") => {
    const sockets: WsWebSocket[] = [];
    let isCut = false;
    class Socket extends WsWebSocket {
      constructor(...[url, ...rest]: ConstructorParameters<typeof WsWebSocket>) {
        // Nobody listens at the first port.
        super(isCut ? "ws://127.0.0.1:1" : url, ...rest);
        sockets.push(this);
      }
    }
    const client = connect({
      url: `ws://127.0.0.1:${node.port}`,
      credential: await node.tokens.mint({ user, ttlMs: 3_600_000, grants: GRANTS }),
      device: "d",
      encoding,
      webSocket: Socket,
      backoff: { minMs: 1, maxMs: 2 },
      onError: () => {},
    });
    onTestFinished(() => client.close());
    await client.whenConnected();
    const cut = () => {
      isCut = true;
      sockets.at(-1)!.terminate();
    };
    const mend = () => {
      isCut = false;
    };
    return { client, cut, mend };
  };
  return { login };
}

/** Publications as they come, and when there are so many. */
function collector() {
  const got: Publication[] = [];
  const waiters: (() => void)[] = [];
  return {
    got,
    numbers: () => got.map(({ payload }) => payload),
    onPublication: (publication: Publication) => {
      got.push(publication);
      for (const look of waiters) look();
    },
    until: (count: number) =>
      new Promise<void>((resolve) => {
        const look = () => void (got.length >= count && resolve());
        waiters.push(look);
        look();
      }),
  };
}

/** Resolves with the next change to that state. */
function next(client: HeraldClient, wanted: string): Promise<void> {
  return new Promise((resolve) => {
    const remove = client.on("state", (state) => {
      if (state !== wanted) return;
      remove();
      resolve();
    });
  });
}

test.each(["json", "msgpack"] as const)(
  "in %s, clients publish to each other",
  async (encoding) => {
    const { login } = await start();
    const [{ client: ann }, { client: bob }] = [await login("ann", encoding), await login("bob")];
    const seen = collector();
    const changes: string[] = [];
    const subscription = await ann.subscribe("room.1", {
      onPublication: seen.onPublication,
      onPresence: (change, { principal }) => changes.push(`${change} ${principal}`),
      onOccupancy: (count) => changes.push(`occupancy of ${count}`),
    });
    await bob.subscribe("room.1", { onPublication: () => {} });
    expect(await bob.publish("room.1", { text: "🎉" })).toBe(1);
    await seen.until(1);
    expect(seen.got).toEqual([
      { topic: "room.1", offset: 1, payload: { text: "🎉" }, from: "user:bob", lost: 0 },
    ]);
    expect(changes).toEqual(["occupancy of 1", "joined user:bob"]);
    expect((await bob.who("room.1")).map(({ principal }) => principal).sort()).toEqual([
      ...["user:ann", "user:bob"],
    ]);
    await subscription.unsubscribe();
    await bob.publish("room.1", 2);
    await ann.ping();
    expect(seen.got).toHaveLength(1);
  },
);

test("what is published while a client is away comes when it is back, in order", async () => {
  const { login } = await start();
  const [ann, { client: bob }] = [await login("ann"), await login("bob")];
  const seen = collector();
  const missed: string[] = [];
  await ann.client.subscribe("room.1", {
    onPublication: seen.onPublication,
    onMissed: (topic) => missed.push(topic),
  });
  await bob.publish("room.1", 1);
  await seen.until(1);
  const waiting = next(ann.client, "waiting");
  ann.cut();
  await waiting;
  for (const n of [2, 3]) await bob.publish("room.1", n);
  ann.mend();
  await ann.client.whenConnected();
  await bob.publish("room.1", 4);
  await seen.until(4);
  expect(seen.numbers()).toEqual([1, 2, 3, 4]);
  expect(missed).toEqual([]);
});

test("a client that missed more than is kept is told so", async () => {
  const { login } = await start({ topic: { historyMax: 1 } });
  const [ann, { client: bob }] = [await login("ann"), await login("bob")];
  const seen = collector();
  const { promise, resolve } = Promise.withResolvers<string>();
  await ann.client.subscribe("room.1", { onPublication: seen.onPublication, onMissed: resolve });
  const waiting = next(ann.client, "waiting");
  ann.cut();
  await waiting;
  for (const n of [1, 2, 3]) await bob.publish("room.1", n);
  ann.mend();
  await ann.client.whenConnected();
  expect(await promise).toBe("room.1");
  await bob.publish("room.1", 4);
  await seen.until(1);
  expect(seen.numbers()).toEqual([4]);
});

test("a subscription that finds no room after a reconnect is tried again", async () => {
  const server = await StubServer.start();
  onTestFinished(() => server.stop());
  const { client, clock } = server.client();
  const first = await server.accept();
  await first.login({ heartbeatMs: 0 });
  await client.whenConnected();
  const place = { topic: "room.1", epoch: "e", offset: 7 };
  const subscribed = client.subscribe("room.1", { onPublication: () => {} });
  first.send({ type: "subscribed", id: await subscribeId(first), ...place, recovered: true });
  await subscribed;
  first.drop();
  await reached(client, "waiting");
  clock.advance(500);
  const second = await server.accept();
  await second.login({ heartbeatMs: 0 });
  const error = { code: "mailbox.full", message: "busy", retryAfterMs: 1_000 };
  second.send({ type: "error", id: await subscribeId(second), ...error });
  await synced(client, second);
  clock.advance(999);
  await synced(client, second);
  clock.advance(1);
  const again = await second.frame();
  expect(again).toMatchObject({ type: "subscribe", topic: "room.1", epoch: "e", offset: 7 });

  // One that is not allowed any more is not asked for again, and nothing is left behind.
  const forbidden = { code: "topic.forbidden", message: "not allowed" };
  second.send({ type: "error", id: (again as { id: number }).id, ...forbidden });
  await synced(client, second);
  clock.advance(60_000);
  await synced(client, second);
  await client.close();
  expect(clock.timers).toBe(0);
});

test("a subscription whose answer was lost is asked for again on the next connection", async () => {
  const server = await StubServer.start();
  onTestFinished(() => server.stop());
  const { client, clock } = server.client();
  const first = await server.accept();
  await first.login();
  await client.whenConnected();
  const subscribed = client.subscribe("room.1", { onPublication: () => {} });
  const id = await subscribeId(first);
  first.drop();
  await reached(client, "waiting");
  clock.advance(500);
  const second = await server.accept();
  await second.login();
  expect(await subscribeId(second)).toBe(id);
  const place = { topic: "room.1", epoch: "e", offset: 7 };
  second.send({ type: "subscribed", id, ...place, recovered: true });
  const subscription = await subscribed;

  second.drop();
  await reached(client, "waiting");
  await subscription.unsubscribe();
  clock.advance(1_000);
  const third = await server.accept();
  await third.login();
  await synced(client, third);
  expect(third.unread).toBe(0);
});

test("a subscription without a function for its publications is refused", async () => {
  const { login } = await start();
  const { client } = await login("ann");
  for (const handlers of [undefined, {}, { onPublication: 1 }]) {
    await expect(client.subscribe("room.1", handlers as TopicHandlers)).rejects.toThrow(
      "handlers.onPublication must be a function; got",
    );
  }
  await client.subscribe("room.1", { onPublication: () => {} });
});

async function subscribeId(connection: StubConnection): Promise<number> {
  const frame = await connection.frame();
  if (frame.type !== "subscribe") throw new Error(`${frame.type} came`);
  return frame.id;
}

test("a subscription that is refused is none, and may be tried again", async () => {
  const { login } = await start();
  const { client } = await login("ann");
  const handlers = { onPublication: () => {} };
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await expect(client.subscribe("secret", handlers)).rejects.toMatchObject({
      code: "topic.forbidden",
    });
  }
  await client.subscribe("room.1", handlers);
  await expect(client.subscribe("room.1", handlers)).rejects.toMatchObject({ code: "client.busy" });
  await expect(client.publish("secret", 1)).rejects.toMatchObject({ code: "topic.forbidden" });
});
