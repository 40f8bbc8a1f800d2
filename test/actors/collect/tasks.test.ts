import { expect, onTestFinished, test } from "vitest";
import type { AudienceProgress } from "../../../src/actors/collect/messages.ts";
import type { Result } from "../../../src/core/result.ts";
import { judge, TASK_COMMANDS, TASK_STATES } from "../../../src/core/task.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { AudienceSource } from "../../../src/persistence/ports/audience.ts";
import type { Stores } from "../../../src/persistence/ports/stores.ts";
import { audience, campaign } from "../../conformance/open-stores.ts";
import { probe } from "../../testkit/kit.ts";
import { freeze, ids, must, pagesOf, startDesk } from "./desk-rig.ts";

const EVERYBODY: AudienceSource = { type: "condition", condition: { all: [] } };

/** A desk whose parts are written only when they are let through, one after the other. */
async function gatedDesk(members: number, partitions = 8) {
  const stores = memoryStores({ inboxPerUserMax: 1 });
  await stores.members.upsert(
    ids(0, members).map((id) => ({ id })),
    1,
  );
  const waiting: (() => void)[] = [];
  let isOpen = false;
  const gated: Stores = {
    ...stores,
    members: {
      ...stores.members,
      // As many partitions as a test needs, though it has few members.
      count: async (query) => {
        const counts = await stores.members.count(query);
        return { ...counts, eligible: partitions * 20_000 };
      },
    },
    collections: {
      ...stores.collections,
      addPart: async (...part) => {
        if (!isOpen) await new Promise<void>((go) => waiting.push(go));
        return stores.collections.addPart(...part);
      },
    },
  };
  const desk = startDesk({ stores: gated });
  const quiet = () => desk.kit.settle();
  const let1 = async () => {
    await quiet();
    waiting.shift()?.();
    await quiet();
  };
  const open = async () => {
    isOpen = true;
    for (const go of waiting.splice(0)) go();
    await desk.settle();
  };
  return { ...desk, quiet, let1, open };
}

test("each command in each state does what the table says, and says what it was", async () => {
  const desk = startDesk();
  await desk.stores.members.upsert([{ id: "m-1" }], 1);
  for (const state of TASK_STATES) {
    for (const command of TASK_COMMANDS) {
      // In these two it runs, and goes on by itself: that is another test's.
      if (state === "started" || state === "reboot") continue;
      const id = `aud_${state}_${command}`;
      await desk.stores.audiences.create(audience(id, { state, source: EVERYBODY, epoch: 3 }));
      const verdict = judge(state, command);
      const answer = await desk.command(id, command);
      const { epoch } = await desk.read(id);
      switch (verdict.type) {
        case "refused":
          expect(answer).toMatchObject({ error: { code: "audience.refused" } });
          expect(!answer.ok && answer.error.message).toContain(
            `${command} refused: audience ${id} is ${state}; that allows: `,
          );
          expect(epoch).toBe(3);
          break;
        case "holds":
          expect(answer).toMatchObject({ value: { before: state, changed: false } });
          expect(epoch).toBe(3);
          break;
        case "change":
          expect(answer).toMatchObject({
            value: { before: state, changed: true, audience: { state: verdict.to } },
          });
          expect(epoch).toBe(verdict.newRun ? 4 : 3);
      }
    }
  }
  await desk.settle();
});

test("an audience that is only created is ready, and is collected when it is started", async () => {
  const desk = startDesk();
  await desk.stores.members.upsert(
    ids(0, 5).map((id) => ({ id })),
    1,
  );
  const { id } = must(await desk.create(EVERYBODY, false));
  await desk.settle();
  expect(await desk.read(id)).toMatchObject({ state: "ready", epoch: 0, size: 0 });
  expect(await desk.command(id, "start", "ann", "time has come")).toMatchObject({
    value: { before: "ready", changed: true, audience: { state: "started", by: "ann" } },
  });
  await desk.settle();
  expect(await desk.read(id)).toMatchObject({ state: "finished", size: 5, by: "system" });
  const { items } = await desk.stores.audiences.log(id, { limit: 9 });
  expect(items.map(({ to, by, why }) => [to, by, why])).toEqual([
    ["ready", "test", "created"],
    ["started", "ann", "time has come"],
    ["finished", "system", "done"],
  ]);
});

test("pause keeps what is done, proceed goes on there, and nobody comes twice", async () => {
  const desk = await gatedDesk(400);
  const { id } = must(await desk.create(EVERYBODY));
  await desk.let1();
  await desk.let1();
  expect(await desk.command(id, "pause")).toMatchObject({
    value: { before: "started", changed: true },
  });
  expect(await desk.command(id, "pause")).toMatchObject({ value: { changed: false } });
  await desk.open();
  const held = await desk.progress(id);
  expect(held).toMatchObject({ state: "pause", partitions: 8, partitionsDone: 2 });
  expect(held.size).toBeGreaterThan(0);
  expect((await desk.read(id)).state).toBe("pause");
  expect(await desk.command(id, "proceed")).toMatchObject({ value: { before: "pause" } });
  await desk.settle();
  const made = await desk.read(id);
  expect(made).toMatchObject({ state: "finished", epoch: 1, size: 400, partitions: 8 });
  const found = (await pagesOf(desk.stores, made)).flat().map(({ member }) => member);
  expect(found.sort()).toEqual(ids(0, 400).sort());
});

test("stop ends it for good; start begins anew with who is there then", async () => {
  const desk = await gatedDesk(100);
  const { id } = must(await desk.create(EVERYBODY));
  await desk.let1();
  await desk.command(id, "stop");
  await desk.open();
  expect(await desk.read(id)).toMatchObject({ state: "stopped" });
  expect(await desk.command(id, "proceed")).toMatchObject({ error: { code: "audience.refused" } });
  await desk.stores.members.upsert([{ id: "late" }], 2);
  await desk.command(id, "start");
  await desk.settle();
  const made = await desk.read(id);
  expect(made).toMatchObject({ state: "finished", epoch: 2, size: 101 });
  expect((await pagesOf(desk.stores, made)).flat()).toHaveLength(101);
});

test("an actor that ends in the middle is `reboot` until something is done again", async () => {
  const desk = await gatedDesk(100);
  const { id } = must(await desk.create(EVERYBODY));
  await desk.let1();
  await desk.quiet();
  // Another node on the same data, as after a crash of the first.
  const next = startDesk({ stores: desk.stores, prefix: "b" });
  await next.kit.settle();
  expect(await next.read(id)).toMatchObject({ state: "reboot", by: "system" });
  expect(await next.progress(id)).toMatchObject({ state: "reboot", partitionsDone: 1 });
  await desk.open();
  await next.settle();
  expect(await next.read(id)).toMatchObject({ state: "finished", size: 100, epoch: 1 });
  const changes = (await next.log(id)).map((line) => line.split(" ")[2]);
  expect(changes.slice(0, 3)).toEqual(["ready", "started", "reboot"]);
  expect(changes.at(-1)).toBe("finished");
});

test("an audience that a campaign has is not collected anew, and stays as it is", async () => {
  const desk = startDesk();
  await desk.stores.members.upsert([{ id: "m-1" }], 1);
  const made = await desk.collect(EVERYBODY);
  await desk.stores.campaigns.create(campaign("c1", { audience: made.id }), "cli");
  await desk.stores.members.upsert([{ id: "m-2" }], 2);
  expect(await desk.command(made.id, "start")).toMatchObject({
    error: { code: "audience.in-use" },
  });
  expect(await desk.read(made.id)).toMatchObject({ state: "finished", hash: made.hash, size: 1 });
  const free = await desk.collect(EVERYBODY);
  await desk.command(free.id, "start");
  await desk.settle();
  expect(await desk.read(free.id)).toMatchObject({ state: "finished", epoch: 2, size: 2 });
});

test("what was fed from outside cannot be started or held, and says so", async () => {
  const desk = startDesk();
  await desk.settle();
  await freeze(desk.stores, "fed", ids(0, 3));
  const started = await desk.command("fed", "start");
  expect(started).toMatchObject({ error: { code: "audience.refused" } });
  expect(!started.ok && started.error.message).toContain("was imported: import it again");
  expect(await desk.command("fed", "pause")).toMatchObject({
    error: { code: "audience.refused" },
  });
  expect(await desk.progress("fed")).toMatchObject({ state: "finished", size: 3 });
  expect(await desk.wait("fed")).toMatchObject({ value: { state: "finished" } });
  expect(await desk.command("none", "start")).toMatchObject({
    error: { code: "audience.unknown" },
  });
});

test("whoever watches sees every state at once, and how far it is", async () => {
  const desk = await gatedDesk(200);
  const { id } = must(await desk.create(EVERYBODY, false));
  const subscriber = probe<AudienceProgress>();
  const first = await desk.ask<AudienceProgress>((replyTo) => ({
    ...{ type: "watch-audience", id, subscriber, replyTo },
  }));
  expect(first).toMatchObject({ value: { state: "ready", partitionsDone: 0 } });
  await desk.command(id, "start");
  await desk.let1();
  await desk.let1();
  await desk.kit.advance(500);
  const half = subscriber.received.at(-1);
  expect(half).toMatchObject({ state: "started", partitions: 8, partitionsDone: 2 });
  expect(half!.rate).toBeGreaterThan(0);
  await desk.command(id, "pause");
  await desk.command(id, "proceed");
  await desk.open();
  const states = subscriber.received.map(({ state }) => state);
  expect(states.filter((state, n) => state !== states[n - 1])).toEqual([
    ...["ready", "started", "pause", "started", "finished"],
  ]);
  expect(subscriber.received.at(-1)).toMatchObject({ partitionsDone: 8, size: 200 });
});

test("a store that fails for good fails the collection, and the waiter hears why", async () => {
  const stores = memoryStores({ inboxPerUserMax: 1 });
  const broken = { ...stores.members, scan: () => Promise.reject(new Error("a page is torn")) };
  const desk = startDesk({ stores: { ...stores, members: broken } });
  const { id } = must(await desk.create(EVERYBODY));
  const waiting = desk.wait(id);
  await desk.kit.advance(60_000);
  expect(await waiting).toMatchObject({ error: { code: "audience.failed" } });
  expect(await desk.read(id)).toMatchObject({ state: "failed", why: "a page is torn" });
});

test("sixteen collections run at a time, and one more is refused for now", async () => {
  const desk = await gatedDesk(10, 1);
  onTestFinished(() => desk.open());
  const begun: Result<unknown>[] = [];
  for (let n = 0; n < 17; n += 1) begun.push(await desk.create(EVERYBODY));
  expect(begun.filter(({ ok }) => ok)).toHaveLength(16);
  expect(begun[16]).toMatchObject({ error: { code: "gateway.busy" } });
});
