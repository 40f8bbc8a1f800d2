/** Devices over real sockets: log-in, pushes, requests, and one session over two transports. */
import { expect, test } from "vitest";
import type { Frame } from "../../../clients/udp/src/channel-client.ts";
import type { UdpDevice } from "../../../clients/udp/src/device.ts";
import { reachDesk } from "../../testkit/reach-desk.ts";
import { frameOf, logIn, resumeOf } from "../websocket/device.ts";
import { startUdpNode, type UdpNode, udpDevice } from "./udp-node.ts";

/** Waits for the first of what is collected that fits. */
function collector(): {
  readonly all: Frame[];
  add(frame: Frame): void;
  has(count: number): Promise<void>;
} {
  const all: Frame[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  return {
    all,
    add(frame) {
      all.push(frame);
      for (const { count, resolve } of waiting) if (all.length >= count) resolve();
    },
    has: (count) =>
      new Promise((resolve) => {
        if (all.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
  };
}

function connected(
  node: UdpNode,
  principal: string,
  options: Parameters<typeof udpDevice>[2] = {},
) {
  return new Promise<UdpDevice>((resolve) => {
    const device = udpDevice(node, principal, {
      ...options,
      onState(state, why) {
        options.onState?.(state, why);
        if (state === "connected") resolve(device);
      },
    });
  });
}

test("a device over UDP is welcomed, and its ping is answered", async () => {
  const node = await startUdpNode();
  const device = await connected(node, "board:b1");
  const pong = await device.request({ type: "ping", data: "there?" });
  expect(pong).toEqual({ type: "pong", id: expect.any(Number), data: "there?" });
  expect(node.udp.sessions).toBe(1);
});

test("a node that listens for IPv4 and IPv6 has one name for an IPv4 address", async () => {
  const node = await startUdpNode({ udp: { host: "::" } });
  await connected(node, "board:b1");
  expect(node.udp.findPeer("board:b1")).toMatchObject({ address: "127.0.0.1" });
});

test("a device over UDP gets what waited, and what comes, and each once", async () => {
  const node = await startUdpNode();
  await node.push("board:b1", { n: 1 });
  const pushes = collector();
  await connected(node, "board:b1", { onPush: pushes.add });
  await node.push("board:b1", { n: 2 });
  await pushes.has(2);
  expect(pushes.all.map(({ offset, payload }) => [offset, payload])).toEqual([
    [1, { n: 1 }],
    [2, { n: 2 }],
  ]);
});

test("a session begun over UDP goes on over WebSocket, nothing lost or repeated", async () => {
  const node = await startUdpNode();
  const pushes = collector();
  const device = await connected(node, "ann", { onPush: pushes.add });
  await node.push("ann", "one");
  await pushes.has(1);
  await device.request({ type: "ping" });
  const { resume, offset } = device.place;
  device.drop();
  await node.push("ann", "two");
  const socket = await logIn(node, { user: "ann", device: "board", resume: resume!, offset });
  const welcome = await frameOf(socket, "welcome");
  expect(welcome).toMatchObject({ recovered: true, session: resume!.split(".")[0] });
  const push = await frameOf(socket, "push");
  expect(push).toMatchObject({ offset: 2, payload: "two" });
  expect(socket.json.filter(({ type }) => type === "push").length).toBe(1);
});

test("a session begun over WebSocket goes on over UDP, nothing lost or repeated", async () => {
  const node = await startUdpNode();
  const socket = await logIn(node, { user: "ann", device: "board" });
  await node.push("ann", "one");
  await frameOf(socket, "push");
  const resume = resumeOf(socket);
  const pushes = collector();
  const device = await connected(node, "ann", { place: { resume, offset: 1 }, onPush: pushes.add });
  expect(await frameOf(socket, "kick")).toMatchObject({ reason: "replaced" });
  await node.push("ann", "two");
  await pushes.has(1);
  expect(pushes.all).toMatchObject([{ offset: 2, payload: "two" }]);
  expect(device.place.resume!.split(".")[0]).toBe(resume.split(".")[0]);
});

test("the same session goes to and fro, and back to UDP", async () => {
  const node = await startUdpNode();
  const seen: unknown[] = [];
  const note = (push: Frame): void => void seen.push(push["payload"]);
  let place = (await connected(node, "ann", { onPush: note })).place;
  for (let round = 0; round < 3; round += 1) {
    const socket = await logIn(node, {
      user: "ann",
      device: "board",
      offset: Math.max(0, place.offset),
      resume: place.resume!,
    });
    const offset = await node.push("ann", `ws ${round}`);
    const push = await frameOf(socket, "push");
    seen.push(push["payload"]);
    socket.sendJson({ type: "ack", offsets: [offset] });
    const pushes = collector();
    const device = await connected(node, "ann", {
      place: { resume: place.resume, offset },
      onPush: (frame) => {
        note(frame);
        pushes.add(frame);
      },
    });
    await node.push("ann", `udp ${round}`);
    await pushes.has(1);
    await device.request({ type: "ping" });
    place = device.place;
  }
  const rounds = [0, 1, 2].flatMap((round) => [`ws ${round}`, `udp ${round}`]);
  expect(seen).toEqual(rounds);
});

test("a wrong secret is refused as an unknown device is", async () => {
  const node = await startUdpNode();
  const why = new Promise<string>((resolve) => {
    udpDevice(node, "ann", {
      secret: Buffer.alloc(32),
      onState: (state, reason) => resolve(`${state}: ${reason}`),
    });
  });
  expect(await why).toBe("closed: unauthorized");
  expect(node.udp.sessions).toBe(0);
});

test("a device that is stopped elsewhere is told why, and does not come back", async () => {
  const node = await startUdpNode();
  const states = collector();
  await connected(node, "ann", { onState: (type, why) => states.add({ type, why }) });
  await connected(node, "ann");
  await states.has(2);
  expect(states.all[1]).toEqual({ type: "closed", why: "replaced" });
});

test("a node that stops tells its devices to come back elsewhere", async () => {
  const node = await startUdpNode();
  const states = collector();
  await connected(node, "ann", { onState: (type, why) => states.add({ type, why }) });
  node.udp.drain();
  await states.has(2);
  expect(states.all[1]).toEqual({ type: "waiting", why: "draining" });
  expect(node.udp.counts.closes.get("draining")).toBe(1);
});

test("who is online is asked over UDP; more than fits a datagram is asked one by one", async () => {
  const node = await startUdpNode();
  const relations = reachDesk(node.system);
  const names = Array.from({ length: 40 }, (_, n) => `a-board-of-a-house-${n}`);
  for (const name of names) relations.bind("ann", name);
  const device = await connected(node, "ann");
  await connected(node, `board:${names[3]}`);
  expect(await device.request({ type: "who", of: "boards" })).toMatchObject({
    ...{ type: "error", code: "udp.too-large", id: expect.any(Number) },
  });
  const one = await device.request({ type: "who", of: `board:${names[3]}` });
  const members = [{ principal: `board:${names[3]}`, online: true, sessions: 1 }];
  expect(one).toMatchObject({ type: "present", count: 1, members });
});

test("topics work over UDP as anywhere: subscribe, publish, who is there", async () => {
  const node = await startUdpNode();
  const frames = collector();
  const device = await connected(node, "ann", { onFrame: frames.add });
  expect(await device.request({ type: "subscribe", topic: "news" })).toMatchObject({
    ...{ type: "subscribed", topic: "news", recovered: false },
  });
  const published = await device.request({ type: "publish", topic: "news", payload: { n: 1 } });
  expect(published.type).toBe("published");
  await frames.has(1);
  expect(frames.all).toMatchObject([{ type: "publication", topic: "news", payload: { n: 1 } }]);
  const here = await device.request({ type: "who", topic: "news" });
  expect(here).toMatchObject({ type: "here", count: 1 });
});
