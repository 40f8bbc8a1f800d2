import { describe, expect, test } from "vitest";
import type { Context, EndReason, Ref, Supervision } from "../../../src/actors/kernel/actor.ts";
import { probe, testSystem } from "../../testkit/kit.ts";
import { crash, note, type Step, scripted } from "./scripted.ts";

const atOnce: Supervision = { backoff: { minMs: 0, maxMs: 0 } };

/** Children below a supervisor that say `start <name>` and `end <name> <reason>`. */
function startFamily(supervision: Supervision, names: readonly string[]) {
  const kit = testSystem({ crashesAllowed: true });
  const { system } = kit;
  const log: string[] = [];
  const top = system.supervisor("top", supervision);
  const child = (name: string, restart?: "permanent" | "transient" | "temporary") =>
    system.spawn(
      {
        ...scripted({ restart }),
        onStart: (ctx: Context<Step>) => {
          log.push(`start ${ctx.self.path.split("/").at(-1)}`);
        },
        onEnd: (_state: string[], reason: EndReason) => log.push(`end ${name} ${reason}`),
      },
      { name, state: [], under: top },
    );
  const children = Object.fromEntries(names.map((name) => [name, child(name)]));
  const take = (): string[] => log.splice(0);
  return { ...kit, top, child, children: children as Record<string, Ref<Step>>, take };
}

describe("a crash", () => {
  test("brings the actor back with its first state, its ref and its queue", async () => {
    const { system, settle, deadLetters } = testSystem({ crashesAllowed: true });
    const out = probe<string[]>();
    const top = system.supervisor("top", atOnce);
    const ref = system.spawn(scripted(), { name: "a", state: ["first"], under: top });
    ref.send(note("lost with the crash"));
    ref.send(crash);
    ref.send(note("queued behind it"));
    ref.send((ctx, state) => ctx.send(out, state));
    await settle();
    expect(out.received).toEqual([["first", "queued behind it"]]);
    expect(deadLetters).toEqual([{ path: "/top/a", reason: "crashed", message: crash }]);
    expect(system.snapshot(ref)).toMatchObject({ restarts: 1, status: "running" });
  });

  test("is told and logged once", async () => {
    const logged: unknown[] = [];
    const logger = {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (message: string, fields?: object) => logged.push({ message, ...fields }),
    };
    const { system, settle, crashes } = testSystem({ crashesAllowed: true, logger });
    system.spawn(scripted(), { name: "a", state: [] }).send(crash);
    await settle();
    expect(crashes.map(({ path }) => path)).toEqual(["/a"]);
    expect(logged).toMatchObject([{ message: "an actor crashed", path: "/a", label: "scripted" }]);
  });

  test("ends the children; onStart is where they are made again", async () => {
    const { system, settle } = testSystem({ crashesAllowed: true });
    const top = system.supervisor("top", atOnce);
    const type = {
      ...scripted(),
      onStart: (ctx: Context<Step>) => ctx.spawn(scripted(), { name: "child", state: [] }),
    };
    const ref = system.spawn(type, { name: "a", state: [], under: top });
    await settle();
    const before = system.resolve("/top/a/child");
    ref.send(crash);
    await settle();
    const after = system.resolve("/top/a/child");
    expect(after?.incarnation).toBeGreaterThan(before?.incarnation ?? Number.NaN);
  });

  test("calls onEnd with the last good state, and then onStart is handled first", async () => {
    const { system, settle } = testSystem({ crashesAllowed: true });
    const seen: unknown[] = [];
    const top = system.supervisor("top", atOnce);
    const type = {
      ...scripted(),
      onStart: () => seen.push("start"),
      onEnd: (state: string[], reason: EndReason) => seen.push([...state, reason]),
    };
    const ref = system.spawn(type, { name: "a", state: [], under: top });
    ref.send(note("one"));
    ref.send(crash);
    ref.send(() => seen.push("queued"));
    await settle();
    expect(seen).toEqual(["start", ["one", "crashed"], "start", "queued"]);
  });

  test("in onEnd is reported and stops nothing", async () => {
    const { system, settle, crashes } = testSystem({ crashesAllowed: true });
    const onEnd = () => {
      throw new Error("in onEnd");
    };
    const parent = system.spawn(scripted(), { name: "parent", state: [] });
    const child = system.spawn(scripted({ onEnd }), { name: "c", state: [], under: parent });
    system.stopActor(parent);
    await settle();
    expect(crashes).toMatchObject([{ path: "/parent/c", error: { message: "in onEnd" } }]);
    expect([system.snapshot(child), system.inspect()]).toEqual([undefined, []]);
  });
});

describe("restart types", () => {
  const startThree = () => {
    const family = startFamily(atOnce, []);
    const permanent = family.child("permanent", "permanent");
    const transient = family.child("transient", "transient");
    const temporary = family.child("temporary", "temporary");
    return { ...family, all: [permanent, transient, temporary] };
  };
  const alive = (system: ReturnType<typeof testSystem>["system"]) =>
    system.inspect({ under: "/top" }).map(({ path }) => path.slice("/top/".length));

  test("after a crash all but a temporary actor start again", async () => {
    const { system, all, settle } = startThree();
    for (const ref of all) ref.send(crash);
    await settle();
    expect(alive(system)).toEqual(["permanent", "transient"]);
  });

  test("after an end of its own only a permanent actor starts again", async () => {
    const { system, all, settle } = startThree();
    for (const ref of all) ref.send((ctx) => ctx.stop());
    await settle();
    expect(alive(system)).toEqual(["permanent"]);
  });

  test("after a drain of its own only a permanent actor starts again", async () => {
    const { system, all, settle } = startThree();
    for (const ref of all) ref.send((ctx) => ctx.drain());
    await settle();
    expect(alive(system)).toEqual(["permanent"]);
    expect(system.snapshot(all[0] as Ref<Step>)?.status).toBe("running");
  });

  test("one that its supervisor ends does not start again, whatever its type", async () => {
    const { system, all, settle } = startThree();
    for (const ref of all) system.stopActor(ref);
    await settle();
    expect(alive(system)).toEqual([]);
  });
});

describe("strategies", () => {
  test("one-for-one restarts the one that crashed", async () => {
    const { children, take, settle } = startFamily(atOnce, ["a", "b", "c"]);
    await settle();
    take();
    children["b"]?.send(crash);
    await settle();
    expect(take()).toEqual(["end b crashed", "start b"]);
  });

  test("one-for-all ends all, the youngest first, and starts all in start order", async () => {
    const supervision = { ...atOnce, strategy: "one-for-all" } as const;
    const { children, take, settle } = startFamily(supervision, ["a", "b", "c"]);
    await settle();
    take();
    children["b"]?.send(crash);
    await settle();
    expect(take()).toEqual([
      "end c stopped",
      "end b crashed",
      "end a stopped",
      "start a",
      "start b",
      "start c",
    ]);
  });

  test("rest-for-one restarts the one that crashed and those started after it", async () => {
    const supervision = { ...atOnce, strategy: "rest-for-one" } as const;
    const { children, take, settle } = startFamily(supervision, ["a", "b", "c"]);
    await settle();
    take();
    children["b"]?.send(crash);
    await settle();
    expect(take()).toEqual(["end c stopped", "end b crashed", "start b", "start c"]);
  });

  test("a temporary sibling ends with the others and does not come back", async () => {
    const supervision = { ...atOnce, strategy: "one-for-all" } as const;
    const { system, child, children, settle } = startFamily(supervision, ["a"]);
    child("t", "temporary");
    await settle();
    children["a"]?.send(crash);
    await settle();
    expect(system.inspect({ under: "/top" }).map(({ path }) => path)).toEqual(["/top/a"]);
  });

  test("a second crash during the pause makes those concerned wait for the later one", async () => {
    const supervision: Supervision = {
      strategy: "rest-for-one",
      backoff: { minMs: 1_000, maxMs: 1_000 },
    };
    const { children, take, settle, advance } = startFamily(supervision, ["a", "b"]);
    await settle();
    take();
    children["b"]?.send(crash);
    await advance(400);
    children["a"]?.send(crash);
    await settle();
    expect(take()).toEqual(["end b crashed", "end a crashed"]);
    await advance(1_000);
    expect(take()).toEqual(["start a", "start b"]);
  });
});

test("a start that a sibling's crash overtook is not handled in the next life, too", async () => {
  const { system, settle } = testSystem({ crashesAllowed: true });
  const top = system.supervisor("top", { ...atOnce, strategy: "one-for-all" });
  const starts: string[] = [];
  let failing = true;
  const start =
    (name: string): Step =>
    () => {
      starts.push(name);
      if (starts.length < 3 || name !== "a" || !failing) return;
      failing = false;
      throw new Error("on its second start");
    };
  const [a] = ["a", "b"].map((name) =>
    system.spawn({ ...scripted(), onStart: start(name) }, { name, state: [], under: top }),
  );
  await settle();
  a?.send(crash);
  await settle();
  expect(starts).toEqual(["a", "b", "a", "a", "b"]);
});

describe("back-off", () => {
  test("a restarting actor takes messages up to its limit and handles them later", async () => {
    const { system, settle, advance, deadLetters } = testSystem({ crashesAllowed: true });
    const out = probe<string>();
    const type = scripted({ mailbox: { max: 2, overflow: "refuse" } });
    const ref = system.spawn(type, { name: "a", state: [] });
    ref.send(crash);
    await settle();
    expect(system.snapshot(ref)?.status).toBe("restarting");
    const say: Step = (ctx) => ctx.send(out, "handled");
    expect([ref.send(say), ref.send(say), ref.send(say)]).toEqual([true, true, false]);
    await settle();
    expect(out.received).toEqual([]);
    await advance(100);
    expect(out.received).toEqual(["handled", "handled"]);
    expect(deadLetters.map(({ reason }) => reason)).toEqual(["crashed", "mailbox-full"]);
  });

  test("the pause doubles up to its maximum, of which a random half may be left out", async () => {
    const supervision: Supervision = {
      intensity: { max: 100, withinMs: 60_000 },
      backoff: { minMs: 100, maxMs: 1_000 },
    };
    const { children, advance, clock, system } = startFamily(supervision, ["a"]);
    const ref = children["a"] as Ref<Step>;
    for (const fullMs of [100, 200, 400, 800, 1_000, 1_000]) {
      ref.send(crash);
      await advance(0);
      const crashedAt = clock.monotonic();
      while (system.snapshot(ref)?.status === "restarting") await advance(1);
      const pauseMs = clock.monotonic() - crashedAt;
      expect(pauseMs).toBeGreaterThanOrEqual(fullMs / 2);
      expect(pauseMs).toBeLessThanOrEqual(fullMs + 1);
    }
  });

  test("a quiet while ends the row of restarts", async () => {
    const supervision: Supervision = { backoff: { minMs: 100, maxMs: 10_000 } };
    const { children, advance, system } = startFamily(supervision, ["a"]);
    const ref = children["a"] as Ref<Step>;
    for (let i = 0; i < 4; i++) {
      ref.send(crash);
      await advance(100);
      expect(system.snapshot(ref)?.status).toBe("running");
      await advance(10_001);
    }
  });
});

describe("intensity and escalation", () => {
  test("one restart too many in the window ends the supervisor and tells the node", async () => {
    const supervision = { ...atOnce, intensity: { max: 2, withinMs: 1_000 } };
    const { system, top, children, take, settle, escalations } = startFamily(supervision, [
      "a",
      "b",
    ]);
    await settle();
    take();
    for (let i = 0; i < 3; i++) {
      children["a"]?.send(crash);
      await settle();
    }
    expect(take().slice(-2)).toEqual(["end a crashed", "end b stopped"]);
    expect(escalations).toMatchObject([{ path: "/top" }]);
    expect(system.inspect()).toEqual([]);
    expect(top.send).toBeDefined();
  });

  test("restarts that are further apart than the window do not escalate", async () => {
    const supervision = { ...atOnce, intensity: { max: 2, withinMs: 1_000 } };
    const { children, advance, escalations } = startFamily(supervision, ["a"]);
    for (let i = 0; i < 10; i++) {
      children["a"]?.send(crash);
      await advance(501);
    }
    expect(escalations).toEqual([]);
  });

  test("crashes of temporary children are no restarts", async () => {
    const { system, top, settle, escalations } = startFamily(atOnce, []);
    for (let i = 0; i < 100; i++) {
      const type = scripted({ restart: "temporary" });
      system.spawn(type, { name: `t-${i}`, state: [], under: top }).send(crash);
    }
    await settle();
    expect(escalations).toEqual([]);
  });

  test("a supervisor that gives up has crashed for its own supervisor", async () => {
    const { system, settle, escalations } = testSystem({ crashesAllowed: true });
    const top = system.supervisor("top", atOnce);
    const seen: unknown[] = [];
    const middleType = {
      ...scripted({ supervision: { ...atOnce, intensity: { max: 0, withinMs: 1_000 } } }),
      onStart: (ctx: Context<Step>) => {
        seen.push("start");
        ctx.spawn(scripted(), { name: "leaf", state: [] });
      },
      onEnd: (_state: string[], reason: EndReason) => seen.push(reason),
    };
    const middle = system.spawn(middleType, { name: "middle", state: [], under: top });
    await settle();
    (system.resolve("/top/middle/leaf") as Ref<Step>).send(crash);
    await settle();
    expect(seen).toEqual(["start", "escalated", "start"]);
    expect(system.snapshot(middle)).toMatchObject({ restarts: 1, children: 1 });
    expect(escalations).toEqual([]);
  });

  test("an actor at the top that crashes too often is ended and the node is told", async () => {
    const { system, settle, advance, escalations } = testSystem({ crashesAllowed: true });
    const type = { ...scripted(), onStart: crash };
    const ref = system.spawn(type, { name: "hopeless", state: [] });
    await settle();
    await advance(60_000);
    expect(escalations).toMatchObject([{ path: "/hopeless", error: { code: "effect.failed" } }]);
    expect(ref.send(note("too late"))).toBe(false);
  });

  test("nothing starts again below a supervisor that is leaving", async () => {
    const { system, settle } = testSystem({ crashesAllowed: true });
    const parent = system.spawn(scripted(), { name: "parent", state: [] });
    const child = system.spawn(scripted(), { name: "child", state: [], under: parent });
    child.send(crash);
    system.drainActor(parent);
    await settle();
    expect(system.inspect()).toEqual([]);
  });
});
