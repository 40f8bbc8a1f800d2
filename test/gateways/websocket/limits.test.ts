import { describe, expect, test } from "vitest";
import { maskedFrame, OPCODE } from "../../testkit/raw-socket.ts";
import { type TestNode, testNode } from "./node.ts";
import { encode, type Frame } from "./page-client.ts";

describe("too many frames", () => {
  const limits = { framesPerSecond: 5, framesBurst: 10 };

  test("far beyond end the connection, which may come back", async () => {
    const node = testNode({ limits });
    const device = await node.login("ada");
    await node.push("ada", { n: 1 });
    await device.connection.next("push");
    device.connection.send(...pings(100));
    const { code, kick } = await device.connection.closed();
    expect(code).toBe(4102);
    expect(kick).toMatchObject({ reason: "too-fast", reconnect: true });
    // All of two bursts were answered, and then it was enough.
    expect(device.connection.of("error")).toHaveLength(20);
    expect(kick!["retryAfterMs"]).toBe(4_400);
    expect(await device.connect()).toMatchObject({ recovered: false, head: 1 });
    expect((await device.pushes(1))[0]).toMatchObject({ offset: 1, redelivered: true });
    await node.serves();
  });

  test("are also the pings and pongs of WebSocket itself", async () => {
    const node = testNode({ limits });
    const { connection } = await node.login("ada");
    const control = [OPCODE.ping, OPCODE.pong].map((it) => maskedFrame(it, Buffer.from("now")));
    connection.raw.write(Buffer.concat(Array(50).fill(Buffer.concat(control))));
    expect((await connection.closed()).code).toBe(4102);
    expect(connection.of("error")).toHaveLength(20);
  });

  test("are as many as they like where there is no limit", async () => {
    const node = testNode({ limits: { framesPerSecond: 0 } });
    const { connection } = await node.login("ada");
    expect((await connection.next("welcome"))["limits"]).toMatchObject({ framesPerSecond: 0 });
    for (let part = 0; part < 5; part += 1) {
      connection.send(...pings(1_000));
      await connection.next("pong", (part + 1) * 1_000);
    }
    expect(connection.of("error")).toEqual([]);
  });

  test("that are malformed count as well", async () => {
    const node = testNode({ limits });
    const { connection } = await node.login("ada");
    const frames = Array.from({ length: 12 }, (_, n) => (n % 2 ? { type: "ping", id: n } : {}));
    connection.send(...frames);
    await connection.next("error", 8);
    const codes = connection.of("error").map(({ code }) => code);
    expect(codes.filter((code) => code === "protocol.invalid")).toHaveLength(5);
    expect(codes.slice(-3)).toEqual(Array(3).fill("protocol.too-fast"));
  });
});

test("all fragments of a message count together as its size", async () => {
  const { connection } = await testNode({ limits: { frameBytesMax: 1_000 } }).login("ada");
  const part = Buffer.alloc(300, 0x20);
  connection.raw.write(maskedFrame(OPCODE.text, part, OPCODE.text));
  for (let n = 0; n < 3; n += 1) connection.raw.write(maskedFrame(0, part, 0));
  connection.raw.write(maskedFrame(0, part));
  expect((await connection.closed()).code).toBe(4205);
});

describe("malformed frames", () => {
  test.each(["json", "msgpack"] as const)("five in a row end a %s connection", async (encoding) => {
    const node = testNode();
    const { connection } = await node.login("ada", { encoding });
    const bad = [{}, {}, {}, {}];
    connection.send(...bad, { type: "ping", id: 1 }, ...bad);
    await connection.next("error", 8);
    await connection.ping();
    connection.send(...bad, {});
    const { code, kick } = await connection.closed();
    expect([code, kick!["reason"]]).toEqual([4204, "invalid-frame"]);
    expect(connection.of("error")).toHaveLength(13);
  });

  test.each([
    ["json", OPCODE.binary],
    ["msgpack", OPCODE.text],
  ] as const)("the wrong kind of message ends a %s connection", async (encoding, opcode) => {
    const node = testNode();
    const { connection } = await node.login("ada", { encoding });
    connection.raw.write(maskedFrame(opcode, Buffer.from('{"type":"ping","id":1}')));
    const { code, kick } = await connection.closed();
    expect([code, kick!["code"], kick!["reconnect"]]).toEqual([4204, 4204, false]);
  });

  test("after the one that ended the connection nothing is processed", async () => {
    const node = testNode();
    const device = await node.login("ada");
    await node.push("ada", { n: 1 });
    await device.connection.next("push");
    const kind = maskedFrame(OPCODE.binary, Buffer.from("x"));
    const ack = encode({ type: "ack", offsets: [1] }, "json");
    device.connection.raw.write(Buffer.concat([kind, ack]));
    await device.connection.closed();
    expect(await node.inbox.ledger("push")).toMatchObject({ acked: 0, pending: 1 });
  });
});

test("an expired credential ends its connection wherever it stands among many", async () => {
  const node = testNode({ limits: { connectionsPerUser: 100 } });
  const credential = await node.credential("ada", 30_000);
  const devices = await Promise.all(
    Array.from({ length: 40 }, (_, n) =>
      node.login("ada", { device: `d${n}`, ...(n % 3 === 0 ? { credential } : {}) }),
    ),
  );
  seconds(node, 40);
  expect(node.gateway.connections).toBe(26);
  const ended = devices.filter((_, n) => n % 3 === 0);
  const codes = await Promise.all(ended.map(({ connection }) => connection.closed()));
  expect(new Set(codes.map(({ code }) => code))).toEqual(new Set([4203]));
});

test("connections of a user that are replaced make room at once", async () => {
  const node = testNode({ limits: { connectionsPerUser: 2 } });
  const device = await node.login("ada");
  for (let round = 0; round < 10; round += 1) {
    const { connection } = device;
    await device.connect();
    await connection.closed();
  }
  expect(node.gateway.connections).toBe(1);
});

test("a drain says good-bye last, after everything that was on its way", async () => {
  const node = testNode();
  const device = await node.login("ada");
  await node.push("ada", { n: 1 });
  await device.pushes(1);
  device.connection.send(...pings(3));
  await device.connection.next("pong", 4);
  await node.gateway.drain(1_000);
  await device.connection.closed();
  const types = device.connection.frames.map(({ type }) => type);
  expect(types).toEqual(["welcome", "push", "pong", "pong", "pong", "pong", "kick"]);
});

function pings(count: number): Frame[] {
  return Array.from({ length: count }, (_, id) => ({ type: "ping", id }));
}

/** Lets time pass tick by tick, as it does. */
function seconds(node: TestNode, count: number): void {
  for (let second = 0; second < count; second += 1) node.clock.advance(1_000);
}
