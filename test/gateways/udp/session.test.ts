/** What a UDP session decides: size, order, repeats, silence, addresses. On virtual time. */
import { describe, expect, test } from "vitest";
import type { Frame } from "../../../clients/udp/src/channel-client.ts";
import type { Ref } from "../../../src/actors/kernel/actor.ts";
import { externalRef } from "../../../src/actors/kernel/external.ts";
import type { ConnectionMessage, SessionMessage } from "../../../src/actors/session/messages.ts";
import type { DeviceRequest } from "../../../src/core/device-request.ts";
import { ok } from "../../../src/core/result.ts";
import type { NewBoard } from "../../../src/gateways/udp/messages.ts";
import { PACKET, typeOf } from "../../../src/gateways/udp/packet.ts";
import { FRAME_MAX } from "../../../src/gateways/udp/payload.ts";
import { item } from "../../testkit/session-node.ts";
import { type Bare, bareExchange, HERE, KEY } from "./bare.ts";
import { secretOf } from "./udp-node.ts";

const BOARD = "board:b1";
const ELSEWHERE = { address: "198.51.100.9", port: 999 };

const big = (length: number) => ({ payload: JSON.stringify("x".repeat(length)) });

describe("a push that is too large for a datagram", () => {
  test("is told of by its offset, stays unconfirmed, and holds nothing else up", async () => {
    const bare = bareExchange();
    const frames: Frame[] = [];
    const offsets: unknown[] = [];
    const device = bare.device(HERE, {
      onFrame: (frame) => frames.push(frame),
      onPush: ({ offset }) => offsets.push(offset),
    });
    await bare.advance(100);
    await bare.desk.append([item(BOARD, "m1"), item(BOARD, "m2", big(2000)), item(BOARD, "m3")]);
    await bare.advance(1000);
    expect(offsets).toEqual([1, 3]);
    expect(frames).toMatchObject([{ type: "error", code: "udp.too-large", offset: 2 }]);
    // A device that confirms everything up to here cannot mean what it was not sent.
    void device.request({ type: "ping" });
    device.confirmUpTo(3);
    await bare.advance(1000);
    expect(await bare.store.ledger("push")).toMatchObject({ acked: 2, pending: 1 });
  });

  test("that fills one exactly comes, and a volatile one that does not is told of", async () => {
    const bare = bareExchange();
    const frames: Frame[] = [];
    const pushes: Frame[] = [];
    bare.device(HERE, {
      onFrame: (frame) => frames.push(frame),
      onPush: (push) => pushes.push(push),
    });
    await bare.advance(100);
    for (let length = FRAME_MAX - 200; length < FRAME_MAX; length += 1) {
      await bare.desk.append([item(BOARD, `m${length}`, big(length))]);
    }
    await bare.advance(5000);
    expect(pushes.length + frames.length).toBe(200);
    expect(frames.length).toBeGreaterThan(0);
    expect(Math.max(...bare.sent.map(({ bytes }) => bytes.length))).toBe(1200);
  });
});

describe("a push that is not JSON", () => {
  test("is left out, and the next one comes", async () => {
    const bare = bareExchange();
    const offsets: unknown[] = [];
    bare.device(HERE, { onPush: ({ offset }) => offsets.push(offset) });
    await bare.advance(100);
    await bare.desk.append([item(BOARD, "m1", { payload: "{broken" }), item(BOARD, "m2")]);
    await bare.advance(1000);
    expect(offsets).toEqual([2]);
    expect(bare.counts.dropped["not-encoded"]).toBe(1);
  });
});

describe("an address", () => {
  test("follows the device, without a new log-in", async () => {
    const bare = bareExchange();
    const place = { ...HERE };
    const device = bare.device(place);
    await bare.advance(100);
    Object.assign(place, ELSEWHERE);
    const pong = device.request({ type: "ping" });
    await bare.advance(100);
    expect(await pong).toMatchObject({ type: "pong" });
    expect(bare.counts.moved).toBe(1);
    expect(bare.exchange.findPeer(BOARD)).toMatchObject(ELSEWHERE);
    expect(bare.exchange.sessions).toBe(1);
  });

  test("does not follow whoever repeats an old packet of the device", async () => {
    const bare = bareExchange();
    const device = bare.device({ ...HERE });
    await bare.advance(100);
    void device.request({ type: "ping" });
    await bare.advance(100);
    for (const datagram of bare.wire.filter((one) => typeOf(one) === PACKET.data)) {
      bare.exchange.receive(Buffer.from(datagram), ELSEWHERE);
    }
    await bare.settle();
    expect(bare.counts.moved).toBe(0);
    expect(bare.exchange.findPeer(BOARD)).toMatchObject(HERE);
  });

  test("that is new gets at most three times what came from it until it answers", async () => {
    const bare = bareExchange();
    const place = { ...HERE };
    const device = bare.device(place);
    await bare.advance(100);
    // A packet that never reached the server, sent to it from elsewhere by somebody who saw it.
    Object.assign(place, ELSEWHERE);
    void device.request({ type: "ping" });
    await bare.settle();
    device.drop();
    const before = bare.sent.length;
    const given = bare.wire.at(-1)!.length;
    for (let n = 0; n < 40; n += 1) await bare.desk.append([item(BOARD, `m${n}`, big(900))]);
    await bare.advance(20_000);
    const there = bare.sent.slice(before).filter(({ port }) => port === ELSEWHERE.port);
    const bytes = there.reduce((sum, one) => sum + one.bytes.length, 0);
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(3 * given);
  });

  test("that is new is asked for an answer, so that large pushes find a quiet device", async () => {
    const bare = bareExchange();
    const place = { ...HERE };
    const offsets: unknown[] = [];
    bare.device(place, { onPush: ({ offset }) => offsets.push(offset) });
    await bare.advance(100);
    Object.assign(place, ELSEWHERE);
    await bare.advance(13_000);
    expect(bare.counts.moved).toBe(1);
    for (let n = 1; n < 4; n += 1) await bare.desk.append([item(BOARD, `m${n}`, big(900))]);
    await bare.advance(100);
    expect(offsets).toEqual([1, 2, 3]);
    expect(bare.counts.closes.size).toBe(0);
  });

  test("that is new waits for its pushes when they come before its answer, too", async () => {
    const bare = bareExchange();
    const place = { ...HERE };
    const offsets: unknown[] = [];
    const device = bare.device(place, { onPush: ({ offset }) => offsets.push(offset) });
    await bare.advance(100);
    for (let n = 1; n < 4; n += 1) void bare.desk.append([item(BOARD, `m${n}`, big(900))]);
    Object.assign(place, ELSEWHERE);
    void device.request({ type: "ping" });
    await bare.advance(2000);
    expect(offsets).toEqual([1, 2, 3]);
    expect(bare.counts.closes.size).toBe(0);
  });
});

describe("silence", () => {
  test("ends the channel within 3 s of the heartbeat; the session waits for another", async () => {
    const bare = bareExchange();
    const device = bare.device({ ...HERE }, { keepAliveMs: 1e9 });
    await bare.advance(100);
    device.drop();
    await bare.advance(39_000);
    expect(bare.exchange.sessions).toBe(1);
    await bare.advance(4000);
    expect(bare.exchange.sessions).toBe(0);
    expect(bare.counts.closes.get("heartbeat-lost")).toBe(1);
    expect(bare.exchange.findPeer(BOARD)).toBeUndefined();
  });

  test("does not befall a device that has nothing to say", async () => {
    const bare = bareExchange();
    const device = bare.device({ ...HERE });
    await bare.advance(300_000);
    expect(device.isWelcome).toBe(true);
    expect(bare.counts.closes.size).toBe(0);
  });

  test("is not what could not be heard because the node stood still", async () => {
    const bare = bareExchange();
    const device = bare.device({ ...HERE }, { keepAliveMs: 1e9 });
    await bare.advance(30_000);
    bare.clock.halt(600_000);
    // What is due fires first, before anything is read.
    await bare.advance(100);
    expect(await device.request({ type: "ping" })).toMatchObject({ type: "pong" });
    expect(bare.counts.closes.size).toBe(0);
    device.drop();
    await bare.advance(44_000);
    expect(bare.counts.closes.get("heartbeat-lost")).toBe(1);
  });

  test("after a push that nobody confirms ends it, too", async () => {
    const bare = bareExchange({ heartbeatMs: 3_600_000 });
    const device = bare.device({ ...HERE });
    await bare.advance(100);
    device.drop();
    await bare.desk.append([item(BOARD, "m1")]);
    await bare.advance(60_000);
    expect(bare.exchange.sessions).toBe(0);
    expect(await bare.store.ledger("push")).toMatchObject({ acked: 0, pending: 1 });
  });
});

describe("a device that confirms nothing", () => {
  test("is too slow once too many bytes wait for it, and gets them when it is back", async () => {
    const bare = bareExchange();
    const device = bare.device({ ...HERE });
    await bare.advance(100);
    device.drop();
    for (let n = 0; n < 90; n += 1) {
      await bare.desk.append([item(BOARD, `m${n}`, big(900))]);
      await bare.settle();
    }
    expect(bare.counts.closes.get("slow")).toBe(1);
    await bare.advance(5000);
    const offsets: unknown[] = [];
    bare.device(HERE, { place: device.place, onPush: ({ offset }) => offsets.push(offset) });
    await bare.advance(5000);
    expect(offsets).toEqual(Array.from({ length: 90 }, (_, index) => index + 1));
    expect(bare.counts.closes.get("slow")).toBe(1);
  });
});

describe("a session that has ended", () => {
  test("with a good-bye is gone at once", async () => {
    const bare = bareExchange();
    const device = bare.device({ ...HERE });
    await bare.advance(100);
    device.close();
    await bare.settle();
    expect(bare.exchange.sessions).toBe(0);
    expect(bare.counts.closes.get("good-bye")).toBe(1);
  });
});

describe("a device that sends too fast", () => {
  test("is told so, and sent away when it goes on", async () => {
    const bare = bareExchange({ framesPerSecond: 10, framesBurst: 10 });
    const frames: Frame[] = [];
    const states: string[] = [];
    const device = bare.device(
      { ...HERE },
      {
        onFrame: (frame) => frames.push(frame),
        onState: (state, why) => states.push(`${state}: ${why}`),
      },
    );
    await bare.advance(100);
    for (let n = 0; n < 60; n += 1) void device.request({ type: "ping" });
    await bare.advance(500);
    expect(frames[0]).toMatchObject({ type: "error", code: "protocol.too-fast" });
    expect(states).toContain("waiting: too-fast");
  });

  test("is not there where the limit is 0", async () => {
    const bare = bareExchange({ framesPerSecond: 0, framesBurst: 1 });
    const device = bare.device({ ...HERE });
    await bare.advance(100);
    const answers = Array.from({ length: 60 }, () => device.request({ type: "ping" }));
    await bare.advance(500);
    expect(new Set((await Promise.all(answers)).map(({ type }) => type))).toEqual(
      new Set(["pong"]),
    );
  });
});

describe("a provisioning key", () => {
  const provisioning = [{ id: "factory", secret: Buffer.alloc(32, 9) }];
  const key = { type: "provisioning", id: "factory" } as const;

  test("registers a board, also one without a name, and does nothing else", async () => {
    const boards: NewBoard[] = [];
    const bare = bareExchange(
      {},
      {
        provisioning,
        registerBoard: async (board, by) => {
          boards.push(board);
          return ok({ board: `b-${boards.length}`, secret: by });
        },
      },
    );
    const answers = await bare.ask(key, provisioning[0]!.secret, [
      { type: "command", id: 1, command: { do: "register", mac: "m", serial: "s", model: "x" } },
      { type: "hello" },
      { type: "ping", id: 2 },
      { type: "command", id: 3, command: { do: "register", mac: "", serial: "s", model: "x" } },
      { type: "command", command: { do: "register", mac: "m", serial: "s", model: "x" } },
    ]);
    expect(answers).toMatchObject([
      { type: "error", code: "auth.forbidden" },
      { type: "error", code: "auth.forbidden", id: 2 },
      { type: "error", id: 3, message: expect.stringContaining("command.mac must be") },
      { type: "error", message: expect.stringContaining("id must be an integer") },
      { type: "done", id: 1, result: { board: "b-1", secret: "provisioning:factory" } },
    ]);
    expect(boards).toEqual([{ mac: "m", serial: "s", model: "x", name: "" }]);
  });

  test("registers nothing where no registry is wired", async () => {
    const bare = bareExchange({}, { provisioning });
    const answers = await bare.ask(key, provisioning[0]!.secret, [
      { type: "command", id: 1, command: { do: "register", mac: "m", serial: "s", model: "x" } },
    ]);
    expect(answers).toMatchObject([{ type: "error", code: "auth.forbidden", id: 1 }]);
  });
});

describe("a frame that is not as it should be", () => {
  const ask = (...frames: readonly object[]) =>
    bareExchange().ask(KEY, secretOf(BOARD, "board"), frames);

  test.each([
    [{ type: "hello", device: "pad" }, "device must be the one of the channel's key"],
    [{ type: "hello", resume: 7 }, "resume must be a string of 1 to 256 characters"],
    [{ type: "hello", offset: -1 }, "offset must be an integer from 0 to 2^53 - 1; got -1"],
    [{ type: "ping", id: 1 }, "the first frame must be hello"],
  ])("is named by its field where it comes first: %j", async (frame, words) => {
    expect(await ask(frame)).toMatchObject([
      { type: "error", message: expect.stringContaining(words) },
    ]);
  });

  test.each([
    [[1, 2], "a map with a type; got an array of 2"],
    [JSON.parse('{"__proto__":1}'), "MessagePack: without a key __proto__"],
    [{ type: "hello" }, "hello has no place here"],
    [{ type: "refresh", id: 1 }, "refresh has no place here"],
    [{ type: "command", command: { do: "peer", of: "board:b" } }, "id must be an integer"],
    [{ type: "command", id: 1, command: { do: "peer", of: "b" } }, "command.of must be the add"],
  ])("is named by its field where it comes later: %j", async (frame, words) => {
    expect(await ask({ type: "hello" }, frame)).toMatchObject([
      { type: "error", message: expect.stringContaining(words) },
      { type: "welcome" },
    ]);
  });
});

test("feature 'UDP session/register/login/rename/heartbeat': commands are served", async () => {
  const requests: DeviceRequest[] = [];
  const bare: Bare = bareExchange(
    {},
    {
      openSession: ({ user, device }) => {
        const inner = bare.openSession(user, device);
        let connection: Ref<ConnectionMessage> | undefined;
        return externalRef<SessionMessage>("/served", (message) => {
          if (message.type === "attach") connection = message.connection;
          if (message.type !== "request") return inner.send(message);
          const { request } = message;
          requests.push(request);
          if (!("id" in request)) return true;
          const type = request.type === "upload" ? "uploaded" : "done";
          return connection!.send({ type: "frame", frame: { type, id: request.id } });
        });
      },
    },
  );
  const device = bare.device({ ...HERE });
  await bare.advance(100);
  const commands = [
    { do: "rename", name: "Hall lamp" },
    { do: "sub-online", sub: "bulb-1" },
    { do: "sub-offline", sub: "bulb-1" },
    { do: "unbind" },
  ];
  const asked = [
    ...commands.map((command) => ({ type: "command", command })),
    { type: "upload", kind: "state", payload: { on: true } },
    { type: "upload", kind: "alarm", payload: { smoke: true } },
  ];
  const answers = asked.map((request) => device.request(request));
  // The network repeats everything that was sent.
  await bare.settle();
  for (const datagram of [...bare.wire]) bare.exchange.receive(Buffer.from(datagram), HERE);
  await bare.advance(1000);
  expect(requests).toMatchObject(asked);
  const types = (await Promise.all(answers)).map(({ type }) => type);
  expect(types).toEqual(["done", "done", "done", "done", "uploaded", "uploaded"]);
  // The heartbeat of old is any packet now.
  await bare.advance(120_000);
  expect(device.isWelcome).toBe(true);
});
