import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket as WsWebSocket } from "ws";
import { decide } from "../../clients/js/src/retry.ts";
import { CLOSE_CODES, mayReconnect } from "../../src/gateways/protocol/close-codes.ts";
import { reached, StubServer, synced } from "./stub-server.ts";

let server: StubServer;
beforeEach(async () => {
  server = await StubServer.start();
});
afterEach(() => server.stop());

describe("after a connection has broken", () => {
  test("it connects again with the resume token, and says what it has handled", async () => {
    const { client, clock } = server.client({ onPush: () => {} });
    const first = await server.accept();
    await first.login({ resume: "token-1" });
    first.push(3);
    first.push(4);
    await client.whenConnected();
    await synced(client, first);
    first.drop();
    await reached(client, "waiting");
    clock.advance(500);
    const second = await server.accept();
    expect(await second.login()).toEqual({
      type: "hello",
      credential: "a.b.c",
      device: "phone",
      resume: "token-1",
      offset: 4,
    });
  });

  test("it goes where it is sent, and comes back when nobody welcomes it there", async () => {
    const other = await StubServer.start();
    const { client, clock } = server.client();
    const first = await server.accept();
    await first.login();
    await client.whenConnected();
    const kick = { type: "kick", code: 4108, reason: "redirect", reconnect: true } as const;
    first.send({ ...kick, retryAfterMs: 100, url: other.url });
    await reached(client, "waiting");
    clock.advance(600);
    const second = await other.accept();
    await second.login();
    await client.whenConnected();
    second.drop();
    await reached(client, "waiting");
    await other.stop();
    clock.advance(5_000);
    await reached(client, "connecting");
    await reached(client, "waiting");
    clock.advance(10_000);
    expect(await (await server.accept()).login()).toMatchObject({ type: "hello" });
  });

  test("servers that send it to each other see it ever less", async () => {
    const other = await StubServer.start();
    const { client, clock } = server.client();
    const waits: (number | undefined)[] = [];
    const kick = { type: "kick", code: 4108, reason: "redirect", reconnect: true } as const;
    for (const [from, to] of [
      [server, other],
      [other, server],
      [server, other],
      [other, server],
    ] as const) {
      const connection = await from.accept();
      connection.send({ ...kick, retryAfterMs: 100, url: to.url });
      const { retryInMs } = await reached(client, "waiting");
      waits.push(retryInMs);
      clock.advance(retryInMs!);
    }
    expect(waits).toEqual([600, 1_100, 2_100, 4_100]);
    await client.close();
    await other.stop();
  });

  test("the waits grow by the factor up to the longest, each a random part of it", async () => {
    const random = (): number => 0.5;
    const waits: (number | undefined)[] = [];
    const backoff = { minMs: 100, maxMs: 1_000, factor: 3 };
    const { client, clock } = server.client({ backoff, random });
    client.on("state", (_, { retryInMs }) => {
      if (retryInMs === undefined) return;
      waits.push(retryInMs);
      clock.advance(retryInMs);
    });
    for (let n = 0; n < 5; n += 1) (await server.accept()).drop();
    await reached(client, "waiting");
    expect(waits.slice(0, 5)).toEqual([50, 150, 450, 500, 500]);
  });

  test("a connection that held for five seconds makes the waits begin anew", async () => {
    const { client, clock } = server.client();
    for (const [heldMs, retryInMs] of [
      [0, 500],
      [0, 1_000],
      [5_000, 500],
      [0, 1_000],
    ] as const) {
      const connection = await server.accept();
      await connection.login();
      await reached(client, "connected");
      clock.advance(heldMs);
      connection.drop();
      expect(await reached(client, "waiting")).toMatchObject({ retryInMs });
      clock.advance(retryInMs);
    }
  });

  test("a server that is away is tried again until it is back", async () => {
    const away = await StubServer.start();
    await away.stop();
    const { client, clock } = server.client({ url: away.url });
    expect((await reached(client, "waiting")).attempts).toBe(1);
    clock.advance(500);
    expect(client.state).toBe("connecting");
    expect((await reached(client, "waiting")).attempts).toBe(2);
    const back = await StubServer.start(away.port);
    clock.advance(1_000);
    await (await back.accept()).login();
    await reached(client, "connected");
    await back.stop();
  });

  test("a server that does not welcome in time is given up", async () => {
    const { client, clock } = server.client({ connectTimeoutMs: 2_000 });
    const connection = await server.accept();
    await connection.frame();
    clock.advance(2_000);
    expect(await reached(client, "waiting")).toMatchObject({ reason: "connect-timeout" });
    expect(await connection.closed).toBe(4000);
  });
});

describe("when the server says how it ends", () => {
  test("the SDK stops after exactly those close codes after which the server means it", () => {
    const options = { backoff: { minMs: 1, maxMs: 1, factor: 1 }, random: () => 0 };
    const codes = [...Object.values(CLOSE_CODES), 1000, 1001, 1006, 1009, 4199, 4200, 4299, 4300];
    for (const code of codes) {
      const end = { code, reason: "", kick: undefined, error: undefined, connectedMs: 0 };
      const { type } = decide(end, { ...options, attempts: 0, canRenew: false });
      expect([code, type]).toEqual([code, mayReconnect(code) ? "retry" : "stop"]);
    }
  });

  test("after a kick that may come again it waits as long as it is told to", async () => {
    const { client, clock } = server.client();
    const connection = await server.accept();
    await connection.login();
    await client.whenConnected();
    const kick = { type: "kick", code: 4100, reason: "draining", reconnect: true } as const;
    connection.send({ ...kick, retryAfterMs: 7_000 });
    const detail = await reached(client, "waiting");
    expect(detail).toMatchObject({ code: 4100, reason: "draining", retryInMs: 7_500 });
    clock.advance(7_499);
    expect(client.state).toBe("waiting");
    clock.advance(1);
    await server.accept();
  });

  test("after a kick that is final it stops, and tells the code", async () => {
    const { client, clock } = server.client();
    const connection = await server.accept();
    await connection.login();
    await client.whenConnected();
    connection.send({ type: "kick", code: 4200, reason: "replaced", reconnect: false });
    expect(await reached(client, "closed")).toEqual({ code: 4200, reason: "replaced" });
    expect(clock.timers).toBe(0);
    await expect(client.whenConnected()).rejects.toMatchObject({ code: "client.closed" });
  });

  test("a close code of the final range without a kick stops it as well", async () => {
    const { client } = server.client();
    const connection = await server.accept();
    await connection.login();
    connection.close(4299, "never again");
    expect(await reached(client, "closed")).toMatchObject({ code: 4299 });
  });

  test("a refused login waits as long as its error says", async () => {
    const { client } = server.client();
    const connection = await server.accept();
    await connection.frame();
    const message = "too many";
    connection.send({ type: "error", code: "gateway.busy", message, retryAfterMs: 5_000 });
    connection.close(4103, "busy");
    expect(await reached(client, "waiting")).toMatchObject({
      code: 4103,
      reason: "busy: too many",
      retryInMs: 5_500,
    });
  });
});

describe.each([4202, 4203])("a credential that the server refuses with %i", (code) => {
  test("is fetched anew once when there is a function for it", async () => {
    let minted = 0;
    const { client, clock } = server.client({ credential: async () => `token-${++minted}` });
    const first = await server.accept();
    expect(await first.login()).toMatchObject({ credential: "token-1" });
    await reached(client, "connected");
    first.close(code, "credential-expired");
    await reached(client, "waiting");
    clock.advance(500);
    const second = await server.accept();
    expect(await second.login()).toMatchObject({ credential: "token-2" });
    await reached(client, "connected");
    second.drop();
    await reached(client, "waiting");
    clock.advance(1_000);
    const third = await server.accept();
    expect(await third.frame()).toMatchObject({ credential: "token-2" });
    third.close(code);
    await reached(client, "waiting");
    clock.advance(2_000);
    const fourth = await server.accept();
    expect(await fourth.frame()).toMatchObject({ credential: "token-3" });
    fourth.close(code);
    expect(await reached(client, "closed")).toMatchObject({ code });
  });

  test("ends the client when it is a string", async () => {
    const { client } = server.client();
    const connection = await server.accept();
    await connection.login();
    connection.close(code);
    expect(await reached(client, "closed")).toMatchObject({ code });
  });
});

test("a server that cannot be reached is told apart from a connection that was lost", async () => {
  const { client } = server.client();
  const connection = await server.accept();
  await connection.login();
  await client.whenConnected();
  connection.drop();
  expect(await reached(client, "waiting")).toMatchObject({ reason: "the connection was lost" });
  // Nobody listens there.
  const nowhere = server.client({ url: "ws://127.0.0.1:1", webSocket: WsWebSocket });
  const { reason } = await reached(nowhere.client, "waiting");
  expect(reason).toMatch(/^could not connect: .*ECONNREFUSED/);
});

test("a credential function that fails or never answers is tried again later", async () => {
  const answers: (() => Promise<string>)[] = [
    () => Promise.reject(new Error("no network")),
    () => new Promise(() => {}),
    () => Promise.resolve("at last"),
  ];
  const codes: string[] = [];
  const { client, clock } = server.client({
    credential: () => answers.shift()!(),
    onError: ({ code, message }) => codes.push(`${code}: ${message}`),
  });
  await reached(client, "waiting");
  clock.advance(500);
  await reached(client, "connecting");
  clock.advance(10_000);
  await reached(client, "waiting");
  clock.advance(1_000);
  expect(await (await server.accept()).frame()).toMatchObject({ credential: "at last" });
  expect(codes).toEqual([
    "client.credential: the credential function failed: no network",
    "client.credential: the credential function failed: no credential within 10000 ms",
  ]);
});
