import { expect, test } from "vitest";
import type { ActorType } from "../../../src/actors/kernel/actor.ts";
import type { ChangeAnswer, RelationChange } from "../../../src/actors/relations/messages.ts";
import { type UserMessage, userKind } from "../../../src/actors/user/messages.ts";
import type { Result } from "../../../src/core/result.ts";
import { probe } from "../../testkit/kit.ts";
import { reachesOf, rig } from "./rig.ts";

const BOARD: RelationChange = { type: "register", board: { id: "b1" } };
const BIND: RelationChange = { type: "bind", board: "b1", user: "ann" };
const UNBIND: RelationChange = { type: "unbind", board: "b1" };
/** So long a user has a message waiting: until after the change is made. */
const BUSY_TURNS = 10_000;
const CHANGED = { ok: true, value: { changed: true } };
const UNCHANGED = { ok: true, value: { changed: false } };

test("whoever is here has the new reach before the change is answered", async () => {
  const { change, arrive } = rig();
  const ann = arrive("ann");
  const board = arrive("board:b1");
  const eve = arrive("eve");
  expect(await change([BOARD, BIND])).toEqual(CHANGED);
  expect(reachesOf(ann)).toEqual([["board:b1"]]);
  expect(reachesOf(board)).toEqual([["ann"]]);
  await change(UNBIND);
  expect(reachesOf(ann)).toEqual([["board:b1"], []]);
  expect(eve).toEqual([]);
});

test("a user is told of the new reach first, and of what happened after that", async () => {
  const { change, arrive } = rig();
  const ann = arrive("ann");
  await change([BOARD, BIND]);
  expect(ann.map(({ type }) => type)).toEqual(["reach", "deliver"]);
});

test("a repeated change tells nobody anything", async () => {
  const { change, arrive, told } = rig();
  await change([BOARD, BIND]);
  const ann = arrive("ann");
  expect(await change(BIND)).toEqual(UNCHANGED);
  expect(await change(BOARD)).toEqual(UNCHANGED);
  expect(ann).toEqual([]);
  expect(await told("ann")).toEqual(["board.bound"]);
});

test("a refused change is answered with why, and tells nobody", async () => {
  const { change, told } = rig();
  const answer = await change([BOARD, BIND, { ...BIND, user: "eve" }]);
  expect(answer).toMatchObject({ ok: false, error: { code: "relation.refused" } });
  expect(await told("eve")).toEqual([]);
});

test("a device's own change is recorded, also one that is refused", async () => {
  const { change, stores } = rig();
  await change([BOARD, BIND]);
  expect((await stores.audit.list({ limit: 9 })).items).toEqual([]);
  await change({ ...BIND, user: "eve" }, "board:b1");
  await change(UNBIND, "board:b1");
  const { items } = await stores.audit.list({ limit: 9 });
  expect(items).toMatchObject([
    { by: "board:b1", action: "relation.unbind", target: "board b1", outcome: "ok" },
    {
      ...{ by: "board:b1", action: "relation.bind", target: "board b1 eve" },
      outcome: "relation.refused",
    },
  ]);
});

test("what could not be told is told once the inbox is there again, and once only", async () => {
  const { change, told, openClerk, advance, stores } = rig({ withoutClerk: true });
  expect(await change([BOARD, BIND])).toEqual(CHANGED);
  expect(await told("ann")).toEqual([]);
  openClerk();
  await advance(60_000);
  expect(await told("ann")).toEqual(["board.bound"]);
  expect(await stores.relations.announcements(9)).toEqual([]);
});

test("what a crash left untold is told at the next start", async () => {
  const before = rig({ withoutClerk: true });
  await before.change([BOARD, BIND]);
  const after = rig({ stores: before.stores });
  await after.settle();
  expect(await after.told("ann")).toEqual(["board.bound"]);
  expect(await after.told("board:b1")).toEqual(["board.bound"]);
  const again = rig({ stores: before.stores });
  await again.settle();
  expect(await again.told("ann")).toEqual(["board.bound"]);
});

test("what was told and not noted as such is not told twice", async () => {
  const { change, told, down, advance, stores } = rig();
  down.add("announced");
  await change([BOARD, BIND]);
  expect(await stores.relations.announcements(9)).toHaveLength(1);
  down.clear();
  await advance(60_000);
  expect(await stores.relations.announcements(9)).toEqual([]);
  expect(await told("ann")).toEqual(["board.bound"]);
});

test("a reach that could not be read comes when the store is back", async () => {
  const { change, arrive, down, advance } = rig();
  await change(BOARD);
  const ann = arrive("ann");
  down.add("reaches");
  expect(await change(BIND)).toEqual(CHANGED);
  expect(reachesOf(ann)).toEqual([]);
  await advance(1_000);
  down.clear();
  await advance(60_000);
  expect(reachesOf(ann)).toEqual([["board:b1"]]);
});

test("who has no room for anything gets a new reach, or is kicked, all the same", async () => {
  const { change, system } = rig();
  await change([BOARD, BIND]);
  const got: UserMessage[] = [];
  const busy: ActorType<number, UserMessage> = {
    ...{ label: "user", kind: userKind, mailbox: { max: 1, overflow: "refuse" } },
    behavior(rounds, message, ctx) {
      if (message.type !== "close-session") got.push(message);
      else if (rounds > 0) ctx.send(ctx.self, message);
      return rounds - 1;
    },
  };
  for (const name of ["ann", "board:b1"]) {
    const user = system.spawn(busy, { name, state: BUSY_TURNS });
    user.send({ type: "close-session", sessionId: "s1" });
  }
  expect(await change({ type: "forget", board: "b1" })).toEqual(CHANGED);
  expect(reachesOf(got)).toContainEqual([]);
  expect(got.filter(({ type }) => type === "kick")).toHaveLength(1);
});

test("ten thousand logins read their reach in a few store operations", async () => {
  const { change, reach, settle, stores } = rig();
  await change([BOARD, BIND]);
  const before = stores.operations()["relations.reaches"]!;
  const asked = Array.from({ length: 10_000 }, (_, n) => reach(n === 7 ? "ann" : `u${n}`));
  await settle();
  expect(stores.operations()["relations.reaches"]! - before).toBeLessThanOrEqual(11);
  const sizes = asked.map(({ received: [answer] }) => answer?.ok && answer.value.roles.size);
  expect(sizes.filter((size) => size === 0)).toHaveLength(9_999);
  expect(sizes[7]).toBe(1);
});

test("the same principal is read once for all who ask, and too many are refused", async () => {
  const { reach, settle, stores } = rig({ limits: { batchMax: 1, readsMax: 2 } });
  await settle();
  const first = reach("a");
  const second = [reach("b"), reach("b"), reach("c")];
  const refused = reach("d");
  await settle();
  for (const { last } of [first, ...second]) expect(last.ok).toBe(true);
  expect(refused.last).toMatchObject({ error: { code: "store.unavailable", retryable: true } });
  expect(stores.operations()["relations.reaches"]).toBe(3);
});

test("who was seen is stored once a minute, the latest instant of each", async () => {
  const { desk, advance, stores } = rig();
  for (let n = 1; n <= 500; n += 1) {
    desk.send({ type: "seen", principal: `u${n % 10}`, at: n });
  }
  await advance(59_000);
  expect(stores.operations()["relations.seen"]).toBeUndefined();
  await advance(2_000);
  expect(stores.operations()["relations.seen"]).toBe(1);
  expect(await stores.relations.lastSeen(["u0"])).toEqual([500]);
  await advance(120_000);
  expect(stores.operations()["relations.seen"]).toBe(1);
});

test("who was seen is stored later when the store is down, and at once on request", async () => {
  const { desk, advance, settle, down, stores } = rig();
  desk.send({ type: "seen", principal: "ann", at: 5 });
  down.add("seen");
  await advance(61_000);
  desk.send({ type: "seen", principal: "ann", at: 4 });
  down.clear();
  const replyTo = probe<Result<true>>();
  desk.send({ type: "flush-seen", replyTo });
  await settle();
  expect(replyTo.received).toEqual([{ ok: true, value: true }]);
  expect(await stores.relations.lastSeen(["ann"])).toEqual([5]);
});

test("last seen is what was stored, or what waits to be, in one read for all", async () => {
  const { desk, advance, settle, down, stores } = rig();
  const lastSeen = async (...principals: string[]) => {
    const replyTo = probe<Result<readonly (number | undefined)[]>>();
    desk.send({ type: "last-seen", principals, replyTo });
    await settle();
    return replyTo.last;
  };
  for (const principal of ["ann", "ben"]) desk.send({ type: "seen", principal, at: 5 });
  await advance(61_000);
  desk.send({ type: "seen", principal: "ann", at: 6 });
  expect(await lastSeen("ben", "eve", "ann")).toEqual({ ok: true, value: [5, undefined, 6] });
  expect(stores.operations()["relations.lastSeen"]).toBe(1);
  down.add("lastSeen");
  expect(await lastSeen("ann")).toMatchObject({ error: { code: "store.unavailable" } });
});

test("more principals than there is room for are not noted", async () => {
  const { desk, advance, stores } = rig({ limits: { seenMax: 2 } });
  for (const principal of ["a", "b", "c", "a"]) desk.send({ type: "seen", principal, at: 1 });
  await advance(61_000);
  expect(await stores.relations.lastSeen(["b", "c"])).toEqual([1, undefined]);
});

test("a kicked user is told why first, and then kicked with the same words", async () => {
  const { desk, arrive, settle, told } = rig();
  const ann = arrive("ann");
  const replyTo = probe<Result<ChangeAnswer>>();
  const kick = { type: "kick", user: "ann", device: "phone", reason: "new password" } as const;
  desk.send({ ...kick, replyTo });
  desk.send({ ...kick, user: "bob", replyTo });
  await settle();
  expect(ann).toMatchObject([
    { type: "deliver", items: [{ topic: "herald.status" }] },
    { type: "kick", device: "phone", why: "new password" },
  ]);
  expect(await told("ann")).toEqual(["user.kicked"]);
  expect(replyTo.received).toContainEqual(CHANGED);
  expect(replyTo.received).toContainEqual(UNCHANGED);
  expect(await told("bob")).toEqual([]);
  desk.send({ ...kick, device: "tablet", replyTo });
  await settle();
  expect(replyTo.last).toEqual(UNCHANGED);
  expect(await told("ann")).toEqual(["user.kicked"]);
});

test("who cannot be told why is kicked all the same", async () => {
  const { desk, arrive, settle } = rig({ withoutClerk: true });
  const ann = arrive("ann");
  const replyTo = probe<Result<ChangeAnswer>>();
  desk.send({ type: "kick", user: "ann", device: undefined, reason: "no", replyTo });
  await settle();
  expect(ann).toMatchObject([{ type: "kick" }]);
});

test("status events wait seven days for who is away, until a device confirms them", async () => {
  const { change, stores, clock } = rig();
  await change([BOARD, BIND]);
  const [inbox] = await stores.inbox.read(["ann"], 0);
  expect(inbox!.items).toMatchObject([
    { ledger: "status", ack: true, expiresAt: clock.now() + 604_800_000 },
  ]);
});

test("all who reach nobody share one view", async () => {
  const { change, reach, settle } = rig();
  await change([BOARD, BIND]);
  const [eve, zoe, ann] = [reach("eve"), reach("zoe"), reach("ann")];
  await settle();
  const views = [eve, zoe, ann].map(({ last }) => (last.ok ? last.value : undefined));
  expect(views[0]).toMatchObject({ version: 1, family: undefined });
  // The first who asks is read alone.
  const [gus, joe] = [reach("gus"), reach("joe"), reach("ivy")].slice(1);
  await settle();
  expect(gus!.last.ok && joe!.last.ok && gus!.last.value === joe!.last.value).toBe(true);
  expect(views[2]?.roles.size).toBe(1);
});

test("a rotated secret ends the board's connections, with why, before the answer", async () => {
  const { change, arrive } = rig();
  await change([BOARD, BIND]);
  const [board, ann] = [arrive("board:b1"), arrive("ann")];
  expect(await change({ type: "rotate-secret", board: "b1" })).toEqual(CHANGED);
  expect(board).toEqual([
    { type: "kick", device: undefined, why: "the secret of the board was replaced" },
  ]);
  expect(ann).toEqual([]);
  await change({ type: "forget", board: "b1" });
  const forgotten = "the board was forgotten";
  expect(board).toContainEqual({ type: "kick", device: undefined, why: forgotten });
});

test("the version of a secret is known by heart until it ends", async () => {
  const { change, desk, down, settle } = rig();
  const version = async () => {
    const replyTo = probe<Result<number | undefined>>();
    desk.send({ type: "secret-version", board: "b1", replyTo });
    await settle();
    return replyTo.last;
  };
  expect(await version()).toEqual({ ok: true, value: undefined });
  await change(BOARD);
  expect(await version()).toEqual({ ok: true, value: 1 });
  down.add("board");
  expect(await version()).toEqual({ ok: true, value: 1 });
  await change({ type: "rotate-secret", board: "b1" });
  expect(await version()).toMatchObject({ ok: false, error: { code: "store.unavailable" } });
  down.delete("board");
  expect(await version()).toEqual({ ok: true, value: 2 });
});
