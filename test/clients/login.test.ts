import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket as WsWebSocket } from "ws";
import {
  type ClientOptions,
  connect,
  HeraldError,
  type WebSocketConstructor,
} from "../../clients/js/src/index.ts";
import { reached, StubServer } from "./stub-server.ts";

let server: StubServer;
beforeEach(async () => {
  server = await StubServer.start();
});
afterEach(() => server.stop());

for (const encoding of ["json", "msgpack"] as const) {
  describe(`in ${encoding}`, () => {
    test("the first frame is a hello with the credential and the device", async () => {
      server.client({ encoding });
      const connection = await server.accept();
      expect(connection.protocol).toBe(`herald.v1.${encoding}`);
      expect(await connection.frame()).toEqual({
        type: "hello",
        credential: "a.b.c",
        device: "phone",
      });
    });

    test("the welcome makes it connected, with the session's id", async () => {
      const { client } = server.client({ encoding });
      expect(client.state).toBe("connecting");
      await (await server.accept()).login({ session: "s_7", recovered: false });
      expect(await client.whenConnected()).toEqual({ session: "s_7", recovered: false });
      expect(client.state).toBe("connected");
      expect(client.counters.connects).toBe(1);
    });

    test("a ping resolves with the data of its pong", async () => {
      const { client, clock } = server.client({ encoding });
      const connection = await server.accept();
      await connection.login();
      await client.whenConnected();
      const data = { list: [1, -1, 1.5, "é", null, true], big: 2 ** 40 };
      const pong = client.ping(data);
      expect(await connection.frame()).toEqual({ type: "ping", id: 1, data });
      clock.advance(7);
      connection.send({ type: "pong", id: 1, data });
      expect(await pong).toEqual({ roundTripMs: 7, data });
    });

    test("a push reaches onPush with everything that was sent", async () => {
      const pushed = Promise.withResolvers<unknown>();
      server.client({ encoding, onPush: (push) => pushed.resolve({ ...push }) });
      const connection = await server.accept();
      await connection.login();
      const payload = { text: "näher 🚀", list: [1, 2, { deep: false }] };
      connection.push(5, { payload, redelivered: true });
      expect(await pushed.promise).toMatchObject({
        id: "p_5",
        offset: 5,
        topic: "news",
        payload,
        ackWanted: true,
        redelivered: true,
        expiresAt: 4_102_444_800_000,
      });
    });
  });
}

test("it works with the WebSocket of the package ws", async () => {
  const webSocket: WebSocketConstructor = WsWebSocket;
  const { client } = server.client({ webSocket, encoding: "msgpack" });
  const connection = await server.accept();
  await connection.login();
  await client.whenConnected();
  const pong = client.ping();
  expect(await connection.frame()).toEqual({ type: "ping", id: 1 });
  connection.send({ type: "pong", id: 1 });
  expect((await pong).data).toBeUndefined();
});

test("a ping that the server refuses rejects with its code and its advice", async () => {
  const { client } = server.client();
  const connection = await server.accept();
  await connection.login();
  await client.whenConnected();
  const pong = client.ping();
  await connection.frame();
  connection.send({
    type: "error",
    code: "mailbox.full",
    message: "busy",
    id: 1,
    retryAfterMs: 250,
  });
  await expect(pong).rejects.toMatchObject({ code: "mailbox.full", retryAfterMs: 250 });
});

test("a ping without an answer rejects after the time for it", async () => {
  const { client, clock } = server.client({ connectTimeoutMs: 3_000 });
  const connection = await server.accept();
  await connection.login();
  await client.whenConnected();
  const pong = client.ping();
  clock.advance(3_000);
  await expect(pong).rejects.toMatchObject({ code: "client.timeout" });
});

test("a ping rejects without a connection, when it drops, and when too many wait", async () => {
  const { client } = server.client();
  await expect(client.ping()).rejects.toMatchObject({ code: "client.offline" });
  const connection = await server.accept();
  await connection.login();
  await client.whenConnected();
  const pings = Array.from({ length: 65 }, () => client.ping().catch((error: unknown) => error));
  expect(await pings[64]).toMatchObject({ code: "client.busy" });
  connection.drop();
  expect(await pings[0]).toMatchObject({ code: "client.disconnected" });
  void client.close();
  await expect(client.ping()).rejects.toMatchObject({ code: "client.closed" });
});

test("frames of unknown types and fields that are unknown are ignored", async () => {
  const errors: HeraldError[] = [];
  const { client } = server.client({ onError: (error) => errors.push(error) });
  const connection = await server.accept();
  await connection.login();
  await client.whenConnected();
  connection.raw('{"type":"weather","sunny":true}');
  const pong = client.ping();
  await connection.frame();
  connection.raw('{"type":"pong","id":1,"more":{"a":1}}');
  await pong;
  expect(errors).toEqual([]);
});

test("what is not a frame is told as an error, and the connection goes on", async () => {
  const errors: HeraldError[] = [];
  const { client } = server.client({ onError: (error) => errors.push(error) });
  const connection = await server.accept();
  await connection.login();
  await client.whenConnected();
  const wrong = ["{", "[]", "1", '{"type":7}', '{"type":"push","id":"x"}', '{"type":"pong"}'];
  for (const text of wrong) connection.raw(text);
  connection.raw(new Uint8Array([0xc0]));
  const pong = client.ping();
  await connection.frame();
  connection.send({ type: "pong", id: 1 });
  await pong;
  expect(errors.map(({ code }) => code)).toEqual(Array(wrong.length + 1).fill("client.frame"));
  expect(errors[0]).toBeInstanceOf(HeraldError);
});

test("whenConnected rejects when the server refuses for good", async () => {
  const { client } = server.client();
  const connection = await server.accept();
  await connection.frame();
  connection.send({ type: "error", code: "auth.invalid", message: "bad signature" });
  connection.close(4202, "unauthorized");
  await expect(client.whenConnected()).rejects.toThrow(
    "the client is closed (4202): unauthorized: bad signature",
  );
});

test("close says good-bye and ends in the state closed", async () => {
  const { client } = server.client();
  const connection = await server.accept();
  await connection.login();
  await client.whenConnected();
  await client.close();
  expect(await connection.closed).toBe(1000);
  expect(client.state).toBe("closed");
  expect(client.detail).toEqual({ reason: "closed by this side" });
});

test("close before the connection is made leaves nothing behind", async () => {
  const { client, clock } = server.client();
  await client.close();
  await reached(client, "closed");
  expect(clock.timers).toBe(0);
});

test.each([
  [{ url: "ftp://a" }, 'url must be an address that begins with ws:// or wss://; got "ftp://a"'],
  [{ url: "nowhere" }, 'url must be an address that begins with ws:// or wss://; got "nowhere"'],
  [{ url: undefined }, "url must be string; got undefined"],
  [{ credential: "" }, 'credential must be a JWT or a function that returns one; got ""'],
  [{ credential: {} }, "credential must be string or function; got object"],
  [{ device: "x".repeat(129) }, /^device must be a string of 1 to 128 characters; got "x+$/],
  [{ ackDelayMs: -1 }, "ackDelayMs must be a number above 0; got -1"],
  [{ backoff: { maxMs: Number.NaN } }, "backoff.maxMs must be a number above 0; got NaN"],
  [{ encoding: "xml" }, 'encoding must be "json" or "msgpack"; got "xml"'],
  [{ ackMode: "never" }, 'ackMode must be "auto" or "manual"; got "never"'],
  [{ onPush: null }, "onPush must be function; got null"],
  [{ storage: {} }, "storage must be an object with the functions load and save; got object"],
  [{ onpush: () => {} }, "there is no option onpush"],
])("the option %o is refused with a TypeError that says why", (wrong, message) => {
  const right = { url: server.url, credential: "a.b.c", device: "phone" };
  const options = { ...right, ...wrong } as ClientOptions;
  expect(() => connect(options)).toThrow(message);
  expect(() => connect(options)).toThrow(TypeError);
});
