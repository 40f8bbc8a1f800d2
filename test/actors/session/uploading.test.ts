import { expect, test } from "vitest";
import { uploadsClerk } from "../../../src/actors/uploads/behavior.ts";
import { UPLOADS } from "../../../src/actors/uploads/messages.ts";
import { newUploads } from "../../../src/actors/uploads/state.ts";
import type { Broker } from "../../../src/broker/broker.ts";
import { RuntimeError } from "../../../src/core/errors.ts";
import { noMetrics } from "../../../src/core/metrics.ts";
import { ok } from "../../../src/core/result.ts";
import type { NewUpload } from "../../../src/persistence/ports/outbox.ts";
import { routingNode } from "./routing-node.ts";

/** Devices, and a broker that takes everything, nothing, or does not say. */
function start(copyKind?: (topic: string) => string | undefined) {
  const node = routingNode({ shared: { copyKind } });
  const taken: NewUpload[] = [];
  let publish: Broker["publish"] = async (uploads) => {
    taken.push(...uploads);
    return uploads.map(() => ok(true));
  };
  const broker: Broker = {
    name: "test",
    publish: (uploads) => publish(uploads),
    close: () => Promise.resolve(),
  };
  const clerk = uploadsClerk({ broker, metrics: noMetrics });
  node.system.spawn(clerk, { name: UPLOADS, state: newUploads() });
  return {
    ...node,
    taken,
    refuse: (error: RuntimeError) => {
      publish = () => Promise.reject(error);
    },
    hang: () => {
      publish = () => new Promise(() => {});
    },
  };
}

test("an upload is told to be uploaded once the broker has it", async () => {
  const { talkers, settle, taken } = start();
  const [lamp] = await talkers("board:lamp");
  lamp!.request({ type: "upload", id: 7, kind: "alarm", payload: { t: 99 }, key: "k1" });
  await settle();
  expect(lamp!.frames()).toEqual([{ type: "uploaded", id: 7 }]);
  expect(taken).toMatchObject([
    { principal: "board:lamp", kind: "alarm", payload: '{"t":99}', key: "k1" },
  ]);
});

test("uploads without a key of their own are never taken for each other", async () => {
  const { talkers, settle, taken } = start();
  const [lamp, again] = await talkers("board:lamp", "board:lamp");
  for (const device of [lamp!, again!]) {
    device.request({ type: "upload", id: 1, kind: "state", payload: 1 });
    device.request({ type: "upload", id: 1, kind: "state", payload: 1 });
  }
  await settle();
  expect(new Set(taken.map(({ key }) => key)).size).toBe(4);
});

test("a broker that refuses is told, with when to come again", async () => {
  const { talkers, settle, refuse } = start();
  const [lamp] = await talkers("board:lamp");
  refuse(new RuntimeError("outbox.full", "there is no room"));
  lamp!.request({ type: "upload", id: 7, kind: "state", payload: 1 });
  await settle();
  expect(lamp!.frames()).toEqual([
    {
      ...{ type: "error", id: 7, code: "outbox.full", message: "there is no room" },
      retryAfterMs: 1_000,
    },
  ]);
});

test("a broker that does not answer in time is unavailable", async () => {
  const { talkers, settle, clock, hang } = start();
  const [lamp] = await talkers("board:lamp");
  hang();
  lamp!.request({ type: "upload", id: 7, kind: "state", payload: 1 });
  await settle();
  expect(lamp!.frames()).toEqual([]);
  clock.advance(10_000);
  await settle();
  expect(lamp!.frames()).toMatchObject([
    { type: "error", id: 7, code: "broker.unavailable", retryAfterMs: 1_000 },
  ]);
});

test("an answer waits for a device that has lost its connection", async () => {
  const { talkers, settle, attach, talks } = start();
  const [lamp] = await talkers("board:lamp");
  lamp!.request({ type: "upload", id: 7, kind: "state", payload: 1 });
  lamp!.drop();
  await settle();
  const back = talks(attach(lamp!.session));
  await settle();
  expect(back.frames()).toEqual([{ type: "uploaded", id: 7 }]);
});

test("a node without a broker says that it does not serve uploads", async () => {
  const { talkers, settle } = routingNode();
  const [lamp] = await talkers("board:lamp");
  lamp!.request({ type: "upload", id: 7, kind: "state", payload: 1 });
  await settle();
  expect(lamp!.frames()).toMatchObject([{ type: "error", id: 7, code: "protocol.invalid" }]);
});

const alarms = (topic: string) => (topic.startsWith("alarm") ? "alarm" : undefined);

test("a message of a topic that the rules name goes to the back end, then on its way", async () => {
  const { talkers, settle, relations, taken } = start(alarms);
  relations.bind("ann", "lamp");
  const [ann, lamp] = await talkers("ann", "board:lamp");
  lamp!.send("phones", "smoke", { topic: "alarm.fire" });
  lamp!.send("phones", "22 degrees", { topic: "climate" });
  await settle();
  expect(taken.map(({ kind, payload }) => [kind, payload])).toEqual([
    ["alarm", '{"to":"phones","topic":"alarm.fire","payload":"smoke"}'],
  ]);
  expect([...ann!.got()].sort()).toEqual(["22 degrees", "smoke"]);
  expect(lamp!.frames().map(({ type }) => type)).toEqual(["sent", "sent"]);
});

test("what the back end must have and cannot get goes nowhere, and that is told", async () => {
  const { talkers, settle, relations, refuse } = start(alarms);
  relations.bind("ann", "lamp");
  const [ann, lamp] = await talkers("ann", "board:lamp");
  refuse(new RuntimeError("outbox.full", "there is no room"));
  lamp!.send("phones", "smoke", { topic: "alarm.fire" });
  await settle();
  expect(ann!.got()).toEqual([]);
  expect(lamp!.frames()).toMatchObject([{ type: "error", code: "outbox.full" }]);
});

test("of publications the back end gets those that the credential allows", async () => {
  const { talkers, settle, taken } = start(alarms);
  const [lamp] = await talkers("board:lamp");
  lamp!.request({ type: "publish", id: 1, topic: "alarm.fire", payload: "forged" });
  await settle();
  expect(taken).toEqual([]);
  expect(lamp!.frames()).toMatchObject([{ type: "error", id: 1, code: "topic.forbidden" }]);
  lamp!.session.send({ type: "grants", grants: { subscribe: [], publish: ["alarm.*"] } });
  lamp!.request({ type: "publish", id: 2, topic: "alarm.fire", payload: "smoke" });
  lamp!.request({ type: "send", id: 3, to: "topic:alarm.fire", payload: "flames" });
  await settle();
  expect(taken.map(({ payload }) => payload)).toEqual([
    '{"topic":"alarm.fire","payload":"smoke"}',
    '{"topic":"alarm.fire","payload":"flames"}',
  ]);
  expect(lamp!.frames().slice(1)).toMatchObject([{ type: "published" }, { type: "published" }]);
});
