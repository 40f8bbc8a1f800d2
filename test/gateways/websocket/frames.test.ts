import { Packr } from "msgpackr";
import { expect, onTestFinished, test } from "vitest";
import { type DeviceNodeOptions, startDeviceNode } from "../../testkit/device-node.ts";
import { maskedFrame, OPCODE, RawSocket } from "../../testkit/raw-socket.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { closingOf, frameOf, logIn, roundTrip } from "./device.ts";

function startNode(options: DeviceNodeOptions = {}) {
  const node = startDeviceNode(options);
  onTestFinished(() => node.stop());
  return node;
}

const TEXT = '{"type":"ping","id":7,"data":"whole"}';

test("a malformed frame is answered with the field, and the connection stays", async () => {
  const socket = await logIn(startNode());
  socket.sendJson({ type: "ack", offsets: [1, -2] });
  const { code, message } = await frameOf(socket, "error");
  expect(code).toBe("protocol.invalid");
  expect(message).toBe("offsets.1 must be an integer from 0 to 2^53 - 1; got -2");
  await roundTrip(socket, 1);
});

test("five malformed frames in a row end it, four and a good one do not", async () => {
  const socket = await logIn(startNode());
  const garbage = (count: number): void => {
    for (; count > 0; count -= 1) socket.sendJson({ type: "nonsense" });
  };
  garbage(4);
  await roundTrip(socket, 1);
  garbage(4);
  await roundTrip(socket, 2);
  garbage(5);
  expect(await closingOf(socket)).toMatchObject({ code: 4204, kick: { reconnect: false } });
});

test("a message of the other kind ends it", async () => {
  const socket = await logIn(startNode());
  socket.write(maskedFrame(OPCODE.binary, Buffer.from(TEXT)));
  expect(await closingOf(socket)).toMatchObject({ code: 4204 });
});

test("a frame over the limit ends it with 4205, one at the limit does not", async () => {
  const node = startNode({ limits: { frameBytesMax: 2048 } });
  const socket = await logIn(node);
  const ping = (bytes: number): void => {
    const empty = JSON.stringify({ type: "ping", id: 1, data: "" }).length;
    socket.sendJson({ type: "ping", id: 1, data: "x".repeat(bytes - empty) });
  };
  ping(2048);
  await frameOf(socket, "pong");
  ping(2049);
  expect(await closingOf(socket)).toMatchObject({ code: 4205, kick: { reconnect: false } });
});

test("a frame far over the limit cuts the connection", async () => {
  const node = startNode({ limits: { frameBytesMax: 2048 } });
  const socket = await logIn(node);
  socket.write(maskedFrame(OPCODE.text, Buffer.alloc(5000, 97)));
  expect(await closingOf(socket)).toEqual({});
});

test("frames over the rate are refused, and taken again after the pause", async () => {
  const clock = new VirtualClock();
  const node = startNode({ clock, limits: { framesPerSecond: 10, framesBurst: 5 } });
  const socket = await logIn(node);
  for (let id = 1; id <= 6; id += 1) socket.sendJson({ type: "ping", id });
  const { code, retryAfterMs } = await frameOf(socket, "error");
  expect(code).toBe("protocol.too-fast");
  await socket.until(() => socket.json.filter(({ type }) => type === "pong").length === 4);
  clock.advance(Number(retryAfterMs));
  await roundTrip(socket, 99);
  clock.advance(500);
  for (let id = 101; id <= 104; id += 1) await roundTrip(socket, id);
});

test("who goes on far above the rate is sent away", async () => {
  const clock = new VirtualClock();
  const node = startNode({ clock, limits: { framesPerSecond: 10, framesBurst: 5 } });
  const socket = await logIn(node);
  for (let id = 1; id <= 20; id += 1) socket.sendJson({ type: "ping", id });
  const { code, kick } = await closingOf(socket);
  expect(code).toBe(4102);
  expect(kick).toMatchObject({ reconnect: true, retryAfterMs: expect.any(Number) });
  const errors = socket.json.filter((frame) => frame["code"] === "protocol.too-fast");
  expect(errors.length).toBe(10);
});

test("a message in fragments is one frame, with pings between them", async () => {
  const socket = await logIn(startNode());
  const bytes = Buffer.from(TEXT);
  socket.write(maskedFrame(OPCODE.text, bytes.subarray(0, 5), OPCODE.text));
  socket.write(maskedFrame(OPCODE.ping, Buffer.from("between")));
  for (const byte of bytes.subarray(5, -1)) {
    socket.write(maskedFrame(OPCODE.continuation, Buffer.from([byte]), OPCODE.continuation));
  }
  socket.write(maskedFrame(OPCODE.continuation, bytes.subarray(-1)));
  expect(await frameOf(socket, "pong")).toEqual({ type: "pong", id: 7, data: "whole" });
  const pong = socket.frames.find(({ opcode }) => opcode === OPCODE.pong);
  expect(pong?.payload.toString()).toBe("between");
});

test("bytes that come one by one are one frame", async () => {
  const socket = await logIn(startNode());
  socket.socket.setNoDelay(true);
  for (const byte of maskedFrame(OPCODE.text, Buffer.from(TEXT))) socket.write(Buffer.from([byte]));
  expect(await frameOf(socket, "pong")).toMatchObject({ id: 7 });
});

test.each([
  ["text that is not UTF-8", maskedFrame(OPCODE.text, Buffer.from([0xff, 0xfe, 0xfd]))],
  ["a reserved bit", maskedFrame(OPCODE.text, Buffer.from(TEXT), 0xc1)],
  ["a reserved opcode", maskedFrame(3, Buffer.from(TEXT))],
  ["a control frame in fragments", maskedFrame(OPCODE.ping, Buffer.from("x"), OPCODE.ping)],
  ["a control frame that is too long", maskedFrame(OPCODE.ping, Buffer.alloc(126))],
  ["a continuation of nothing", maskedFrame(OPCODE.continuation, Buffer.from(TEXT))],
  ["a close code that may not be sent", maskedFrame(OPCODE.close, Buffer.from([0, 5]))],
])("%s cuts the connection and nothing else", async (_, bytes) => {
  const node = startNode();
  const [bad, good] = [await logIn(node, { user: "bad" }), await logIn(node, { user: "good" })];
  bad.write(bytes);
  await bad.closed();
  await roundTrip(good, 1);
  expect(node.gateway.connections).toBe(1);
});

test("closing with 1000 ends the session, with another code it waits to be resumed", async () => {
  const node = startNode();
  const leaving = async (code: number): Promise<unknown> => {
    const socket = await logIn(node);
    const { resume, session } = socket.json[0]!;
    socket.write(maskedFrame(OPCODE.close, Buffer.from([code >> 8, code & 255])));
    await socket.closed();
    const next = await logIn(node, { resume: String(resume) });
    return next.json[0]!["session"] === session;
  };
  expect(await leaving(1001)).toBe(true);
  expect(await leaving(1000)).toBe(false);
});

test("text beyond ASCII comes as UTF-8, corked or not", async () => {
  const node = startNode();
  const socket = await logIn(node);
  const texts = ["é", "€", "🙂", "plain", "\u0000\u007f\u0080"];
  for (const text of texts) await node.push("u-1", { text });
  const pushes = (): Record<string, unknown>[] => socket.json.filter(({ type }) => type === "push");
  await socket.until(() => pushes().length === 5);
  node.broadcast({ payload: JSON.stringify({ text: "ñ" }), topic: "tópico" });
  await socket.until(() => pushes().length === 6);
  expect(pushes().map(({ payload }) => payload)).toEqual([...texts, "ñ"].map((text) => ({ text })));
  socket.sendJson({ type: "ping", id: 1, data: "ü" });
  socket.sendJson({ type: "ping", id: 2, data: "日本" });
  await roundTrip(socket, 3);
  expect(socket.json.slice(-3).map(({ data }) => data)).toEqual(["ü", "日本", undefined]);
});

test("a MessagePack device gets the same as a JSON device", async () => {
  const packr = new Packr({ useRecords: false, int64AsType: "number" });
  const node = startNode();
  const { port } = node;
  const socket = await RawSocket.open({ port, protocol: "herald.v1.msgpack" });
  const credential = await node.tokens.mint({ user: "u-1", ttlMs: 60_000 });
  const send = (value: unknown): void =>
    socket.write(maskedFrame(OPCODE.binary, packr.pack(value)));
  const frames = (): Record<string, unknown>[] =>
    socket.frames.map(({ payload }) => packr.unpack(payload) as Record<string, unknown>);
  send({ type: "hello", credential, device: "packed" });
  await socket.until(() => socket.frames.length === 1);
  const json = await logIn(node, { device: "plain" });
  await node.push("u-1", { n: 1.5, list: ["é", null] });
  node.broadcast({});
  await socket.until(() => socket.frames.length === 3);
  await json.until(() => json.json.length === 3);
  const byId = (list: readonly Record<string, unknown>[]) =>
    list.slice(1).toSorted((a, b) => String(a["id"]).localeCompare(String(b["id"])));
  expect(byId(frames())).toEqual(byId(json.json));
  send({ type: "ack", offsets: [1] });
  send({ type: "ping", id: 5, data: { deep: [1] } });
  await socket.until(() => socket.frames.length === 4);
  expect(frames()[3]).toEqual({ type: "pong", id: 5, data: { deep: [1] } });
  expect(await node.inbox.ledger("push")).toMatchObject({ accepted: 1, acked: 1, pending: 0 });
});

test("a browser on the devices' path is told what it lacks, and beside it nothing is", async () => {
  const { port } = startNode();
  const lacking = await fetch(`http://127.0.0.1:${port}/v1/connect`);
  expect(lacking.status).toBe(400);
  expect(await lacking.json()).toMatchObject({
    error: { code: "protocol.invalid", message: expect.stringContaining("Sec-WebSocket-Key") },
  });
  expect((await fetch(`http://127.0.0.1:${port}/v1/connected`)).status).toBe(404);
});
