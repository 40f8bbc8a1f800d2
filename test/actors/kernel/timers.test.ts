import { expect, test } from "vitest";
import type { Context } from "../../../src/actors/kernel/actor.ts";
import { type Probe, probe, testSystem } from "../../testkit/kit.ts";
import { crash, type Step, scripted } from "./scripted.ts";

function startTimers(options: { crashesAllowed?: boolean } = {}) {
  const kit = testSystem(options);
  const out: Probe<string> = probe();
  const ref = kit.system.spawn(scripted(), { name: "a", state: [] });
  const say =
    (word: string): Step =>
    (ctx: Context<Step>) =>
      ctx.send(out, word);
  return { ...kit, out, ref, say };
}

test("a timer sends its message to its own actor, once", async () => {
  const { ref, out, say, advance } = startTimers();
  ref.send((ctx) => ctx.setTimer("t", 1_000, say("fired")));
  await advance(999);
  expect(out.received).toEqual([]);
  await advance(1);
  await advance(100_000);
  expect(out.received).toEqual(["fired"]);
});

test("a timer set again under its name replaces the one before", async () => {
  const { ref, out, say, advance } = startTimers();
  ref.send((ctx) => ctx.setTimer("t", 1_000, say("first")));
  await advance(500);
  ref.send((ctx) => ctx.setTimer("t", 1_000, say("second")));
  await advance(999);
  expect(out.received).toEqual([]);
  await advance(1);
  expect(out.received).toEqual(["second"]);
});

test("timers of different names do not disturb each other", async () => {
  const { ref, out, say, advance } = startTimers();
  ref.send((ctx) => {
    for (const name of ["a", "b", "c"]) ctx.setTimer(name, 100, say(name));
    ctx.clearTimer("b");
    ctx.clearTimer("never set");
  });
  await advance(100);
  expect(out.received).toEqual(["a", "c"]);
});

test("a timer that is cleared after it was due does not deliver", async () => {
  const { ref, out, say, clock, settle } = startTimers();
  ref.send((ctx) => ctx.setTimer("t", 10, say("timer")));
  await settle();
  // This one is in the mailbox before the timer's message is.
  ref.send((ctx) => ctx.clearTimer("t"));
  clock.advance(10);
  await settle();
  expect(out.received).toEqual([]);
});

test("a timer that is replaced after it was due delivers only anew", async () => {
  const { ref, out, say, clock, settle, advance } = startTimers();
  ref.send((ctx) => ctx.setTimer("t", 10, say("old")));
  await settle();
  ref.send((ctx) => ctx.setTimer("t", 50, say("new")));
  clock.advance(10);
  await settle();
  expect(out.received).toEqual([]);
  await advance(50);
  expect(out.received).toEqual(["new"]);
});

test("a name is free again for the turn that its timer caused", async () => {
  const { ref, out, advance } = startTimers();
  const tick: Step = (ctx) => {
    ctx.send(out, String(ctx.monotonic));
    ctx.setTimer("tick", 100, tick);
  };
  ref.send((ctx) => ctx.setTimer("tick", 100, tick));
  await advance(350);
  expect(out.received).toEqual(["100", "200", "300"]);
});

test("timers die with their actor", async () => {
  const { system, ref, out, say, advance, clock, deadLetters } = startTimers();
  ref.send((ctx) => {
    ctx.setTimer("t", 100, say("a"));
    ctx.setTimer("u", 100, say("b"));
  });
  await advance(0);
  system.stopActor(ref);
  expect(system.activity().timers).toBe(0);
  await advance(1_000);
  expect([out.received, deadLetters, clock.timers]).toEqual([[], [], 0]);
});

test("timers die with a restart", async () => {
  const { ref, out, say, advance } = startTimers({ crashesAllowed: true });
  ref.send((ctx) => ctx.setTimer("t", 60_000, say("of the first life")));
  ref.send(crash);
  await advance(120_000);
  expect(out.received).toEqual([]);
});

test("a delay of more than 2^31 ms neither overflows nor comes early", async () => {
  const { ref, out, say, advance } = startTimers();
  const delayMs = 2 ** 31 + 12_345;
  ref.send((ctx) => ctx.setTimer("t", delayMs, say("a month later")));
  await advance(delayMs - 1);
  expect(out.received).toEqual([]);
  await advance(1);
  expect(out.received).toEqual(["a month later"]);
});

test("a jump of the wall clock moves no timer", async () => {
  const { ref, out, say, clock, advance } = startTimers();
  ref.send((ctx) => ctx.setTimer("t", 1_000, say("fired")));
  await advance(0);
  clock.jump(3_600_000);
  await advance(999);
  expect(out.received).toEqual([]);
  clock.jump(-7_200_000);
  await advance(1);
  expect(out.received).toEqual(["fired"]);
});

test("100 000 actors with a timer each need one timer of the clock", async () => {
  const { system, say, clock, settle } = startTimers();
  for (let i = 0; i < 100_000; i++) {
    const actor = system.spawn(scripted(), { name: `s-${i}`, state: [] });
    actor.send((ctx) => ctx.setTimer("idle", 30_000 + i, say("")));
  }
  await settle();
  expect([system.activity().timers, clock.timers]).toEqual([100_000, 1]);
});
