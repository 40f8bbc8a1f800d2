import { describe, expect, test } from "vitest";
import type { ActorType, Ref } from "../../../src/actors/kernel/actor.ts";
import type { Watchable } from "../../../src/actors/kernel/cell.ts";
import { externalRef } from "../../../src/actors/kernel/external.ts";
import type { Result } from "../../../src/core/result.ts";
import { probe, testSystem } from "../../testkit/kit.ts";
import { crash, type Step, scripted } from "./scripted.ts";

interface Question {
  readonly replyTo: Ref<number>;
}

/** Answers with 42 as often as told, or keeps the question. */
function oracle(answers: number, max = 10_000) {
  const kept: Question[] = [];
  const type: ActorType<null, Question> = {
    label: "oracle",
    mailbox: { max, overflow: "refuse" },
    behavior: (state, question, ctx) => {
      kept.push(question);
      for (let i = 0; i < answers; i++) ctx.reply(question, 42 + i);
      return state;
    },
  };
  return { type, kept };
}

const ask = (replyTo: Ref<number>): Question => ({ replyTo });

describe("ask from an actor", () => {
  function startAsking(answers: number, options: { crashesAllowed?: boolean } = {}) {
    const kit = testSystem(options);
    const { type, kept } = oracle(answers);
    const target = kit.system.spawn(type, { name: "oracle", state: null });
    const asker = kit.system.spawn(scripted(), { name: "asker", state: [] });
    const out = probe<Result<number>>();
    const tell =
      (outcome: Result<number>): Step =>
      (ctx) =>
        ctx.send(out, outcome);
    return { ...kit, kept, target, asker, out, tell };
  }

  test("the answer becomes a message, and the timer is gone", async () => {
    const { system, target, asker, out, tell, settle, clock } = startAsking(1);
    asker.send((ctx) => ctx.ask(target, ask, 1_000, tell));
    await settle();
    expect(out.received).toEqual([{ ok: true, value: 42 }]);
    expect([system.activity().timers, clock.timers]).toEqual([0, 0]);
  });

  test("an answered request leaves nothing behind at the receiver", async () => {
    const { target, asker, tell, settle } = startAsking(1);
    asker.send((ctx) => ctx.ask(target, ask, 1_000, tell));
    await settle();
    expect((target as unknown as Watchable).watchers).toBeUndefined();
  });

  test("one answer counts; the others are dead letters", async () => {
    const { target, asker, out, tell, settle, deadLetters } = startAsking(3);
    asker.send((ctx) => ctx.ask(target, ask, 1_000, tell));
    await settle();
    expect(out.received).toEqual([{ ok: true, value: 42 }]);
    expect(deadLetters.map(({ reason, message }) => [reason, message])).toEqual([
      ["no-actor", 43],
      ["no-actor", 44],
    ]);
  });

  test("no answer in time is ask.timeout, and a late answer a dead letter", async () => {
    const { target, asker, out, tell, advance, kept, deadLetters } = startAsking(0);
    asker.send((ctx) => ctx.ask(target, ask, 1_000, tell));
    await advance(999);
    expect(out.received).toEqual([]);
    await advance(1);
    expect(out.last).toMatchObject({ ok: false, error: { code: "ask.timeout" } });
    expect(kept[0]?.replyTo.send(1)).toBe(false);
    expect(deadLetters).toHaveLength(1);
    expect(out.received).toHaveLength(1);
  });

  test("the end of the receiver is told at once instead of at the deadline", async () => {
    const { system, target, asker, out, tell, settle } = startAsking(0);
    asker.send((ctx) => ctx.ask(target, ask, 1_000, tell));
    await settle();
    system.stopActor(target);
    await settle();
    expect(out.last).toMatchObject({ ok: false, error: { code: "actor.stopped" } });
    expect(system.activity().timers).toBe(0);
  });

  test("a receiver that has ended refuses at once", async () => {
    const { system, target, asker, out, tell, settle } = startAsking(0);
    system.stopActor(target);
    asker.send((ctx) => ctx.ask(target, ask, 1_000, tell));
    await settle();
    expect(out.last).toMatchObject({ ok: false, error: { code: "actor.stopped" } });
  });

  test("a full receiver is told apart from one that has ended", async () => {
    const { system, asker, out, tell, settle } = startAsking(0);
    const { type } = oracle(0, 1);
    const full = system.spawn(type, { name: "full", state: null });
    asker.send((ctx) => {
      ctx.ask(full, ask, 1_000, tell);
      ctx.ask(full, ask, 1_000, tell);
    });
    await settle();
    expect(out.received).toMatchObject([{ ok: false, error: { code: "mailbox.full" } }]);
  });

  test("an asker that restarts hears nothing of what it asked before", async () => {
    const { target, asker, out, tell, advance, kept } = startAsking(0, { crashesAllowed: true });
    asker.send((ctx) => ctx.ask(target, ask, 60_000, tell));
    asker.send(crash);
    await advance(1_000);
    expect(kept[0]?.replyTo.send(7)).toBe(false);
    await advance(120_000);
    expect(out.received).toEqual([]);
  });

  test("the ref for the answer has a path of its own below the asker", async () => {
    const { target, asker, tell, settle, kept } = startAsking(0);
    asker.send((ctx) => ctx.ask(target, ask, 1_000, tell));
    await settle();
    expect(kept[0]?.replyTo.path).toMatch(/^\/asker\/%ask-\d+$/);
    expect(kept[0]?.replyTo.node).toBe("node-test");
  });
});

describe("ask from outside", () => {
  test("it resolves with the answer", async () => {
    const { system } = testSystem();
    const target = system.spawn(oracle(1).type, { name: "oracle", state: null });
    await expect(system.ask(target, ask, { deadlineMs: 100 })).resolves.toBe(42);
  });

  test("it rejects with ask.timeout at the deadline", async () => {
    const { system, advance } = testSystem();
    const target = system.spawn(oracle(0).type, { name: "oracle", state: null });
    const asked = system.ask(target, ask, { deadlineMs: 100 });
    const rejects = expect(asked).rejects.toMatchObject({ code: "ask.timeout" });
    await advance(100);
    await rejects;
  });

  test("it rejects with actor.stopped when the receiver ends, or the system", async () => {
    const { system, settle } = testSystem();
    const first = system.spawn(oracle(0).type, { name: "first", state: null });
    const never = externalRef<Question>("/never", () => true);
    const asked = [
      system.ask(first, ask, { deadlineMs: 100 }),
      system.ask(never, ask, { deadlineMs: 1_000 }),
    ];
    const rejects = asked.map((one) =>
      expect(one).rejects.toMatchObject({ code: "actor.stopped" }),
    );
    await settle();
    system.stopActor(first);
    await system.stop({ deadlineMs: 10 });
    await Promise.all(rejects);
    await expect(system.ask(never, ask, { deadlineMs: 1 })).rejects.toMatchObject({
      code: "actor.stopped",
    });
  });

  test("it rejects with mailbox.full when the receiver has no room", async () => {
    const { system, settle } = testSystem();
    const target = system.spawn(oracle(1, 1).type, { name: "oracle", state: null });
    const first = system.ask(target, ask, { deadlineMs: 100 });
    const second = system.ask(target, ask, { deadlineMs: 100 });
    await expect(second).rejects.toMatchObject({ code: "mailbox.full", retryable: true });
    await settle();
    await expect(first).resolves.toBe(42);
  });
});
