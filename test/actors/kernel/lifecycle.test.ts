import { describe, expect, test } from "vitest";
import type { EndReason, Ref } from "../../../src/actors/kernel/actor.ts";
import { externalRef } from "../../../src/actors/kernel/external.ts";
import { probe, testSystem } from "../../testkit/kit.ts";
import { note, type Step, scripted } from "./scripted.ts";

describe("stop", () => {
  test("an actor ends after the turn, and its queue is dead letters", async () => {
    const { system, settle, deadLetters } = testSystem();
    const out = probe<string>();
    const ref = system.spawn(scripted(), { name: "a", state: [] });
    const queued = note("queued");
    ref.send((ctx) => {
      ctx.stop();
      ctx.send(out, "after the call of stop");
    });
    ref.send(queued);
    await settle();
    expect(out.received).toEqual(["after the call of stop"]);
    expect(deadLetters).toEqual([{ path: "/a", reason: "stopped", message: queued }]);
    expect(ref.send(note("late"))).toBe(false);
    expect(deadLetters).toHaveLength(2);
  });

  test("children end before their parent, the youngest first, each told once", async () => {
    const { system } = testSystem();
    const ended: string[] = [];
    const told = (name: string) =>
      scripted({ onEnd: (_: string[], reason: EndReason) => ended.push(`${name} ${reason}`) });
    const a = system.spawn(told("a"), { name: "a", state: [] });
    const b = system.spawn(told("a/b"), { name: "b", state: [], under: a });
    system.spawn(told("a/b/c"), { name: "c", state: [], under: b });
    system.spawn(told("a/d"), { name: "d", state: [], under: a });
    system.stopActor(a);
    system.stopActor(a);
    expect(ended).toEqual(["a/d stopped", "a/b/c stopped", "a/b stopped", "a stopped"]);
  });

  test("what it sends at its end is taken by a mailbox that is full", async () => {
    const { system, settle, deadLetters } = testSystem();
    const out = probe<string>();
    const other = system.spawn(scripted({ mailbox: { max: 1, overflow: "refuse" } }), {
      ...{ name: "other", state: [] },
    });
    const a = system.spawn(
      scripted({
        onEnd: (_, reason, sendAnyway) => sendAnyway(other, (ctx) => ctx.send(out, reason)),
      }),
      { name: "a", state: [] },
    );
    other.send((ctx) => ctx.send(out, "full"));
    system.stopActor(a);
    await settle();
    expect(out.received).toEqual(["full", "stopped"]);
    expect(deadLetters).toEqual([]);
  });

  test("a parent may end a child, and nobody else's", async () => {
    const { system, settle, crashes } = testSystem({ crashesAllowed: true });
    const parent = system.spawn(scripted(), { name: "parent", state: [] });
    const child = system.spawn(scripted(), { name: "child", state: [], under: parent });
    const other = system.spawn(scripted(), { name: "other", state: [] });
    other.send((ctx) => ctx.stop(child));
    await settle();
    expect(String(crashes[0]?.error)).toContain("/parent/child is no child of /other");
    parent.send((ctx) => ctx.stop(child));
    await settle();
    expect(system.snapshot(child)).toBeUndefined();
  });

  test("a gateway that ends an actor while it is sent to does no harm", async () => {
    const { system, settle } = testSystem();
    const ref: Ref<Step> = system.spawn(scripted(), { name: "a", state: [] });
    const hangingUp = externalRef<string>("/connection", () => {
      system.stopActor(ref);
      return true;
    });
    const out = probe<string>();
    ref.send((ctx) => {
      ctx.send(hangingUp, "bye");
      ctx.setTimer("t", 1, note("never"));
      ctx.perform(
        async () => 1,
        () => note("never"),
      );
      ctx.send(out, "still sent");
    });
    await settle();
    expect(out.received).toEqual(["still sent"]);
    expect(system.activity()).toMatchObject({ timers: 0, performing: 0 });
  });
});

describe("drain", () => {
  test("what is queued is handled, what comes then is refused", async () => {
    const { system, settle, deadLetters } = testSystem();
    const out = probe<string>();
    const ref = system.spawn(scripted(), { name: "a", state: [] });
    const say =
      (word: string): Step =>
      (ctx) =>
        ctx.send(out, word);
    for (let i = 0; i < 200; i++) ref.send(say(String(i)));
    system.drainActor(ref);
    expect(system.snapshot(ref)?.status).toBe("draining");
    expect(ref.send(say("late"))).toBe(false);
    await settle();
    expect(out.received).toHaveLength(200);
    expect(deadLetters.map(({ reason }) => reason)).toEqual(["draining"]);
    expect(system.snapshot(ref)).toBeUndefined();
  });

  test("an actor that drains itself handles what was queued at that time", async () => {
    const { system, settle } = testSystem();
    const out = probe<string>();
    const ref = system.spawn(scripted(), { name: "a", state: [] });
    ref.send((ctx) => {
      ctx.drain();
      ctx.send(ctx.self, (then) => then.send(out, "sent to itself before the end"));
    });
    ref.send((ctx) => ctx.send(out, "queued"));
    await settle();
    expect(out.received).toEqual(["queued", "sent to itself before the end"]);
    expect(system.inspect()).toEqual([]);
  });

  test("what comes of the last turns of a draining actor is not handled", async () => {
    const { system, settle } = testSystem();
    const out = probe<string>();
    const gone = system.spawn(scripted(), { name: "gone", state: [] });
    system.stopActor(gone);
    const ref = system.spawn(scripted(), { name: "a", state: [] });
    ref.send((ctx) => {
      ctx.watch(gone, () => (then) => then.send(out, "told after the end"));
      ctx.send(out, "last turn");
    });
    system.drainActor(ref);
    await settle();
    expect(out.received).toEqual(["last turn"]);
  });

  test("what a draining parent hands to its children is handled before they end", async () => {
    const { system, settle } = testSystem();
    const out = probe<string>();
    const parent = system.spawn(scripted(), { name: "parent", state: [] });
    const child = system.spawn(scripted(), { name: "child", state: [], under: parent });
    const ended: EndReason[] = [];
    system.watch(parent, (reason) => ended.push(reason));
    system.watch(child, (reason) => ended.push(reason));
    parent.send((ctx) => ctx.send(child, (inner) => inner.send(out, "work")));
    system.drainActor(parent);
    await settle();
    expect(out.received).toEqual(["work"]);
    expect(ended).toEqual(["drained", "drained"]);
  });

  test("a supervisor that waits for its children takes no more of them", async () => {
    const { system, settle } = testSystem();
    const top = system.supervisor("top");
    const child = system.spawn(scripted(), { name: "a", state: [], under: top });
    child.send(note("work"));
    system.drainActor(top);
    expect(() => system.spawn(scripted(), { name: "b", state: [], under: top })).toThrow(
      expect.objectContaining({ code: "actor.stopped" }),
    );
    await settle();
    expect(system.inspect()).toEqual([]);
  });

  test("to stop outweighs to drain", async () => {
    const { system, settle } = testSystem();
    const out = probe<string>();
    const ref = system.spawn(scripted(), { name: "a", state: [] });
    ref.send((ctx) => {
      ctx.stop();
      ctx.drain();
    });
    ref.send((ctx) => ctx.send(out, "queued"));
    await settle();
    expect(out.received).toEqual([]);
  });
});

describe("stopping a system", () => {
  test("everything is drained, the youngest supervisor first, and nothing is left", async () => {
    const { system, clock } = testSystem();
    const out = probe<string>();
    const ended: string[] = [];
    for (const name of ["stores", "actors", "gateways"]) {
      const top = system.supervisor(name);
      const ref = system.spawn(scripted(), { name: "one", state: [], under: top });
      ref.send((ctx) => {
        ctx.setTimer("t", 1_000, note("x"));
        ctx.send(out, name);
      });
      system.watch(top, () => ended.push(name));
    }
    const report = await system.stop({ deadlineMs: 1_000 });
    expect(report).toEqual({ drained: true, tookMs: 0, messagesLeft: 0, busyPaths: [] });
    expect(out.received.toSorted()).toEqual(["actors", "gateways", "stores"]);
    expect(ended).toEqual(["gateways", "actors", "stores"]);
    expect([clock.timers, system.activity().awake, system.activity().timers]).toEqual([0, 0, 0]);
  });

  test("what does not drain in time is stopped and reported", async () => {
    const { system, clock, deadLetters } = testSystem();
    const ref = system.spawn(scripted(), { name: "never-reached", state: [] });
    const top = system.supervisor("later");
    const again: Step = (ctx) => {
      ctx.send(later, again);
      clock.advance(100);
    };
    const later: Ref<Step> = system.spawn(scripted(), { name: "self", state: [], under: top });
    // Each message it handles takes a tenth of a second; it cannot get through in one.
    for (let i = 0; i < 100; i++) later.send(again);
    ref.send(note("waits for its turn"));

    const report = await system.stop({ deadlineMs: 1_000 });

    expect(report.drained).toBe(false);
    expect(report.messagesLeft).toBeGreaterThan(0);
    expect(report.busyPaths).toEqual(["/never-reached", "/later/self"]);
    expect(deadLetters.some(({ reason }) => reason === "stopped")).toBe(true);
    expect(system.inspect()).toEqual([]);
  });

  test("stopping twice is one stop; then sends are dead letters and spawns refused", async () => {
    const { system } = testSystem();
    const ref = system.spawn(scripted(), { name: "a", state: [] });
    const [first, second] = await Promise.all([
      system.stop({ deadlineMs: 10 }),
      system.stop({ deadlineMs: 99 }),
    ]);
    expect(first).toBe(second);
    expect(ref.send(note("late"))).toBe(false);
    expect(() => system.spawn(scripted(), { name: "b", state: [] })).toThrow(
      expect.objectContaining({ code: "actor.stopped" }),
    );
  });
});
