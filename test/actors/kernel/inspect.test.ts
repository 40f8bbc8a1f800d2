import { describe, expect, test } from "vitest";
import { kind } from "../../../src/actors/kernel/kind.ts";
import type { Labels, Metrics } from "../../../src/core/metrics.ts";
import { probe, testSystem } from "../../testkit/kit.ts";
import { crash, note, scripted } from "./scripted.ts";

describe("inspect", () => {
  test("the children of an actor are listed page by page, in start order", () => {
    const { system } = testSystem();
    const users = system.supervisor("users");
    for (let i = 0; i < 250; i++) {
      system.spawn(scripted(), { name: `u-${i}`, state: [], under: users });
    }
    expect(system.inspect()).toMatchObject([{ path: "/users", label: "users", children: 250 }]);
    expect(system.inspect({ under: "/users" })).toHaveLength(100);
    const page = system.inspect({ under: "/users", offset: 200, limit: 100 });
    expect(page).toHaveLength(50);
    expect(page[0]?.path).toBe("/users/u-200");
    expect(system.inspect({ under: "/nobody" })).toEqual([]);
  });

  test("a line tells how many messages wait, for how long, and what was handled", async () => {
    const { system, clock, settle } = testSystem();
    const ref = system.spawn(scripted({ mailbox: { max: 7, overflow: "refuse" } }), {
      name: "a",
      state: [],
    });
    ref.send(note("x"));
    clock.advance(250);
    ref.send(note("y"));
    const before = system.snapshot(ref);
    expect(before?.mailbox).toEqual({ length: 2, max: 7, oldestMs: 250 });
    expect(system.mailboxAgeMs(ref)).toBe(250);
    await settle();
    const after = system.snapshot(ref);
    expect(after).toMatchObject({ mailbox: { length: 0, oldestMs: 0 }, turns: 2, restarts: 0 });
  });

  test("a busy actor whose mailbox never empties does not look older than it is", async () => {
    const { system, clock } = testSystem();
    const done = probe<number>();
    let left = 1_000;
    const ref = system.spawn(scripted(), { name: "busy", state: [] });
    // Always three are waiting, and each is handled 3 ms after it came.
    const again: Parameters<typeof ref.send>[0] = (ctx) => {
      clock.advance(1);
      if (--left > 0) ctx.send(ctx.self, again);
      else done.send(system.mailboxAgeMs(ref));
    };
    for (let i = 0; i < 3; i++) ref.send(again);
    expect(await done.next()).toBeLessThan(250);
  });

  test("the time of turns is measured", async () => {
    const { system, clock, settle } = testSystem();
    const ref = system.spawn(scripted(), { name: "slow", state: [] });
    ref.send(() => clock.advance(40));
    await settle();
    expect(system.snapshot(ref)?.turnMs).toEqual({ mean: 40, max: 40 });
    ref.send(() => clock.advance(8));
    await settle();
    expect(system.snapshot(ref)?.turnMs).toEqual({ mean: 36, max: 40 });
  });

  test("an actor that has ended is no longer listed", () => {
    const { system } = testSystem();
    const ref = system.spawn(scripted(), { name: "a", state: [] });
    system.stopActor(ref);
    expect([system.inspect(), system.snapshot(ref), system.resolve("/a")]).toEqual([
      [],
      undefined,
      undefined,
    ]);
  });
});

test("dead letters are counted by reason, and the latest 100 are kept", async () => {
  const { system } = testSystem();
  const ref = system.spawn(scripted(), { name: "a", state: [] });
  system.stopActor(ref);
  const messages = Array.from({ length: 250 }, (_, i) => note(String(i)));
  for (const message of messages) ref.send(message);
  expect(system.deadLetters.total).toBe(250);
  expect(system.deadLetters.counts).toMatchObject({ stopped: 250, "mailbox-full": 0 });
  const recent = system.deadLetters.recent();
  expect(recent.map(({ message }) => message)).toEqual(messages.slice(150));
  expect(recent[0]).toMatchObject({ path: "/a", reason: "stopped" });
});

test("a subscriber to dead letters that throws does not reach the sender", () => {
  const { system } = testSystem({ onEscalated: () => {} });
  const ref = system.spawn(scripted(), { name: "a", state: [] });
  system.stopActor(ref);
  expect(() => ref.send(note("x"))).not.toThrow();
});

test("the metrics tell of turns, restarts, crashes, dead letters and living actors", async () => {
  const { metrics, read } = recordingMetrics();
  const { system, advance } = testSystem({ metrics, crashesAllowed: true });
  const userKind = kind<Parameters<typeof note>[0]>("user");
  const type = scripted({ label: "user", kind: userKind as never });
  const ref = system.spawn(type, { name: "u-1", state: [] });
  system.spawn(type, { name: "u-2", state: [] });
  ref.send(note("x"));
  ref.send(crash);
  await advance(1_000);
  expect(read("herald_actor_turns_total")).toBe(2);
  expect(read("herald_actor_restarts_total", { label: "user" })).toBe(1);
  expect(read("herald_actor_crashes_total", { label: "user" })).toBe(1);
  expect(read("herald_dead_letters", { reason: "crashed" })).toBe(1);
  expect(read("herald_actors", { kind: "user" })).toBe(2);
  expect(read("herald_actor_drain_seconds")).toBe(read("herald_actor_tokens_total"));
});

function recordingMetrics() {
  const series = new Map<string, () => number>();
  const key = (name: string, labels: Labels = {}): string => name + JSON.stringify(labels);
  const counting = (name: string, labels?: Labels) => {
    let value = 0;
    series.set(key(name, labels), () => value);
    return (amount = 1): void => {
      value += amount;
    };
  };
  const metrics: Metrics = {
    counter: (name, _help, labels) => ({ add: counting(name, labels) }),
    gauge: () => ({ set: () => {} }),
    histogram: (name, _help, _buckets, labels) => {
      const count = counting(name, labels);
      return { observe: () => count() };
    },
    observe: (name, _help, read, labels) => void series.set(key(name, labels), read),
  };
  return { metrics, read: (name: string, labels?: Labels) => series.get(key(name, labels))?.() };
}
