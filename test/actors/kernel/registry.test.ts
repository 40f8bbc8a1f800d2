import { describe, expect, test } from "vitest";
import type { Ref } from "../../../src/actors/kernel/actor.ts";
import { kind } from "../../../src/actors/kernel/kind.ts";
import { probe, testSystem } from "../../testkit/kit.ts";
import { crash, note, type Step, scripted } from "./scripted.ts";

const userKind = kind<Step>("user");

function startUsers(options: { crashesAllowed?: boolean } = {}) {
  const kit = testSystem(options);
  const users = kit.system.supervisor("users", { backoff: { minMs: 0, maxMs: 0 } });
  const type = scripted({ kind: userKind });
  const state = (id: string): string[] => [`user ${id}`];
  kit.system.registerEntity(userKind, { under: users, type, state });
  return { ...kit, users, type };
}

describe("find", () => {
  test("an actor of a kind is found by its name until it ends", () => {
    const { system, users, type } = startUsers();
    const ref = system.spawn(type, { name: "u-1", state: [], under: users });
    expect(system.find(userKind, "u-1")).toBe(ref);
    expect(system.find(userKind, "u-2")).toBeUndefined();
    system.stopActor(ref);
    expect(system.find(userKind, "u-1")).toBeUndefined();
  });

  test("two living actors of one kind and id are refused, also under different parents", () => {
    const { system, users, type } = startUsers();
    system.spawn(type, { name: "u-1", state: [], under: users });
    const elsewhere = system.supervisor("elsewhere");
    const again = () => system.spawn(type, { name: "u-1", state: [], under: elsewhere });
    expect(again).toThrow(expect.objectContaining({ code: "actor.exists" }));
    expect(system.inspect({ under: "/elsewhere" })).toEqual([]);
  });

  test("a restart keeps the actor findable under the same ref", async () => {
    const { system, settle } = startUsers({ crashesAllowed: true });
    const ref = system.entity(userKind, "u-1");
    ref.send(crash);
    await settle();
    expect(system.find(userKind, "u-1")).toBe(ref);
  });
});

describe("entity", () => {
  test("it is made by its factory when it is first needed, and found after that", async () => {
    const { system, settle } = startUsers();
    const out = probe<string[]>();
    const ref = system.entity(userKind, "u-1");
    ref.send((ctx, state) => ctx.send(out, state));
    expect(system.entity(userKind, "u-1")).toBe(ref);
    await settle();
    expect(ref.path).toBe("/users/u-1");
    expect(out.received).toEqual([["user u-1"]]);
  });

  test("a turn that needs it twice gets it once, and keeps it", async () => {
    const { system, settle } = startUsers();
    const out = probe<string>();
    system.spawn(scripted(), { name: "a", state: [] }).send((ctx) => {
      const ref: Ref<Step> = ctx.entity(userKind, "u-1");
      expect(ctx.entity(userKind, "u-1")).toBe(ref);
      expect(ctx.find(userKind, "u-1")).toBe(ref);
      ctx.send(ref, (inner) => inner.send(out, inner.self.path));
    });
    await settle();
    expect(out.received).toEqual(["/users/u-1"]);
    expect(system.count(userKind)).toBe(1);
  });

  test("a turn that throws after it made one leaves none", async () => {
    const { system, settle } = startUsers({ crashesAllowed: true });
    system.spawn(scripted(), { name: "a", state: [] }).send((ctx) => {
      ctx.entity(userKind, "u-1");
      throw new Error("after all");
    });
    await settle();
    expect([system.count(userKind), system.inspect({ under: "/users" })]).toEqual([0, []]);
  });

  test("while its supervisor ends, there is a ref that has ended instead of a crash", async () => {
    const { system, users, settle, deadLetters, crashes } = startUsers();
    const other = system.entity(userKind, "u-1");
    other.send(note("work that keeps the supervisor from ending"));
    system.drainActor(users);
    system.spawn(scripted(), { name: "a", state: [] }).send((ctx) => {
      ctx.send(ctx.entity(userKind, "u-2"), note("too late"));
    });
    await settle();
    expect(system.entity(userKind, "u-3").send(note("too late"))).toBe(false);
    expect(deadLetters.map(({ path, reason }) => [path, reason])).toEqual([
      ["/users/u-2", "stopped"],
      ["/users/u-3", "stopped"],
    ]);
    expect([crashes, system.count(userKind)]).toEqual([[], 0]);
  });

  test("a kind that is not registered, twice, or with a type of another kind is refused", () => {
    const { system, users, type } = startUsers();
    const other = kind<Step>("other");
    const state = (): string[] => [];
    expect(() => system.entity(other, "o-1")).toThrow("no entities of kind other");
    const twice = () => system.registerEntity(userKind, { under: users, type, state });
    expect(twice).toThrow("registered twice");
    const wrong = () => system.registerEntity(other, { under: users, type, state });
    expect(wrong).toThrow("has kind user, not other");
  });
});

describe("each and count", () => {
  test("all actors of a kind are visited in start order; one that ends is not counted", () => {
    const { system } = startUsers();
    for (const id of ["c", "a", "b"]) system.entity(userKind, id);
    system.stopActor(system.entity(userKind, "a"));
    const visited: string[] = [];
    system.each(userKind, (ref, id) => visited.push(`${id} ${ref.path}`));
    expect(visited).toEqual(["c /users/c", "b /users/b"]);
    expect([system.count(userKind), system.count(kind("none"))]).toEqual([2, 0]);
  });

  test("an actor may be ended while all are visited", () => {
    const { system } = startUsers();
    for (let i = 0; i < 10; i++) system.entity(userKind, `u-${i}`);
    system.each(userKind, (ref) => system.stopActor(ref));
    expect(system.count(userKind)).toBe(0);
  });
});

test("a kind with private messages is found as what it says in public", () => {
  const { system } = testSystem();
  type Public = { readonly type: "open" };
  type Private = Public | { readonly type: "tick" };
  const doorKind = kind<Public>("door");
  const doorType = {
    label: "door",
    kind: doorKind,
    behavior: (state: number, _message: Private): number => state,
  };
  system.spawn(doorType, { name: "front", state: 0 });
  const door = system.find(doorKind, "front");
  expect(door?.send({ type: "open" })).toBe(true);
  system.registerEntity(doorKind, {
    under: system.supervisor("doors"),
    type: doorType,
    state: () => 0,
  });
  // @ts-expect-error private messages are not for those who find it
  door?.send({ type: "tick" });

  const windowKind = kind<{ readonly type: "break" }>("window");
  const mismatch = { ...doorType, kind: windowKind };
  // @ts-expect-error the behavior does not take what the kind offers
  system.spawn(mismatch, { name: "window", state: 0 });
});
