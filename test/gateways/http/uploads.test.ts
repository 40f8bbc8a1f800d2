import { expect, onTestFinished, test } from "vitest";
import type { NewUpload } from "../../../src/persistence/ports/outbox.ts";
import { startHttpNode } from "./node.ts";

const upload = (key: string, kind = "state"): NewUpload => ({
  ...{ principal: "board:b1", device: "main", kind, payload: `{"t":"${key}"}`, key, at: 1_000 },
});

/** A node with the uploads of these keys. */
async function start(...keys: string[]) {
  const node = await startHttpNode();
  onTestFinished(() => node.stop());
  const add = async (...uploads: readonly NewUpload[]) => {
    await node.stores.outbox.append(uploads, 100);
    node.actors.outbox.send({ type: "grown" });
  };
  await add(...keys.map((key) => upload(key)));
  const read = async (query: string) => (await node.call("GET", `/v1/uploads?${query}`)).json;
  const ack = (consumer: string, upTo: number) =>
    node.call("POST", "/v1/uploads/ack", { json: { consumer, upTo } });
  return { ...node, add, read, ack };
}

const offsets = (read: { readonly items: readonly { readonly offset: number }[] }) =>
  read.items.map(({ offset }) => offset);

test("a consumer gets what it has not acknowledged, whole and in order", async () => {
  const { read, ack } = await start("a", "b", "c");
  const first = await read("consumer=crm&limit=2");
  expect(first).toMatchObject({ upTo: 2, missed: 0 });
  expect(first.items[0]).toEqual({
    ...{ offset: 1, from: "board:b1", device: "main", kind: "state", key: "a", at: 1_000 },
    payload: { t: "a" },
  });
  expect(offsets(await read("consumer=crm&limit=2"))).toEqual([1, 2]);
  expect((await ack("crm", first.upTo)).json).toEqual({ consumer: "crm", acked: 2, behind: 1 });
  expect(offsets(await read("consumer=crm"))).toEqual([3]);
  expect(offsets(await read("consumer=crm&after=0"))).toEqual([1, 2, 3]);
  expect(offsets(await read("consumer=bi"))).toEqual([1, 2, 3]);
});

test("some kinds only: what the others are is passed by, and acknowledged with them", async () => {
  const { read, add } = await start();
  await add(upload("a"), upload("b", "alarm.fire"), upload("c"));
  const { items, upTo } = await read("consumer=crm&kinds=alarm.fire,alarm.water");
  expect(items.map(({ kind }: { kind: string }) => kind)).toEqual(["alarm.fire"]);
  expect(upTo).toBe(3);
});

test("whoever waits is answered with the first upload of its kinds", async () => {
  const { read, add } = await start();
  const waiting = read("consumer=crm&kinds=alarm&waitMs=20000");
  await add(upload("a"));
  await add(upload("b", "alarm"));
  expect(offsets(await waiting)).toEqual([2]);
});

test("whoever has waited long enough is told that there is nothing, and up to where", async () => {
  const { read } = await start("a");
  expect(await read("consumer=crm&kinds=alarm&waitMs=1")).toEqual({
    ...{ items: [], upTo: 1, missed: 0 },
  });
});

test("a node that stops keeps nobody waiting, and lets nobody wait again", async () => {
  const { read, actors } = await start();
  const waiting = read("consumer=crm&waitMs=30000");
  // Whether it waits already or comes later: it is answered.
  actors.outbox.send({ type: "release" });
  expect(offsets(await waiting)).toEqual([]);
  expect(offsets(await read("consumer=crm&waitMs=30000"))).toEqual([]);
});

test("consumers and ledger tell where everything is; a forgotten one keeps nothing", async () => {
  const { call, ack, read } = await start("a", "b", "c");
  await ack("crm", 2);
  await read("consumer=bi");
  const places = async () => (await call("GET", "/v1/uploads/consumers")).json;
  expect(await places()).toEqual({
    items: [
      { consumer: "bi", acked: 0, behind: 3 },
      { consumer: "crm", acked: 2, behind: 1 },
    ],
    ledger: { accepted: 3, acked: 0, waiting: 3, pruned: 0 },
  });
  const forget = () => call("DELETE", "/v1/uploads/consumers/bi");
  expect((await forget()).json).toEqual({ changed: true });
  expect((await forget()).json).toEqual({ changed: false });
  expect((await places()).ledger).toEqual({ accepted: 3, acked: 2, waiting: 1, pruned: 0 });
});

test("who may only look may not read or acknowledge", async () => {
  const { call, tokenFor } = await start("a");
  const token = await tokenFor("viewer");
  expect((await call("GET", "/v1/uploads?consumer=crm", { token })).status).toBe(403);
  expect((await call("GET", "/v1/uploads/consumers", { token })).status).toBe(200);
});
