import { expect, onTestFinished, test } from "vitest";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import { type DeviceNodeOptions, startDeviceNode } from "../../testkit/device-node.ts";
import type { RawSocket } from "../../testkit/raw-socket.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { closingOf, connectTo, frameOf, logIn, resumeOf, roundTrip } from "./device.ts";

function startNode(options: DeviceNodeOptions = {}) {
  const node = startDeviceNode(options);
  onTestFinished(() => node.stop());
  return node;
}

/** More than the buffers of both ends of a loopback connection hold. */
const PUSH_BYTES = 60_000;
const PUSHES_MAX = 900;

function offsetsOf(socket: RawSocket): number[] {
  return socket.json.filter(({ type }) => type === "push").map((push) => push["offset"] as number);
}

test("a client that does not read is closed with 4101, and resumes with everything", async () => {
  const node = startNode();
  const socket = await logIn(node);
  socket.socket.pause();
  let pushed = 0;
  while (node.gateway.connections > 0 && pushed < PUSHES_MAX) {
    await node.push("u-1", "x".repeat(PUSH_BYTES));
    pushed += 1;
  }
  expect(node.gateway.connections).toBe(0);
  expect(node.gateway.counts.backpressure).toBeGreaterThan(0);
  for (let more = 0; more < 5; more += 1) await node.push("u-1", "later");
  pushed += 5;

  socket.socket.resume();
  expect(await closingOf(socket)).toMatchObject({ code: 4101, kick: { reconnect: true } });
  const before = offsetsOf(socket);
  expect(before).toEqual(Array.from(before, (_, index) => index + 1));

  const resume = resumeOf(socket);
  const again = await logIn(node, { resume, offset: before.at(-1) ?? 0 });
  expect(again.json[0]).toMatchObject({ recovered: true, head: pushed });
  await again.until(() => offsetsOf(again).length === pushed);
  expect(offsetsOf(again)).toEqual(Array.from({ length: pushed }, (_, index) => index + 1));
  const unflagged = again.json.filter(({ type, redelivered }) => type === "push" && !redelivered);
  for (const { offset } of unflagged) expect(before).not.toContain(offset);
  again.sendJson({ type: "ack", upTo: pushed });
  await roundTrip(again, 1);
  expect(await node.inbox.ledger("push")).toMatchObject({ acked: pushed, pending: 0 });
});

test("a replay waits for a client that reads slowly, instead of closing it", async () => {
  const clock = new VirtualClock();
  const stores = memoryStores({ inboxPerUserMax: 1000, clock });
  const node = startNode({ clock, stores, limits: { unsentBytesMax: 131_072 } });
  const count = 400;
  for (let made = 0; made < count; made += 1) await node.push("u-1", "x".repeat(20_000));
  const socket = await logIn(node);
  socket.socket.pause();
  // It has what fits its buffers; the node holds no more than a chunk of the rest in memory.
  await node.push("u-2", "somebody else is served meanwhile");
  await logIn(node, { user: "u-2" });
  expect(node.gateway.connections).toBe(2);
  socket.socket.resume();
  await socket.until(() => offsetsOf(socket).length === count);
  expect(offsetsOf(socket)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
});

test("a drain sends everybody away with a time to come back, and takes nobody new", async () => {
  const node = startNode();
  const sockets = await Promise.all(
    Array.from({ length: 20 }, (_, index) => logIn(node, { user: `u-${index}` })),
  );
  const silent = await connectTo(node);
  const drained = node.gateway.drain(5000);
  const late = await connectTo(node);
  expect([late.status, JSON.parse(late.body).error.code]).toEqual([503, "node.draining"]);
  await drained;
  expect(node.gateway.connections).toBe(0);
  for (const socket of [...sockets, silent]) {
    const { code, kick } = await closingOf(socket);
    expect(code).toBe(4100);
    expect(kick).toMatchObject({ reconnect: true, retryAfterMs: expect.any(Number) });
  }
  const pauses = sockets.map(({ json }) => json.at(-1)!["retryAfterMs"]);
  expect(new Set(pauses).size).toBeGreaterThan(10);
});

test("a drain of more than one step ends at its deadline at the latest", async () => {
  const clock = new VirtualClock();
  const node = startNode({ clock, limits: { connectionsPerAddress: 2000 } });
  const silent = await Promise.all(Array.from({ length: 700 }, () => connectTo(node)));
  const drained = node.gateway.drain(10);
  expect(node.gateway.connections).toBe(200);
  clock.advance(20);
  await drained;
  expect(node.gateway.connections).toBe(0);
  await Promise.all(silent.map((socket) => socket.closed()));
});

test("a session that crashes closes its connection, and the device may come again", async () => {
  const node = startNode();
  const socket = await logIn(node);
  const [found] = node.system.inspect({ under: "/sessions" });
  const session = node.system.resolve(found!.path);
  // No message of its own: the behavior finds nothing in it that it expects.
  session!.send({ type: "push", push: undefined });
  expect(await closingOf(socket)).toMatchObject({ code: 4105, kick: { reconnect: true } });
  expect(await frameOf(await logIn(node, { resume: resumeOf(socket) }), "welcome")).toBeDefined();
});
