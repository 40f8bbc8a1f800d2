import { describe, expect, test } from "vitest";
import { crash, note, type Step, scripted } from "../actors/kernel/scripted.ts";
import { probe, testSystem } from "./kit.ts";
import { VirtualClock } from "./virtual-clock.ts";

describe("settle", () => {
  test("it fails when an actor has crashed, with the crash as its cause", async () => {
    const { system, settle } = testSystem();
    system.spawn(scripted(), { name: "a", state: [] }).send(crash);
    await expect(settle()).rejects.toMatchObject({
      message: expect.stringContaining("/a crashed"),
      cause: { message: "as the test wanted" },
    });
  });

  test("it waits for chains of effects and messages", async () => {
    const { system, settle } = testSystem();
    const out = probe<number>();
    const countdown =
      (left: number): Step =>
      (ctx) => {
        if (left === 0) ctx.send(out, 0);
        else
          ctx.perform(
            async () => left - 1,
            (got) => countdown(got.ok ? got.value : 0),
          );
      };
    system.spawn(scripted(), { name: "a", state: [] }).send(countdown(50));
    await settle();
    expect(out.received).toEqual([0]);
  });

  test("it does not wait for an effect that the test holds back", async () => {
    const { system, settle } = testSystem();
    const gate = Promise.withResolvers<void>();
    const ref = system.spawn(scripted(), { name: "a", state: [] });
    ref.send((ctx) =>
      ctx.perform(
        () => gate.promise,
        () => note("done"),
      ),
    );
    await settle();
    expect(system.activity().performing).toBe(1);
    gate.resolve();
    await settle();
    expect(system.activity().performing).toBe(0);
  });

  test("it waits for real I/O when it is told to wait for all effects", async () => {
    const { system, settle } = testSystem();
    const out = probe<string>();
    const read = () => new Promise<void>((resolve) => setTimeout(resolve, 30));
    system
      .spawn(scripted(), { name: "a", state: [] })
      .send((ctx) => ctx.perform(read, () => (then) => then.send(out, "read")));
    await settle({ effects: "all" });
    expect(out.received).toEqual(["read"]);
  });
});

describe("advance", () => {
  test("timers that set timers fire at their own times", async () => {
    const { system, advance, clock } = testSystem();
    const out = probe<number>();
    const tick: Step = (ctx) => {
      ctx.send(out, ctx.monotonic);
      ctx.setTimer("tick", 10, tick);
    };
    system.spawn(scripted(), { name: "a", state: [] }).send(tick);
    await advance(35);
    expect(out.received).toEqual([0, 10, 20, 30]);
    expect(clock.monotonic()).toBe(35);
  });
});

describe("a probe", () => {
  test("next gives each message once, in order, and waits for one to come", async () => {
    const out = probe<string>("/out");
    out.send("first");
    expect(await out.next()).toBe("first");
    const waiting = out.next();
    out.send("second");
    expect(await waiting).toBe("second");
    expect([out.received, out.last]).toEqual([["first", "second"], "second"]);
  });

  test("one that does not accept refuses", () => {
    const out = probe<string>();
    out.accepting = false;
    expect([out.send("x"), out.received]).toEqual([false, []]);
    expect(() => out.last).toThrow("has received nothing");
  });
});

describe("the virtual clock", () => {
  test("timers fire in due order, equals as they were set, and not when cancelled", () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    const set = (name: string, ms: number) => clock.after(ms, () => fired.push(name));
    set("c", 20);
    set("a", 10);
    set("b", 10);
    const cancel = set("never", 15);
    cancel();
    clock.advance(20);
    expect([fired, clock.timers]).toEqual([["a", "b", "c"], 0]);
  });

  test("the wall clock can jump without the monotonic one", () => {
    const clock = new VirtualClock(1_000);
    clock.advance(5);
    clock.jump(-100);
    expect([clock.now(), clock.monotonic()]).toEqual([905, 5]);
  });
});
