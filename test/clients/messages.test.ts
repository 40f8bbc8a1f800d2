import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket as WsWebSocket } from "ws";
import { connect, type HeraldClient, type Message } from "../../clients/js/src/index.ts";
import { startDeviceNode } from "../testkit/device-node.ts";
import { reachDesk } from "../testkit/reach-desk.ts";
import { reached, StubServer } from "./stub-server.ts";

async function stub(): Promise<StubServer> {
  const server = await StubServer.start();
  onTestFinished(() => server.stop());
  return server;
}

async function sentFrame(connection: Awaited<ReturnType<StubServer["accept"]>>) {
  const frame = await connection.frame();
  if (frame.type !== "send") throw new Error(`it sent ${frame.type}`);
  return frame;
}

describe.each(["json", "msgpack"] as const)("phone and board in %s, on a node", (encoding) => {
  async function pair(onMessage: (message: Message) => unknown) {
    const node = startDeviceNode();
    onTestFinished(() => node.stop());
    reachDesk(node.system).bind("ann", "lamp");
    const login = async (user: string, kind: "phone" | "board"): Promise<HeraldClient> => {
      const client = connect({
        url: `ws://127.0.0.1:${node.port}`,
        credential: await node.tokens.mint({ user, kind, ttlMs: 3_600_000 }),
        device: "d",
        encoding,
        webSocket: WsWebSocket,
        onMessage,
        onError: () => {},
      });
      onTestFinished(() => client.close());
      await client.whenConnected();
      return client;
    };
    return { phone: await login("ann", "phone"), board: await login("lamp", "board") };
  }

  test("a request is answered with what the other's onMessage returns", async () => {
    const messages: Message[] = [];
    const { phone, board } = await pair((message) => {
      messages.push(message);
      return Promise.resolve({ heard: message.payload });
    });
    const payload = { on: true, list: [1, 2 ** 40, 2.5, "🎉", null] };
    const reply = await phone.request("board:lamp", payload, { topic: "light" });
    expect(reply.payload).toEqual({ heard: payload });
    expect(messages[0]).toMatchObject({
      ...{ from: "user:ann", topic: "light", payload, answerWithinMs: 10_000 },
    });
    expect((await board.request(messages[0]!.session, 1)).payload).toEqual({ heard: 1 });
    expect(await phone.send("boards", "night")).toEqual({ reached: 1, kept: 0 });
  });

  test("a handler that throws, and one that is not there, refuse", async () => {
    const { phone } = await pair(() => {
      throw new Error("the bulb is broken");
    });
    await expect(phone.request("board:lamp", 1)).rejects.toMatchObject({
      code: "client.refused",
      message: "the bulb is broken",
    });
  });

  test("a phone asks which of its boards are online, and a board who may reach it", async () => {
    const { phone, board } = await pair(() => {});
    const lamp = { principal: "board:lamp", online: true, sessions: 1 };
    expect(await phone.presence("boards")).toEqual([lamp]);
    expect(await board.presence("phones")).toEqual([
      { principal: "user:ann", online: true, sessions: 1 },
    ]);
    await board.close();
    const [away] = await phone.presence("board:lamp");
    expect(away).toEqual({
      ...{ principal: "board:lamp", online: false, lastSeen: expect.any(Number) },
    });
    await expect(phone.presence("user:bob")).rejects.toMatchObject({ code: "route.forbidden" });
  });

  test("what is too large is sent to nobody, and the connection stays", async () => {
    const { phone } = await pair(() => "🎉".repeat(20_000));
    const tooLarge = { code: "client.too-large" };
    await expect(phone.send("boards", "é".repeat(40_000))).rejects.toMatchObject(tooLarge);
    await expect(phone.ping("x".repeat(70_000))).rejects.toMatchObject(tooLarge);
    await expect(phone.request("board:lamp", 1)).rejects.toMatchObject({
      ...{ code: "client.refused", message: "the answer could not be sent" },
    });
    await phone.ping("é".repeat(30_000));
    expect(phone.counters.connects).toBe(1);
  });

  test("what no frame can hold is refused, and is no answer", async () => {
    const { phone } = await pair(() => 1n);
    await expect(phone.send("boards", { at: 1n })).rejects.toThrow(TypeError);
    await expect(phone.request("board:lamp", 1)).rejects.toMatchObject({
      ...{ code: "client.refused", message: "the answer could not be sent" },
    });
  });

  test("errors keep the server's codes", async () => {
    const { phone } = await pair(() => {});
    await expect(phone.send("board:door", 1)).rejects.toMatchObject({ code: "route.forbidden" });
    await expect(phone.send("user:ann", 1)).rejects.toMatchObject({ code: "route.offline" });
    await expect(phone.send("nowhere", 1)).rejects.toMatchObject({ code: "protocol.invalid" });
  });
});

test("an answer that comes on the next connection of the session counts", async () => {
  const server = await stub();
  const { client, clock } = server.client();
  const first = await server.accept();
  await first.login();
  await client.whenConnected();
  const asked = client.request("board:lamp", 1);
  const { id } = await sentFrame(first);
  first.drop();
  await reached(client, "waiting");
  clock.advance(1000);
  const second = await server.accept();
  await second.login();
  second.send({ type: "answer", id, from: "session:s_2", payload: "late" });
  expect(await asked).toEqual({ from: "session:s_2", payload: "late" });
});

test("what a session had asked is over when another session begins", async () => {
  const server = await stub();
  const { client, clock } = server.client();
  const first = await server.accept();
  await first.login();
  await client.whenConnected();
  const asked = client.request("board:lamp", 1);
  const settled = expect(asked).rejects.toMatchObject({ code: "client.disconnected" });
  await sentFrame(first);
  first.drop();
  await reached(client, "waiting");
  clock.advance(1000);
  await (await server.accept()).login({ session: "s_9" });
  await settled;
});

test("without any answer a request ends by itself, after the server would have told", async () => {
  const server = await stub();
  const { client, clock } = server.client({ connectTimeoutMs: 3_000 });
  const connection = await server.accept();
  await connection.login({ heartbeatMs: 600_000 });
  await client.whenConnected();
  const asked = client.request("board:lamp", 1, { answerWithinMs: 2_000 });
  const settled = expect(asked).rejects.toMatchObject({ code: "client.timeout" });
  const { id } = await sentFrame(connection);
  clock.advance(4_999);
  clock.advance(1);
  await settled;
  // A late answer is nobody's.
  connection.send({ type: "answer", id, from: "session:s_2", payload: 1 });
});

test("what could not be sent is waited for by nobody", async () => {
  const server = await stub();
  const { client, clock } = server.client();
  await (await server.accept()).login({ heartbeatMs: 0 });
  await client.whenConnected();
  const { timers } = clock;
  await expect(client.send("boards", 1n)).rejects.toThrow(TypeError);
  await expect(client.request("boards", 1, { answerWithinMs: Number.NaN })).rejects.toThrow(
    "answerWithinMs must be a number; got NaN",
  );
  expect(clock.timers).toBe(timers);
});

test("two answers to one request settle it once, and a closed client asks nothing", async () => {
  const server = await stub();
  const { client } = server.client();
  const connection = await server.accept();
  await connection.login();
  await client.whenConnected();
  const sent = client.send("boards", 1);
  const { id } = await sentFrame(connection);
  connection.send({ type: "sent", id, reached: 2, kept: 1 });
  connection.send({ type: "sent", id, reached: 9, kept: 9 });
  expect(await sent).toEqual({ reached: 2, kept: 1 });
  const waiting = client.send("boards", 2);
  const settled = expect(waiting).rejects.toMatchObject({ code: "client.closed" });
  await client.close();
  await settled;
  await expect(client.send("boards", 3)).rejects.toMatchObject({ code: "client.closed" });
});
