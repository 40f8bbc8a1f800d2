import { expect, onTestFinished, test } from "vitest";
import { type DeviceNodeOptions, startDeviceNode } from "../../testkit/device-node.ts";
import { maskedFrame, OPCODE, RawSocket } from "../../testkit/raw-socket.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { closingOf, connectTo, frameOf, logIn, resumeOf, roundTrip, sayHello } from "./device.ts";

function startNode(options: DeviceNodeOptions = {}) {
  const node = startDeviceNode(options);
  onTestFinished(() => node.stop());
  return node;
}

test("the first known of the offered subprotocols is taken", async () => {
  const { port } = startNode();
  const chosen = async (protocol: string) => {
    const { status, head } = await RawSocket.open({ port, protocol });
    return status === 101 ? /Sec-WebSocket-Protocol: (.*)/i.exec(head)?.[1]?.trim() : status;
  };
  expect(await chosen("herald.v1.json")).toBe("herald.v1.json");
  expect(await chosen("other, herald.v1.msgpack,herald.v1.json")).toBe("herald.v1.msgpack");
  expect(await chosen("other")).toBe(400);
});

test("an upgrade without a known subprotocol is told which there are", async () => {
  const { port } = startNode();
  const { status, body } = await RawSocket.open({ port });
  expect(status).toBe(400);
  const { error } = JSON.parse(body);
  expect(error.code).toBe("protocol.invalid");
  expect(error.message).toContain("herald.v1.json");
  expect(error.message).toContain("herald.v1.msgpack");
});

test("an upgrade of another WebSocket version is told which there is", async () => {
  const { port } = startNode();
  const headers = { "Sec-WebSocket-Version": "8" };
  const refused = await RawSocket.open({ port, protocol: "herald.v1.json", headers });
  expect(refused.status).toBe(426);
  expect(refused.head).toContain("Sec-WebSocket-Version: 13");
});

test("a welcome says all that a client needs to know", async () => {
  const node = startNode();
  const socket = await logIn(node);
  const welcome = socket.json[0]!;
  expect(welcome).toEqual({
    type: "welcome",
    session: expect.stringMatching(/^s_/),
    resume: expect.any(String),
    heartbeatMs: 60_000,
    recovered: false,
    head: 0,
    expiresInMs: expect.any(Number),
    limits: { frameBytes: 65_536, framesPerSecond: 500 },
  });
});

test("a credential that is not accepted ends the connection and says why", async () => {
  const node = startNode();
  const socket = await sayHello(node, { credential: "a.b.c" });
  expect(await frameOf(socket, "error")).toMatchObject({ code: "auth.invalid" });
  expect(await closingOf(socket)).toEqual({
    code: 4202,
    kick: { type: "kick", code: 4202, reason: "unauthorized", reconnect: false },
  });
});

test("an expired credential has a code of its own", async () => {
  const clock = new VirtualClock();
  const node = startNode({ clock });
  const credential = await node.tokens.mint({ user: "u", ttlMs: 1000 });
  clock.advance(1000);
  const socket = await sayHello(node, { credential });
  expect(await frameOf(socket, "error")).toMatchObject({ code: "auth.expired" });
  expect(await closingOf(socket)).toMatchObject({ code: 4203 });
});

test("a credential of one device is not good for another", async () => {
  const node = startNode();
  const credential = await node.tokens.mint({ user: "u", device: "tablet", ttlMs: 60_000 });
  const wrong = await sayHello(node, { credential, device: "phone" });
  expect(await closingOf(wrong)).toMatchObject({ code: 4202 });
  await logIn(node, { credential, device: "tablet" });
});

test.each([
  ["a ping before hello", { type: "ping", id: 1 }, "protocol.order"],
  ["an ack before hello", { type: "ack", upTo: 1 }, "protocol.order"],
  ["a malformed hello", { type: "hello" }, "protocol.invalid"],
  ["nonsense", 5, "protocol.invalid"],
])("%s ends the connection with 4204", async (_, frame, code) => {
  const node = startNode();
  const socket = await connectTo(node);
  socket.sendJson(frame);
  expect(await frameOf(socket, "error")).toMatchObject({ code });
  expect(await closingOf(socket)).toMatchObject({ code: 4204 });
});

test("a second hello during the log-in ends it, and after it is only refused", async () => {
  const node = startNode();
  const credential = await node.tokens.mint({ user: "u", ttlMs: 60_000 });
  const hello = { type: "hello", credential, device: "d" };
  const early = await connectTo(node);
  const bytes = maskedFrame(OPCODE.text, Buffer.from(JSON.stringify(hello)));
  early.write(Buffer.concat([bytes, bytes]));
  expect(await closingOf(early)).toMatchObject({ code: 4204 });

  const late = await logIn(node);
  late.sendJson(hello);
  expect(await frameOf(late, "error")).toMatchObject({ code: "protocol.order" });
  await roundTrip(late, 1);
  for (let count = 0; count < 5; count += 1) late.sendJson(hello);
  expect(await closingOf(late)).toMatchObject({ code: 4204 });
});

test("frames between hello and welcome wait, up to sixteen", async () => {
  const node = startNode();
  const socket = await connectTo(node);
  const credential = await node.tokens.mint({ user: "u", ttlMs: 60_000 });
  socket.sendJson({ type: "hello", credential, device: "d" });
  for (let id = 1; id <= 20; id += 1) socket.sendJson({ type: "ping", id });
  await socket.until(() => socket.json.length >= 21);
  const welcome = socket.json.findIndex(({ type }) => type === "welcome");
  const answers = Object.groupBy(socket.json, ({ type }) => String(type));
  const ids = (type: string) => (answers[type] ?? []).map((frame) => frame["id"] as number);
  expect(
    ids("pong")
      .concat(ids("error"))
      .sort((a, b) => a - b),
  ).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  expect(ids("pong")).toEqual(ids("pong").toSorted((a, b) => a - b));
  for (const error of answers["error"] ?? []) {
    expect(error).toMatchObject({ code: "mailbox.full", retryAfterMs: expect.any(Number) });
  }
  expect(socket.json.findIndex(({ type }) => type === "pong")).toBeGreaterThan(welcome);
});

test("who says no hello in time is sent away, and who did is not", async () => {
  const clock = new VirtualClock();
  const node = startNode({ clock });
  const silent = await connectTo(node);
  clock.advance(5000);
  const later = await connectTo(node);
  const talking = await logIn(node);
  clock.advance(6000);
  expect(await closingOf(silent)).toMatchObject({ code: 4106, kick: { reconnect: true } });
  expect(node.gateway.connections).toBe(2);
  clock.advance(5000);
  expect(await closingOf(later)).toMatchObject({ code: 4106 });
  await roundTrip(talking, 1);
});

test("who could say no hello because the node stood still still has its time", async () => {
  const clock = new VirtualClock();
  const node = startNode({ clock });
  const late = await connectTo(node);
  clock.halt(600_000);
  clock.advance(9000);
  expect(node.gateway.connections).toBe(1);
  clock.advance(3000);
  expect(await closingOf(late)).toMatchObject({ code: 4106 });
});

test("a connection ends within seconds after its credential has expired", async () => {
  const clock = new VirtualClock();
  const node = startNode({ clock });
  const credential = await node.tokens.mint({ user: "u", ttlMs: 60_000 });
  const socket = await logIn(node, { credential });
  const other = await logIn(node, { user: "other" });
  clock.advance(59_000);
  await roundTrip(socket, 1);
  clock.advance(12_000);
  expect(await frameOf(socket, "error")).toMatchObject({ code: "auth.expired" });
  expect(await closingOf(socket)).toMatchObject({ code: 4203, kick: { reconnect: false } });
  await roundTrip(other, 1);
});

test("a resume token continues its session, and the old connection is replaced", async () => {
  const node = startNode();
  const first = await logIn(node);
  const second = await logIn(node, { resume: resumeOf(first), offset: 0 });
  expect(second.json[0]!["session"]).toBe(first.json[0]!["session"]);
  expect(second.json[0]).toMatchObject({ recovered: true });
  expect(await closingOf(first)).toMatchObject({ code: 4200, kick: { reconnect: false } });
});

test("a token of somebody else, of nobody, or of an ended session begins a new one", async () => {
  const node = startNode();
  const mine = await logIn(node, { user: "u-1", device: "a" });
  const session = mine.json[0]!["session"];
  for (const options of [
    { user: "u-2", device: "a", resume: resumeOf(mine) },
    { user: "u-1", device: "b", resume: resumeOf(mine) },
    { user: "u-3", device: "a", resume: "s_made-up.AAAAAAAAAAAAAAAAAAAAAA" },
    { user: "u-4", device: "a", resume: "nonsense" },
  ]) {
    const socket = await logIn(node, options);
    expect(socket.json[0]!["session"], JSON.stringify(options)).not.toBe(session);
  }
  await roundTrip(mine, 1);
});

test("a log-in of the same device without a token replaces the one there is", async () => {
  const node = startNode();
  const first = await logIn(node, { device: "a" });
  const other = await logIn(node, { device: "b" });
  await logIn(node, { device: "a" });
  expect(await closingOf(first)).toMatchObject({ code: 4200 });
  await roundTrip(other, 1);
});

test("connections are counted per address, per user and in all", async () => {
  const node = startNode({
    limits: { connectionsMax: 4, connectionsPerAddress: 2, connectionsPerUser: 1 },
  });
  const open = (user: string, localAddress: string) => sayHello(node, { user, localAddress });
  const first = await open("u-1", "127.0.0.1");
  const second = await open("u-1", "127.0.0.1");
  expect(await frameOf(second, "error")).toMatchObject({ code: "gateway.busy" });
  expect(await closingOf(second)).toMatchObject({ code: 4103, kick: { reconnect: true } });

  await open("u-2", "127.0.0.1");
  const third = await connectTo(node, "127.0.0.1");
  expect([third.status, JSON.parse(third.body).error.code]).toEqual([503, "gateway.busy"]);
  expect(third.head).toContain("Retry-After:");
  await open("u-3", "127.0.0.2");
  await open("u-4", "127.0.0.2");
  expect((await connectTo(node, "127.0.0.3")).status).toBe(503);

  first.destroy();
  const again = await openWhenFree(() => connectTo(node, "127.0.0.1"));
  expect(again.status).toBe(101);
});

/** Tries until the server has noticed that another connection has gone. */
async function openWhenFree(open: () => Promise<RawSocket>): Promise<RawSocket> {
  for (;;) {
    const socket = await open();
    if (socket.status === 101) return socket;
  }
}
