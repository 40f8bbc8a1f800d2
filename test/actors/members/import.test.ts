import { expect, test } from "vitest";
import type { Ref } from "../../../src/actors/kernel/actor.ts";
import { memberDesk, newMemberDesk } from "../../../src/actors/members/desk.ts";
import type {
  MemberImport,
  MemberImportMessage,
  MemberMessage,
} from "../../../src/actors/members/messages.ts";
import type { Result } from "../../../src/core/result.ts";
import { jsonLines } from "../../../src/gateways/ndjson/decoder.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { MemberStore } from "../../../src/persistence/ports/members.ts";
import { type Probe, probe, testSystem } from "../../testkit/kit.ts";

function startDesk(wrap: (members: MemberStore) => MemberStore = (it) => it) {
  const kit = testSystem();
  const stores = memoryStores({ inboxPerUserMax: 1 });
  const members = wrap(stores.members);
  const type = memberDesk({
    ...stores,
    members,
    now: () => 1_000,
    newDecoder: jsonLines,
  });
  const desk = kit.system.spawn(type, { name: "desk", state: newMemberDesk });
  const begin = async (): Promise<Result<Ref<MemberImportMessage>>> => {
    const replyTo = probe<Result<Ref<MemberImportMessage>>>();
    desk.send({ type: "begin-member-import", replyTo } satisfies MemberMessage);
    return replyTo.next();
  };
  const open = async (): Promise<Ref<MemberImportMessage>> => {
    const begun = await begin();
    if (!begun.ok) throw begun.error;
    return begun.value;
  };
  return { ...kit, stores, begin, open };
}

function feed(to: Ref<MemberImportMessage>, text: string): Probe<Result<{ lines: number }>> {
  const replyTo = probe<Result<{ lines: number }>>();
  to.send({ type: "chunk", bytes: Buffer.from(text), replyTo });
  return replyTo;
}

function end(to: Ref<MemberImportMessage>): Probe<Result<MemberImport>> {
  const replyTo = probe<Result<MemberImport>>();
  to.send({ type: "end", replyTo });
  return replyTo;
}

/** Members `from` to `to`, one per line. */
function lines(from: number, to: number, attributes: object = {}): string {
  const made = Array.from({ length: to - from }, (_, n) => ({ id: `m-${from + n}`, attributes }));
  return `${made.map((it) => JSON.stringify(it)).join("\n")}\n`;
}

test("a file is stored in batches, and of two lines of a member the later one wins", async () => {
  const sizes: number[] = [];
  const desk = startDesk((members) => ({
    ...members,
    upsert: (changes, at) => {
      sizes.push(changes.length);
      return members.upsert(changes, at);
    },
  }));
  const importing = await desk.open();
  await feed(importing, lines(0, 40_000, { n: 1 })).next();
  await feed(importing, lines(0, 10_000, { n: 2 })).next();
  const told = await end(importing).next();
  expect(told).toMatchObject({ value: { lines: 50_000, stored: 50_000, invalid: 0 } });
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2_048);
  const { members } = desk.stores;
  expect((await members.read("m-9999"))?.attributes).toEqual({ n: 2 });
  expect((await members.read("m-10000"))?.attributes).toEqual({ n: 1 });
});

test("while the store is behind, whoever feeds the import waits", async () => {
  const held: (() => void)[] = [];
  const desk = startDesk((members) => ({
    ...members,
    upsert: async (changes, at) => {
      await new Promise<void>((resolve) => void held.push(resolve));
      return members.upsert(changes, at);
    },
  }));
  const importing = await desk.open();
  const first = feed(importing, lines(0, 40_000));
  await desk.settle();
  expect(first.received).toHaveLength(1);
  const second = feed(importing, lines(40_000, 90_000));
  await desk.settle();
  // At most two batches are at the store, and a second window is full.
  expect([second.received.length, held.length]).toEqual([0, 2]);
  const done = second.next().then(() => end(importing).next());
  while (held.length > 0 || second.received.length === 0) {
    for (const go of held.splice(0)) go();
    await desk.settle();
  }
  for (let round = 0; round < 60; round += 1) {
    for (const go of held.splice(0)) go();
    await desk.settle();
  }
  expect(await done).toMatchObject({ value: { stored: 90_000 } });
});

test("a store that fails ends the import with its error, and the desk takes the next", async () => {
  let failing = true;
  const desk = startDesk((members) => ({
    ...members,
    upsert: (changes, at) =>
      failing ? Promise.reject(new Error("the disk is full")) : members.upsert(changes, at),
  }));
  const importing = await desk.open();
  await feed(importing, lines(0, 10)).next();
  const told = await end(importing).next();
  expect(told).toMatchObject({ ok: false, error: { message: "the disk is full" } });
  failing = false;
  const again = await desk.open();
  await feed(again, lines(0, 10)).next();
  expect(await end(again).next()).toMatchObject({ value: { stored: 10 } });
});

test("an import that is aborted, or hears nothing for long, makes room for another", async () => {
  const desk = startDesk();
  const all = [];
  for (let n = 0; n < 8; n += 1) all.push(await desk.open());
  expect(await desk.begin()).toMatchObject({ ok: false, error: { code: "gateway.busy" } });
  all[0]?.send({ type: "abort", why: "the sender went away" });
  await desk.settle();
  expect((await desk.begin()).ok).toBe(true);
  expect((await desk.begin()).ok).toBe(false);
  await desk.advance(60_001);
  expect((await desk.begin()).ok).toBe(true);
});
