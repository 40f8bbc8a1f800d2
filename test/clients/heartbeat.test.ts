import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { reached, StubServer } from "./stub-server.ts";

let server: StubServer;
beforeEach(async () => {
  server = await StubServer.start();
});
afterEach(() => server.stop());

const heartbeatMs = 30_000;

describe("a connection on which nothing comes", () => {
  test("is asked after one heartbeat and given up after two", async () => {
    const { client, clock } = server.client();
    const connection = await server.accept();
    await connection.login({ heartbeatMs });
    await client.whenConnected();
    clock.advance(29_999);
    expect(connection.unread).toBe(0);
    clock.advance(1);
    expect(await connection.frame()).toEqual({ type: "ping", id: 1 });
    clock.advance(29_999);
    expect(client.state).toBe("connected");
    clock.advance(1);
    expect(await reached(client, "waiting")).toMatchObject({ reason: "heartbeat-lost" });
    expect(await connection.closed).toBe(4000);
  });

  test("is given up even when the server never answers the close", async () => {
    const { client, clock } = server.client();
    const connection = await server.accept();
    await connection.login({ heartbeatMs });
    await client.whenConnected();
    clock.advance(60_000);
    clock.advance(500);
    await (await server.accept()).login();
    await client.whenConnected();
    expect(client.counters.connects).toBe(2);
  });

  test("is kept when the server answers", async () => {
    const { client, clock } = server.client();
    const connection = await server.accept();
    await connection.login({ heartbeatMs });
    await client.whenConnected();
    for (let id = 1; id <= 5; id += 1) {
      clock.advance(30_000);
      expect(await connection.frame()).toEqual({ type: "ping", id });
      const heard = client.ping();
      await connection.frame();
      id += 1;
      connection.send({ type: "pong", id });
      await heard;
    }
    expect(client.state).toBe("connected");
    expect(client.counters.connects).toBe(1);
  });
});

test("a connection on which pushes come is not asked", async () => {
  const handled: unknown[] = [];
  const { client, clock } = server.client({ onPush: ({ id }) => void handled.push(id) });
  const connection = await server.accept();
  await connection.login({ heartbeatMs });
  await client.whenConnected();
  for (let n = 1; n <= 6; n += 1) {
    clock.advance(20_000);
    const told = Promise.withResolvers<void>();
    const remove = client.on("error", () => told.resolve());
    connection.push(undefined, { ack: false });
    connection.raw("{");
    await told.promise;
    remove();
  }
  expect(handled.length).toBe(6);
  expect(connection.unread).toBe(0);
});

test("an idle client keeps exactly one timer", async () => {
  const { client, clock } = server.client({ onPush: () => {} });
  const connection = await server.accept();
  await connection.login({ heartbeatMs });
  await client.whenConnected();
  expect(clock.timers).toBe(1);
  clock.advance(30_000);
  await connection.frame();
  expect(clock.timers).toBe(1);
});

describe("when the network may have changed", () => {
  test("a client that waits tries at once, within the shortest wait", async () => {
    const network = new EventTarget();
    const { client, clock } = server.client({ network, backoff: { minMs: 400, maxMs: 60_000 } });
    for (let n = 0; n < 6; n += 1) {
      (await server.accept()).drop();
      const { retryInMs } = await reached(client, "waiting");
      if (n < 5) clock.advance(retryInMs!);
    }
    expect(client.detail.retryInMs).toBe(12_800);
    network.dispatchEvent(new Event("online"));
    clock.advance(400);
    await (await server.accept()).login();
    await client.whenConnected();
  });

  test("a wait that the server asked for is not shortened", async () => {
    const network = new EventTarget();
    const { client, clock } = server.client({ network });
    const connection = await server.accept();
    const kick = { type: "kick", code: 4103, reason: "busy", reconnect: true } as const;
    connection.send({ ...kick, retryAfterMs: 9_000 });
    await reached(client, "waiting");
    network.dispatchEvent(new Event("online"));
    clock.advance(9_499);
    expect(client.state).toBe("waiting");
  });

  test("a client that is connected asks, and gives up without an answer", async () => {
    const network = new EventTarget();
    const { client, clock } = server.client({ network, connectTimeoutMs: 3_000 });
    const connection = await server.accept();
    await connection.login({ heartbeatMs });
    await client.whenConnected();
    network.dispatchEvent(new Event("offline"));
    network.dispatchEvent(new Event("visibilitychange"));
    expect(await connection.frame()).toEqual({ type: "ping", id: 1 });
    clock.advance(3_000);
    expect(await reached(client, "waiting")).toMatchObject({ reason: "heartbeat-lost" });
    expect(connection.unread).toBe(0);
  });

  test("a closed client listens no more", async () => {
    const network = new EventTarget();
    const { client, clock } = server.client({ network });
    await (await server.accept()).login();
    await client.whenConnected();
    await client.close();
    network.dispatchEvent(new Event("online"));
    expect(clock.timers).toBe(0);
  });
});
