/** The weaknesses of the replaced device proxy that concern UDP, each shown not to be here. */
import { expect, test } from "vitest";
import type { Frame } from "../../../clients/udp/src/channel-client.ts";
import type { UdpDevice } from "../../../clients/udp/src/device.ts";
import { udpNetwork } from "../../../clients/udp/src/network.ts";
import { seededRandom } from "../../../src/core/random.ts";
import { ok } from "../../../src/core/result.ts";
import { HEADER_BYTES, PACKET, sessionOf, typeOf } from "../../../src/gateways/udp/packet.ts";
import { frameOf, logIn } from "../websocket/device.ts";
import { bareExchange, HERE, startFor } from "./bare.ts";
import { secretOf, startUdpNode, type UdpNode, udpDevice } from "./udp-node.ts";

function connected(node: UdpNode, principal: string, onPush: (push: Frame) => void = () => {}) {
  return new Promise<UdpDevice>((resolve) => {
    const device = udpDevice(node, principal, {
      onPush,
      onState: (state) => state === "connected" && resolve(device),
    });
  });
}

test("weakness 2: a message to all boards over UDP comes to each, or to none", async () => {
  const node = await startUdpNode();
  expect(node.broadcast({ payload: '"nobody"' })).toBe(0);
  const names = ["board:1", "board:2", "board:3"];
  const heard: unknown[] = [];
  let all = (): void => {};
  const done = new Promise<void>((resolve) => {
    all = resolve;
  });
  for (const name of names) {
    await connected(node, name, ({ payload }) => {
      heard.push(payload);
      if (heard.length === names.length) all();
    });
  }
  expect(node.broadcast({ payload: '"all"' })).toBe(names.length);
  await done;
  expect(heard).toEqual(names.map(() => "all"));
});

test("weakness 2: boards that leave while they are pushed to hold nobody up", async () => {
  const node = await startUdpNode();
  let heard = 0;
  const last = new Promise<void>((resolve) => {
    void connected(node, "board:stays", ({ payload }) => {
      heard += 1;
      if (payload === 29) resolve();
    });
  });
  for (let n = 0; n < 30; n += 1) {
    const leaver = await connected(node, `board:leaves-${n}`);
    leaver.close();
    await node.push(`board:leaves-${n}`, n);
    await node.push("board:stays", n);
  }
  await last;
  expect(heard).toBe(30);
});

test("weakness 3: a board registers without a name", async () => {
  const provisioning = [{ id: "factory", secret: Buffer.alloc(32, 9) }];
  const registerBoard = async () => ok({ board: "b-1", secret: "s" });
  const bare = bareExchange({}, { provisioning, registerBoard });
  const key = { type: "provisioning", id: "factory" } as const;
  const board = { do: "register", mac: "m", serial: "s", model: "x", name: "" };
  const answers = await bare.ask(key, provisioning[0]!.secret, [
    { type: "command", id: 1, command: board },
  ]);
  expect(answers).toMatchObject([{ type: "done", id: 1, result: { board: "b-1" } }]);
});

test.each(["0", "-1", "1", "15", "16", "-16", "9223372036854775807", "-9223372036854775808"])(
  "weakness 3: no id is special: %s is pushed to as any other",
  async (id) => {
    const node = await startUdpNode();
    const pushes: Frame[] = [];
    let came = (): void => {};
    const push = new Promise<void>((resolve) => {
      came = resolve;
    });
    await connected(node, id, (one) => {
      pushes.push(one);
      came();
    });
    await node.push(id, "for you");
    await push;
    expect(pushes).toMatchObject([{ payload: "for you" }]);
  },
);

test("weakness 4: no length of any packet stops the node or the sessions of others", async () => {
  const bare = bareExchange({ handshakesBurst: 1e6 });
  const device = bare.device({ ...HERE });
  await bare.advance(100);
  const random = seededRandom(4);
  for (const whole of [...bare.wire, await startFor(bare, 9)]) {
    for (let length = 0; length < whole.length; length += 1) {
      bare.exchange.receive(Buffer.from(whole.subarray(0, length)), HERE);
    }
    for (let n = 0; n < 50; n += 1) {
      const garbage = Buffer.from(Array.from({ length: 1500 }, () => random() * 256));
      garbage.set(whole.subarray(0, Math.min(whole.length, HEADER_BYTES)));
      bare.exchange.receive(garbage.subarray(0, Math.floor(random() * 1500)), HERE);
    }
  }
  await bare.settle();
  const pong = device.request({ type: "ping" });
  await bare.advance(1000);
  expect(await pong).toMatchObject({ type: "pong" });
  expect(bare.exchange.sessions).toBe(1);
});

test("weakness 6: nothing of a device's frames can be read on the wire", async () => {
  const bare = bareExchange();
  const device = bare.device({ ...HERE });
  await bare.advance(100);
  void device.request({ type: "ping", data: "a secret of this board" });
  await bare.advance(100);
  const seen = [...bare.wire, ...bare.sent.map(({ bytes }) => bytes)];
  expect(seen.length).toBeGreaterThan(4);
  for (const datagram of seen) {
    expect(datagram.includes("a secret of this board")).toBe(false);
    expect(datagram.includes("hello")).toBe(false);
    expect(datagram.includes(Buffer.from(secretOf("board:b1", "board")))).toBe(false);
  }
});

test("weakness 6: a recorded conversation is worth nothing, now or after a restart", async () => {
  const bare = bareExchange();
  const device = bare.device({ ...HERE });
  await bare.advance(100);
  void device.request({ type: "ping" });
  await bare.advance(100);
  const record = [...bare.wire];
  const framesBefore = bare.counts.framesIn;
  for (const datagram of record) bare.exchange.receive(Buffer.from(datagram), HERE);
  await bare.settle();
  expect(bare.counts.framesIn).toBe(framesBefore);
  expect(bare.exchange.sessions).toBe(1);
  const other = bareExchange();
  for (const datagram of record) other.exchange.receive(Buffer.from(datagram), HERE);
  await other.settle();
  expect(other.exchange.sessions).toBe(0);
  expect(other.counts.framesIn).toBe(0);
});

test("weakness 6: a session id is chance, and says nothing of the process", async () => {
  const bare = bareExchange();
  const ids: string[] = [];
  for (let n = 1; n <= 40; n += 1) {
    const [accept] = await bare.give(await startFor(bare, n));
    if (accept !== undefined && typeOf(accept) === PACKET.accept) ids.push(sessionOf(accept));
    await bare.advance(1000);
  }
  expect(new Set(ids).size).toBe(40);
  // Of an address or a counter, most bytes would hardly ever differ.
  for (let at = 0; at < 16; at += 2) {
    expect(new Set(ids.map((id) => id.slice(at, at + 2))).size).toBeGreaterThan(20);
  }
});

test("weakness 7: what is pushed to a device that is away waits for it", async () => {
  const node = await startUdpNode();
  await node.push("board:late", "waited");
  const push = new Promise<Frame>((resolve) => void connected(node, "board:late", resolve));
  expect(await push).toMatchObject({ payload: "waited" });
});

test("weakness 7: a push too large for UDP is told of, and comes over WebSocket", async () => {
  const node = await startUdpNode();
  const text = "x".repeat(3000);
  const told = new Promise<Frame>((resolve) => {
    udpDevice(node, "ann", { network: udpNetwork("127.0.0.1", node.udp.port), onFrame: resolve });
  });
  await node.push("ann", text);
  expect(await told).toMatchObject({ type: "error", code: "udp.too-large", offset: 1 });

  const socket = await logIn(node, { user: "ann", device: "board" });
  expect(await frameOf(socket, "push")).toMatchObject({ offset: 1, payload: text });
});
