/** The client for devices over UDP: what it does across channels, runs, and its own limits. */
import { expect, test } from "vitest";
import { ChannelClient, type Frame } from "../../../clients/udp/src/channel-client.ts";
import { udpNetwork } from "../../../clients/udp/src/network.ts";
import type { Ref } from "../../../src/actors/kernel/actor.ts";
import { externalRef } from "../../../src/actors/kernel/external.ts";
import type { ConnectionMessage, SessionMessage } from "../../../src/actors/session/messages.ts";
import { item } from "../../testkit/session-node.ts";
import { type Bare, bareExchange, HERE, KEY } from "./bare.ts";
import { secretOf, startUdpNode } from "./udp-node.ts";

const BOARD = "board:b1";

/** A node on virtual time whose sessions note uploads, and answer them when they are told to. */
function uploadsNode() {
  const uploads: number[] = [];
  const unanswered: number[] = [];
  let connection: Ref<ConnectionMessage> | undefined;
  let session: Ref<SessionMessage> | undefined;
  const bare: Bare = bareExchange(
    {},
    {
      openSession: ({ user, device }) => {
        const inner = bare.openSession(user, device);
        session = externalRef<SessionMessage>("/served", (message) => {
          if (message.type === "attach") connection = message.connection;
          if (message.type !== "request" || !("id" in message.request)) return inner.send(message);
          const { request } = message;
          uploads.push((request as unknown as { payload: number }).payload);
          unanswered.push(request.id);
          return true;
        });
        return session;
      },
      findSession: () => session,
    },
  );
  const answer = (count: number): void => {
    for (const id of unanswered.splice(0, count)) {
      connection!.send({ type: "frame", frame: { type: "uploaded", id } });
    }
  };
  return { bare, uploads, unanswered, answer };
}

test("requests beyond what the server remembers are done once, across channels, too", async () => {
  const { bare, uploads, unanswered, answer } = uploadsNode();
  const states: string[] = [];
  let isCut = false;
  const device = bare.device(HERE, {
    onState: (state, why) => states.push(`${state}: ${why}`),
    network: (receive) => {
      bare.attach(HERE, (datagram) => isCut || receive(datagram));
      return {
        send: (datagram) => void (isCut || bare.exchange.receive(Buffer.from(datagram), HERE)),
        close: () => {},
      };
    },
  });
  await bare.advance(100);
  const all = Array.from({ length: 200 }, (_, n) => n);
  const answers = all.map((payload) => device.request({ type: "upload", kind: "state", payload }));
  await bare.advance(1000);
  expect(unanswered).toHaveLength(64);
  // The first is answered last, and the device hears of ten only.
  unanswered.push(unanswered.shift()!);
  answer(10);
  await bare.advance(1000);
  isCut = true;
  answer(1000);
  await bare.advance(40_000);
  isCut = false;
  await bare.advance(40_000);
  expect(states.filter((state) => state.startsWith("connected"))).toHaveLength(2);
  while (unanswered.length > 0) {
    answer(7);
    await bare.advance(1000);
  }
  expect((await Promise.all(answers)).every(({ type }) => type === "uploaded")).toBe(true);
  expect([...uploads].sort((a, b) => a - b)).toEqual(all);
});

test("what a device says again after it was started anew is not taken for a repeat", async () => {
  const { bare, uploads, answer } = uploadsNode();
  let place = {};
  for (const random of [() => 0.25, () => 0.75]) {
    const device = bare.device(HERE, { random, place: place as never });
    await bare.advance(100);
    const told = device.request({ type: "upload", kind: "state", payload: 1 });
    await bare.advance(100);
    answer(1);
    await bare.advance(100);
    expect(await told).toMatchObject({ type: "uploaded" });
    place = device.place;
    device.drop();
  }
  expect(uploads).toEqual([1, 1]);
});

test("a request that fits no datagram is answered so, and the next one is done", async () => {
  const { bare, uploads, answer } = uploadsNode();
  const device = bare.device(HERE);
  const upload = { type: "upload", kind: "state" };
  const refused = device.request({ ...upload, payload: "x".repeat(1200) });
  expect(await refused).toMatchObject({ type: "error", code: "udp.too-large" });
  const told = device.request({ ...upload, payload: 2 });
  await bare.advance(200);
  answer(1);
  await bare.advance(100);
  expect(await told).toMatchObject({ type: "uploaded" });
  expect(uploads).toEqual([2]);
});

test("a push that was too large stays open in the place that a device keeps", async () => {
  const bare = bareExchange();
  const device = bare.device(HERE);
  await bare.advance(100);
  const big = { payload: JSON.stringify("x".repeat(2000)) };
  await bare.desk.append([item(BOARD, "m1"), item(BOARD, "m2", big), item(BOARD, "m3")]);
  await bare.advance(1000);
  // With 3 alone whoever continues would take the second one for handled.
  expect(device.place).toMatchObject({ offset: 3, open: [2] });
});

test("a device that knows more than the server begins anew, and handles what comes", async () => {
  const bare = bareExchange();
  const offsets: unknown[] = [];
  bare.device(HERE, {
    place: { resume: undefined, offset: 100 },
    onPush: ({ offset }) => offsets.push(offset),
  });
  await bare.desk.append([item(BOARD, "m1")]);
  await bare.advance(100);
  await bare.desk.append([item(BOARD, "m2")]);
  await bare.advance(100);
  expect(offsets).toEqual([1, 2]);
});

test("a quiet device keeps to the heartbeat that its welcome tells, however short", async () => {
  const bare = bareExchange({ heartbeatMs: 3_000 });
  const states: string[] = [];
  bare.device(HERE, { onState: (state, why) => states.push(`${state}: ${why}`) });
  await bare.advance(60_000);
  expect(states).toEqual(["connected: new"]);
});

test("a subscription that is repeated on the next channel is one there", async () => {
  const node = await startUdpNode();
  const open = (resume: string | undefined) => {
    const frames: Frame[] = [];
    const waiting: { readonly type: string; readonly resolve: (frame: Frame) => void }[] = [];
    const client = new ChannelClient({
      ...{ key: KEY, secret: secretOf(BOARD, "board") },
      network: udpNetwork("127.0.0.1", node.udp.port),
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
      onOpen: () => client.send({ type: "hello", ...(resume === undefined ? {} : { resume }) }),
      onFrame: (frame) => {
        frames.push(frame);
        for (const one of waiting) if (one.type === frame.type) one.resolve(frame);
      },
      onEnd: () => {},
    });
    const next = (type: string): Promise<Frame> =>
      new Promise((resolve) => {
        const known = frames.find((frame) => frame.type === type);
        if (known !== undefined) resolve(known);
        else waiting.push({ type, resolve });
      });
    return { client, next };
  };
  const first = open(undefined);
  const { resume } = await first.next("welcome");
  const subscribe = { type: "subscribe", id: 1, topic: "news" };
  first.client.send(subscribe);
  await first.next("subscribed");
  first.client.drop();
  const second = open(resume as string);
  await second.next("welcome");
  second.client.send(subscribe);
  await second.next("subscribed");
  second.client.send({ type: "publish", id: 2, topic: "news", payload: "hear me" });
  expect(await second.next("publication")).toMatchObject({ payload: "hear me" });
  second.client.drop();
});
