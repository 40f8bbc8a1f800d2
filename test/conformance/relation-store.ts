import { describe, expect, test } from "vitest";
import { RELATION_LIMITS } from "../../src/core/relations.ts";
import type { RelationChange, RelationStore } from "../../src/persistence/ports/relations.ts";
import { expectError, type OpenStores, openFor, readAll } from "./open-stores.ts";
import { relationModelConformance } from "./relation-model.ts";

const NOTHING = { changed: false, affected: [], announcement: undefined };

/** A family of ann, its host, bob and the guest gus; board b1 is ann's, b2 is bob's. */
const HOME: readonly RelationChange[] = [
  { type: "register", board: { id: "b1", name: "Lamp", model: "m" } },
  { type: "register", board: { id: "b2" } },
  { type: "bind", board: "b1", user: "ann" },
  { type: "bind", board: "b2", user: "bob" },
  { type: "invite", family: "ann", user: "bob", role: "member" },
  { type: "invite", family: "ann", user: "gus", role: "guest" },
  { type: "join", family: "ann", user: "bob" },
  { type: "join", family: "ann", user: "gus" },
];

async function apply(store: RelationStore, changes: readonly RelationChange[]): Promise<void> {
  for (const [index, change] of changes.entries()) await store.change(change, 1_000 + index);
}

async function rolesOf(store: RelationStore, principal: string) {
  const [reach] = await store.reaches([principal]);
  return Object.fromEntries([...reach!.roles].sort());
}

/** What every `RelationStore` must do. */
export function relationStoreConformance(name: string, open: OpenStores): void {
  describe(`${name} keeps boards`, () => boards(open));
  describe(`${name} keeps families`, () => families(open));
  describe(`${name} keeps what is to be announced`, () => announcements(open));
  describe(`${name} limits relations`, () => limits(open));
  relationModelConformance(name, open);
}

function boards(open: OpenStores): void {
  test("a board is registered once; what a registration leaves out stays", async () => {
    const { relations } = await openFor(open);
    const board = { id: "b1", name: "Lamp", model: "m", serial: "s" };
    expect((await relations.change({ type: "register", board }, 5)).changed).toBe(true);
    const kept = { mac: "", owner: undefined, secretVersion: 1, registeredAt: 5 };
    expect(await relations.board("b1")).toEqual({ ...board, ...kept });
    expect(await relations.change({ type: "register", board: { id: "b1" } }, 6)).toEqual(NOTHING);
    const change = { type: "register", board: { id: "b1", mac: "aa" } } as const;
    expect((await relations.change(change, 7)).changed).toBe(true);
    expect(await relations.board("b1")).toEqual({ ...board, ...kept, mac: "aa" });
    expect(await relations.board("b2")).toBeUndefined();
  });

  test("ids that begin like an address are refused, as those of somebody else", async () => {
    const { relations } = await openFor(open);
    await apply(relations, [{ type: "register", board: { id: "b1" } }]);
    for (const kind of ["session", "user", "board", "family", "topic"]) {
      const register = { type: "register", board: { id: `${kind}:b1` } } as const;
      await expectError(relations.change(register, 1), "relation.refused");
      const bind = { type: "bind", board: "b1", user: `${kind}:ann` } as const;
      await expectError(relations.change(bind, 1), "relation.refused");
    }
    await apply(relations, [{ type: "bind", board: "b1", user: "users:ann" }]);
    expect((await relations.board("b1"))?.owner).toBe("users:ann");
  });

  test("a board without a name is called as its id, and is renamed once", async () => {
    const { relations } = await openFor(open);
    await apply(relations, [{ type: "register", board: { id: "b1" } }]);
    expect((await relations.board("b1"))?.name).toBe("b1");
    const rename = { type: "rename", board: "b1", name: "Lamp" } as const;
    expect((await relations.change(rename, 1)).changed).toBe(true);
    expect(await relations.change(rename, 2)).toEqual(NOTHING);
    expect((await relations.board("b1"))?.name).toBe("Lamp");
  });

  test("every rotation makes another secret's version", async () => {
    const { relations } = await openFor(open);
    await apply(relations, [
      { type: "register", board: { id: "b1" } },
      { type: "rotate-secret", board: "b1" },
      { type: "rotate-secret", board: "b1" },
    ]);
    expect((await relations.board("b1"))?.secretVersion).toBe(3);
  });

  test("a board that was forgotten has another secret when it is registered again", async () => {
    const { relations } = await openFor(open);
    const register = { type: "register", board: { id: "b1" } } as const;
    await apply(relations, [register, { type: "rotate-secret", board: "b1" }]);
    await apply(relations, [{ type: "forget", board: "b1" }, register]);
    expect((await relations.board("b1"))?.secretVersion).toBe(3);
  });

  test("binding makes both sides reach each other, and unbinding ends it", async () => {
    const { relations } = await openFor(open);
    await apply(relations, [{ type: "register", board: { id: "b1" } }]);
    const before = (await relations.reaches(["ann"]))[0]!;
    expect(before.roles.size).toBe(0);
    const bound = await relations.change({ type: "bind", board: "b1", user: "ann" }, 1);
    expect([...bound.affected].sort()).toEqual(["ann", "board:b1"]);
    const [ann, board] = await relations.reaches(["ann", "board:b1"]);
    expect([...ann!.roles]).toEqual([["board:b1", "owner"]]);
    expect([...board!.roles]).toEqual([["ann", "owner"]]);
    expect(ann!.version).toBeGreaterThan(before.version);
    await relations.change({ type: "unbind", board: "b1" }, 2);
    const [left] = await relations.reaches(["ann"]);
    expect(left!.roles.size).toBe(0);
    expect(left!.version).toBeGreaterThan(ann!.version);
    expect((await relations.board("b1"))?.owner).toBeUndefined();
  });

  test("a board that is bound goes to nobody else before it is unbound", async () => {
    const { relations } = await openFor(open);
    await apply(relations, HOME);
    const change = { type: "bind", board: "b1", user: "eve" } as const;
    await expectError(relations.change(change, 1), "relation.refused");
    expect(await relations.change({ ...change, user: "ann" }, 1)).toEqual(NOTHING);
    await relations.change({ type: "unbind", board: "b1" }, 2);
    expect((await relations.change(change, 3)).changed).toBe(true);
    expect(await rolesOf(relations, "board:b1")).toEqual({ eve: "owner" });
  });

  test("what is not there is named, and forgetting it changes nothing", async () => {
    const { relations } = await openFor(open);
    await expectError(relations.change({ type: "unbind", board: "x" }, 1), "board.unknown");
    await expectError(relations.change({ type: "rotate-secret", board: "x" }, 1), "board.unknown");
    const bind = { type: "bind", board: "x", user: "ann" } as const;
    await expectError(relations.change(bind, 1), "board.unknown");
    expect(await relations.change({ type: "forget", board: "x" }, 1)).toEqual(NOTHING);
  });

  test("a board's key is no user, and a board's id leaves room for its key", async () => {
    const { relations } = await openFor(open);
    await apply(relations, [{ type: "register", board: { id: "b1" } }]);
    const bind = { type: "bind", board: "b1", user: "board:b2" } as const;
    await expectError(relations.change(bind, 1), "relation.refused");
    const long = { type: "register", board: { id: "x".repeat(123) } } as const;
    await expectError(relations.change(long, 1), "relation.refused");
  });

  test("a forgotten board is unbound, and nobody reaches it", async () => {
    const { relations } = await openFor(open);
    await apply(relations, HOME);
    const forgotten = await relations.change({ type: "forget", board: "b1" }, 9);
    expect([...forgotten.affected].sort()).toEqual(["ann", "board:b1", "bob", "gus"]);
    expect(forgotten.announcement?.status).toMatchObject({ event: "board.unbound", board: "b1" });
    expect(await relations.board("b1")).toBeUndefined();
    expect(await rolesOf(relations, "bob")).not.toHaveProperty("board:b1");
  });

  test("boards are listed newest first, all or of one owner", async () => {
    const { relations } = await openFor(open);
    for (const n of [1, 2, 3, 4, 5]) {
      await apply(relations, [{ type: "register", board: { id: `b${n}` } }]);
      if (n % 2 === 1) await apply(relations, [{ type: "bind", board: `b${n}`, user: "ann" }]);
    }
    await apply(relations, [
      { type: "forget", board: "b4" },
      { type: "rename", board: "b1", name: "still the oldest" },
    ]);
    const ids = async (owner?: string) => {
      const all = await readAll((request) => relations.boards({ ...request, owner }), 2);
      return all.map(({ id }) => id);
    };
    expect(await ids()).toEqual(["b5", "b3", "b2", "b1"]);
    expect(await ids("ann")).toEqual(["b5", "b3", "b1"]);
    expect(await ids("bob")).toEqual([]);
    await expectError(relations.boards({ after: "b1", limit: 2 }), "store.cursor");
  });

  test("the latest instant at which a principal was seen is kept", async () => {
    const { relations } = await openFor(open);
    expect(await relations.lastSeen(["ann"])).toEqual([undefined]);
    await relations.seen([
      { principal: "ann", at: 5 },
      { principal: "board:b1", at: 7 },
      { principal: "ann", at: 3 },
    ]);
    await relations.seen([{ principal: "board:b1", at: 6 }]);
    const asked = ["board:b1", "nobody", "ann", "ann"];
    expect(await relations.lastSeen(asked)).toEqual([7, undefined, 5, 5]);
    expect(await relations.lastSeen([])).toEqual([]);
  });
}

function families(open: OpenStores): void {
  test("a family shares its boards, each user with its role", async () => {
    const { relations } = await openFor(open);
    await apply(relations, HOME);
    const users = { ann: "owner", bob: "member", gus: "guest" };
    expect(await rolesOf(relations, "board:b1")).toEqual(users);
    expect(await rolesOf(relations, "board:b2")).toEqual({ ...users, bob: "owner" });
    const boards = { "board:b1": "owner", "board:b2": "owner" };
    expect(await rolesOf(relations, "ann")).toEqual({ bob: "member", gus: "guest", ...boards });
    const ofBob = { ann: "owner", gus: "guest", "board:b1": "member", "board:b2": "owner" };
    expect(await rolesOf(relations, "bob")).toEqual(ofBob);
    const ofGus = { ann: "owner", bob: "member", "board:b1": "guest", "board:b2": "guest" };
    expect(await rolesOf(relations, "gus")).toEqual(ofGus);
    const views = await relations.reaches(["ann", "bob", "board:b2", "eve"]);
    expect(views.map(({ family }) => family)).toEqual(["ann", "ann", "ann", undefined]);
  });

  test("who is invited reaches nothing before joining", async () => {
    const { relations } = await openFor(open);
    await apply(relations, HOME);
    await apply(relations, [{ type: "invite", family: "ann", user: "eve", role: "member" }]);
    expect(await rolesOf(relations, "eve")).toEqual({});
    expect(await rolesOf(relations, "board:b1")).not.toHaveProperty("eve");
    const invitation = { family: "ann", role: "member", since: 1_000 };
    expect(await relations.invitations("eve")).toEqual([invitation]);
    expect(await relations.familyOf("eve")).toBeUndefined();
    await apply(relations, [{ type: "join", family: "ann", user: "eve" }]);
    expect(await rolesOf(relations, "board:b1")).toMatchObject({ eve: "member" });
    expect(await relations.invitations("eve")).toEqual([]);
  });

  test("a family is read by its host or a user, oldest members first", async () => {
    const { relations } = await openFor(open);
    await apply(relations, HOME);
    const members = [
      { user: "ann", role: "owner", isInvited: false, since: 1_004 },
      { user: "bob", role: "member", isInvited: false, since: 1_006 },
      { user: "gus", role: "guest", isInvited: false, since: 1_007 },
    ];
    expect(await relations.family("ann")).toEqual({ host: "ann", members });
    expect(await relations.familyOf("gus")).toEqual({ host: "ann", members });
    expect(await relations.family("bob")).toBeUndefined();
  });

  test("nobody joins uninvited, or is in two families", async () => {
    const { relations } = await openFor(open);
    await apply(relations, HOME);
    const join = { type: "join", family: "ann", user: "eve" } as const;
    await expectError(relations.change(join, 1), "relation.refused");
    await expectError(relations.change({ ...join, family: "eve" }, 1), "family.unknown");
    await apply(relations, [{ type: "invite", family: "eve", user: "bob", role: "guest" }]);
    const other = { type: "join", family: "eve", user: "bob" } as const;
    await expectError(relations.change(other, 1), "relation.refused");
    const host = { type: "invite", family: "bob", user: "zoe", role: "guest" } as const;
    await expectError(relations.change(host, 1), "relation.refused");
    await apply(relations, [{ type: "quit", family: "ann", user: "bob" }, other]);
    expect((await relations.familyOf("bob"))?.host).toBe("eve");
  });

  test("the host neither leaves, nor is invited, nor has another role", async () => {
    const { relations } = await openFor(open);
    await apply(relations, HOME);
    const host = { family: "ann", user: "ann" };
    for (const change of [
      { type: "quit", ...host },
      { type: "remove", ...host },
      { type: "invite", role: "guest", ...host },
      { type: "set-role", role: "guest", ...host },
      { type: "set-role", role: "owner", family: "ann", user: "bob" },
      { type: "invite", role: "owner", family: "ann", user: "eve" },
    ] as const) {
      await expectError(relations.change(change, 1), "relation.refused");
    }
  });

  test("a family ends with the last who is in it or invited beside its host", async () => {
    const { relations } = await openFor(open);
    await apply(relations, [
      { type: "invite", family: "ann", user: "bob", role: "member" },
      { type: "invite", family: "ann", user: "eve", role: "member" },
      { type: "refuse", family: "ann", user: "eve" },
    ]);
    expect((await relations.family("ann"))?.members).toHaveLength(2);
    const refused = await relations.change({ type: "refuse", family: "ann", user: "bob" }, 1);
    expect(refused.affected).toEqual(["ann"]);
    expect(await relations.family("ann")).toBeUndefined();
    expect((await relations.reaches(["ann"]))[0]?.family).toBeUndefined();
  });

  test("another role is another view for the user's boards and family", async () => {
    const { relations } = await openFor(open);
    await apply(relations, HOME);
    const change = { type: "set-role", family: "ann", user: "bob", role: "guest" } as const;
    const changed = await relations.change(change, 1);
    expect([...changed.affected].sort()).toEqual(["ann", "board:b1", "board:b2", "bob", "gus"]);
    expect(changed.announcement).toBeUndefined();
    expect(await relations.change(change, 2)).toEqual(NOTHING);
    expect(await rolesOf(relations, "board:b1")).toMatchObject({ bob: "guest" });
    expect(await rolesOf(relations, "board:b2")).toMatchObject({ bob: "owner" });
  });

  test("a dismissed family shares nothing, and a removed user takes the boards along", async () => {
    const { relations } = await openFor(open);
    await apply(relations, HOME);
    await apply(relations, [{ type: "remove", family: "ann", user: "bob" }]);
    expect(await rolesOf(relations, "bob")).toEqual({ "board:b2": "owner" });
    expect(await rolesOf(relations, "gus")).toEqual({ ann: "owner", "board:b1": "guest" });
    await apply(relations, [{ type: "dismiss", family: "ann" }]);
    expect(await rolesOf(relations, "gus")).toEqual({});
    expect(await rolesOf(relations, "ann")).toEqual({ "board:b1": "owner" });
  });

  test.each([
    { type: "invite", family: "ann", user: "bob", role: "guest" },
    { type: "join", family: "ann", user: "bob" },
    { type: "refuse", family: "ann", user: "eve" },
    { type: "quit", family: "ann", user: "eve" },
    { type: "remove", family: "zoe", user: "eve" },
    { type: "set-role", family: "ann", user: "gus", role: "guest" },
    { type: "dismiss", family: "zoe" },
  ] as const)("$type of what holds already changes nothing", async (change) => {
    const { relations } = await openFor(open);
    await apply(relations, HOME);
    const [before] = await relations.reaches(["ann"]);
    expect(await relations.change(change, 9)).toEqual(NOTHING);
    expect(await relations.reaches(["ann"])).toEqual([before]);
  });
}

function announcements(open: OpenStores): void {
  const told = (event: string, audience: readonly string[], more: object = {}) => ({
    status: expect.objectContaining({ event, ...more }),
    audience,
  });

  test("each event goes to both sides or the family, once, with its old number", async () => {
    const { relations } = await openFor(open);
    await apply(relations, HOME);
    const lamp = { board: "b1", user: "ann", about: "board:b1", type: 7, at: 1_002 };
    const all = await relations.announcements(100);
    expect(all).toMatchObject([
      told("board.bound", ["board:b1", "ann"], lamp),
      told("board.bound", ["board:b2", "bob"]),
      told("family.invited", ["ann", "bob"], { user: "bob", about: "user:bob", type: 5 }),
      told("family.invited", ["ann", "gus"], { role: "guest", family: "ann" }),
      told("family.joined", expect.toSatisfy(isOf("ann", "bob")), { type: 1 }),
      told("family.joined", expect.toSatisfy(isOf("ann", "bob", "gus"))),
    ]);
    const numbers = all.map(({ n }) => n);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });

  test("who is not concerned any more is told, too", async () => {
    const { relations } = await openFor(open);
    await apply(relations, [...HOME]);
    const at = 9;
    const last = async (change: RelationChange) =>
      (await relations.change(change, at)).announcement!;
    const quit = await last({ type: "quit", family: "ann", user: "bob" });
    expect([...quit.audience].sort()).toEqual(["ann", "bob", "gus"]);
    expect(quit.status).toMatchObject({ event: "family.quit", type: 3 });
    const unbound = await last({ type: "unbind", board: "b1" });
    expect([...unbound.audience].sort()).toEqual(["ann", "board:b1", "gus"]);
    expect(unbound.status).toMatchObject({ event: "board.unbound", type: 8, user: "ann", at });
    await apply(relations, [{ type: "invite", family: "ann", user: "eve", role: "guest" }]);
    const dismissed = await last({ type: "dismiss", family: "ann" });
    expect([...dismissed.audience].sort()).toEqual(["ann", "eve", "gus"]);
    expect(dismissed.status).toMatchObject({ event: "family.dismissed", type: 4 });
    expect(dismissed.status.about).toBe("user:ann");
  });

  test("a withdrawn invitation and a refusal are told to the host and the invited", async () => {
    const { relations } = await openFor(open);
    await apply(relations, HOME);
    for (const [type, event] of [
      ["remove", "family.removed"],
      ["refuse", "family.refused"],
    ] as const) {
      await apply(relations, [{ type: "invite", family: "ann", user: "eve", role: "guest" }]);
      const change = { type, family: "ann", user: "eve" } as const;
      const { announcement, affected } = await relations.change(change, 1);
      expect(announcement).toMatchObject(told(event, ["ann", "eve"]));
      expect(affected).toEqual([]);
    }
  });

  test("what is announced is forgotten, and no number is used twice", async () => {
    const { relations } = await openFor(open);
    await apply(relations, HOME);
    const [first, second, ...rest] = await relations.announcements(100);
    await relations.announced([first!.n, second!.n]);
    expect(await relations.announcements(2)).toEqual(rest.slice(0, 2));
    await relations.announced(rest.map(({ n }) => n));
    expect(await relations.announcements(100)).toEqual([]);
    const { announcement } = await relations.change({ type: "unbind", board: "b1" }, 1);
    expect(announcement!.n).toBeGreaterThan(rest.at(-1)!.n);
    expect(await relations.announcements(100)).toEqual([announcement]);
  });

  test("a change that is refused leaves nothing to be announced", async () => {
    const { relations } = await openFor(open);
    await apply(relations, [{ type: "register", board: { id: "b1" } }]);
    await expectError(
      relations.change({ type: "join", family: "ann", user: "bob" }, 1),
      "family.unknown",
    );
    expect(await relations.announcements(100)).toEqual([]);
  });
}

function isOf(...expected: readonly string[]) {
  return (audience: readonly string[]) => [...audience].sort().join() === expected.join();
}

function limits(open: OpenStores): void {
  const { usersPerFamily, boardsPerUser, boardsPerFamily, invitationsPerUser } = RELATION_LIMITS;
  const own = (user: string, count: number): RelationChange[] =>
    Array.from({ length: count }, (_, n) => `${user}-${n}`).flatMap((board) => [
      { type: "register", board: { id: board } },
      { type: "bind", board, user },
    ]);
  const applyAll = (store: RelationStore, changes: readonly RelationChange[]) =>
    Promise.all(changes.map((change) => store.change(change, 1)));

  test("a family has so many users, and who is invited counts", async () => {
    const { relations } = await openFor(open);
    const invite = (n: number) =>
      ({ type: "invite", family: "ann", user: `u${n}`, role: "guest" }) as const;
    const most = Array.from({ length: usersPerFamily - 1 }, (_, n) => invite(n));
    await applyAll(relations, most);
    await expectError(relations.change(invite(usersPerFamily), 1), "relation.refused");
    await relations.change({ type: "refuse", family: "ann", user: "u0" }, 1);
    expect((await relations.change(invite(usersPerFamily), 1)).changed).toBe(true);
  });

  test("a user has so many invitations", async () => {
    const { relations } = await openFor(open);
    const invite = (n: number) =>
      ({ type: "invite", family: `h${n}`, user: "bob", role: "guest" }) as const;
    const most = Array.from({ length: invitationsPerUser }, (_, n) => invite(n));
    await applyAll(relations, most);
    await expectError(relations.change(invite(invitationsPerUser), 1), "relation.refused");
    expect(await relations.family(`h${invitationsPerUser}`)).toBeUndefined();
  });

  test("a user has so many boards, and so has a family", async () => {
    const { relations } = await openFor(open);
    await applyAll(relations, [...own("ann", boardsPerUser), ...own("bob", boardsPerUser)]);
    await applyAll(relations, own("eve", 1));
    await apply(relations, [{ type: "register", board: { id: "more" } }]);
    const more = { type: "bind", board: "more", user: "ann" } as const;
    await expectError(relations.change(more, 1), "relation.refused");
    for (const user of ["bob", "eve", "gus"]) {
      await relations.change({ type: "invite", family: "ann", user, role: "member" }, 1);
    }
    await relations.change({ type: "join", family: "ann", user: "gus" }, 1);
    await relations.change({ type: "join", family: "ann", user: "bob" }, 1);
    const third = { type: "join", family: "ann", user: "eve" } as const;
    await expectError(relations.change(third, 1), "relation.refused");
    await expectError(relations.change({ ...more, user: "gus" }, 1), "relation.refused");
    const [view] = await relations.reaches(["gus"]);
    expect(view!.roles.size).toBe(boardsPerFamily + 2);
  });
}
