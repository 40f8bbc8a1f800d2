import { describe, expect, test } from "vitest";
import type { ActorType, Context } from "../../../src/actors/kernel/actor.ts";
import { externalRef } from "../../../src/actors/kernel/external.ts";
import { probe, testSystem } from "../../testkit/kit.ts";
import { crash, note, type Step, scripted } from "./scripted.ts";

/** An actor that notes numbers in an array of the test. */
function recorder(max = 10_000, overflow: "refuse" | "drop-oldest" | "drop-newest" = "refuse") {
  const seen: number[] = [];
  const type: ActorType<null, number> = {
    label: "recorder",
    mailbox: { max, overflow },
    behavior: (state, message) => {
      seen.push(message);
      return state;
    },
  };
  return { type, seen };
}

describe("delivery", () => {
  test("messages are handled in the order they were sent", async () => {
    const { system, settle } = testSystem();
    const { type, seen } = recorder();
    const ref = system.spawn(type, { name: "r", state: null });
    const sent = Array.from({ length: 5_000 }, (_, i) => i);

    for (const i of sent) ref.send(i);
    await settle();

    expect(seen).toEqual(sent);
  });

  test("nothing is handled while the sender still runs", () => {
    const { system } = testSystem();
    const { type, seen } = recorder();
    system.spawn(type, { name: "r", state: null }).send(1);
    expect(seen).toEqual([]);
  });

  test("effects happen after the turn, in the order they were asked for", async () => {
    const { system, settle } = testSystem();
    const out = probe<string>();
    const ref = system.spawn(scripted(), { name: "a", state: [] });
    ref.send((ctx) => {
      ctx.send(out, "first");
      ctx.reply({ replyTo: out }, "second");
      ctx.reply({}, "to nobody");
      expect(out.received).toEqual([]);
      ctx.send(out, "third");
    });
    await settle();
    expect(out.received).toEqual(["first", "second", "third"]);
  });

  test("a turn that throws leaves no trace", async () => {
    const { system, settle, advance } = testSystem({ crashesAllowed: true });
    const out = probe<string>();
    const ref = system.spawn(scripted(), { name: "a", state: [] });
    let started = false;
    ref.send((ctx) => {
      ctx.send(out, "from the failed turn");
      ctx.setTimer("t", 10, () => ctx.send(out, "timer"));
      ctx.perform(
        async () => (started = true),
        () => note("performed"),
      );
      ctx.spawn(scripted(), { name: "child", state: [] });
      throw new Error("after all that");
    });
    await settle();
    await advance(1_000);
    expect(out.received).toEqual([]);
    expect(started).toBe(false);
    expect(system.inspect({ under: "/a" })).toEqual([]);
  });

  test("the effects of a failed turn do not happen in the next one either", async () => {
    const { system, settle } = testSystem({ crashesAllowed: true });
    const out = probe<string>();
    const bad = system.spawn(scripted({ restart: "temporary" }), { name: "bad", state: [] });
    const good = system.spawn(scripted(), { name: "good", state: [] });
    bad.send((ctx) => {
      ctx.send(out, "bad");
      throw new Error("no");
    });
    good.send((ctx) => ctx.send(out, "good"));
    await settle();
    expect(out.received).toEqual(["good"]);
  });

  test("a behavior that returns a promise has crashed", async () => {
    const { system, settle, crashes } = testSystem({ crashesAllowed: true });
    const type = {
      label: "asynchronous",
      behavior: async (state: Promise<number>) => state,
    } as unknown as ActorType<number, string>;
    system.spawn(type, { name: "a", state: 0 }).send("go");
    await settle();
    expect(String(crashes[0]?.error)).toContain("returned a promise; it must be synchronous");
  });

  test("a context that outlives its turn throws instead of acting for another actor", async () => {
    const { system, settle } = testSystem();
    let leaked: Context<Step> | undefined;
    const ref = system.spawn(scripted(), { name: "a", state: [] });
    ref.send((ctx) => {
      leaked = ctx;
    });
    await settle();
    expect(() => leaked?.send(ref, note("late"))).toThrow("outside its turn");
    expect(() => leaked?.now).toThrow("outside its turn");
  });

  test("time is constant within a turn and chance comes from the seed", async () => {
    const rolls = async (seed: number) => {
      const { system, settle, clock } = testSystem({ seed });
      const out = probe<number>();
      system.spawn(scripted(), { name: "a", state: [] }).send((ctx) => {
        const before = [ctx.now, ctx.monotonic];
        clock.jump(1_000);
        expect([ctx.now, ctx.monotonic]).toEqual(before);
        ctx.send(out, ctx.random());
        ctx.send(out, ctx.random());
      });
      await settle();
      return out.received;
    };
    expect(await rolls(7)).toEqual(await rolls(7));
    expect(await rolls(7)).not.toEqual(await rolls(8));
  });

  test.each<[string, Step]>([
    ["send", (ctx) => ctx.send(undefined as never, "x" as never)],
    ["trySend", (ctx) => ctx.trySend(undefined as never, "x" as never, () => note("refused"))],
    ["watch", (ctx) => ctx.watch(undefined as never, () => note("ended"))],
  ])("%s to no ref at all is a crash of that actor and of no other", async (_name, step) => {
    const { system, settle, crashes } = testSystem({ crashesAllowed: true });
    const out = probe<string>();
    const bad = system.spawn(scripted(), { name: "bad", state: [] });
    const good = system.spawn(scripted(), { name: "good", state: [] });
    bad.send(step);
    good.send((ctx) => ctx.send(out, "good"));
    await settle();
    expect(crashes.map(({ path }) => path)).toEqual(["/bad"]);
    expect(out.received).toEqual(["good"]);
  });

  test("a ref that throws is a dead letter and the sender goes on", async () => {
    const { system, settle, deadLetters } = testSystem();
    const out = probe<string>();
    const broken = externalRef<string>("/broken", () => {
      throw new Error("a closed socket");
    });
    system.spawn(scripted(), { name: "a", state: [] }).send((ctx) => {
      ctx.send(broken, "lost");
      ctx.send(out, "sent");
    });
    await settle();
    expect(out.received).toEqual(["sent"]);
    expect(deadLetters).toEqual([{ path: "/broken", reason: "crashed", message: "lost" }]);
  });
});

describe("mailbox limits", () => {
  test("a full mailbox refuses, and the refused message is a dead letter", async () => {
    const { system, settle, deadLetters } = testSystem();
    const { type, seen } = recorder(2, "refuse");
    const ref = system.spawn(type, { name: "r", state: null });
    expect([ref.send(1), ref.send(2), ref.send(3)]).toEqual([true, true, false]);
    await settle();
    expect(seen).toEqual([1, 2]);
    expect(deadLetters).toEqual([{ path: "/r", reason: "mailbox-full", message: 3 }]);
  });

  test("drop-oldest makes room, and drop-newest does not take the message", async () => {
    const { system, settle, deadLetters } = testSystem();
    const oldest = recorder(2, "drop-oldest");
    const newest = recorder(2, "drop-newest");
    const first = system.spawn(oldest.type, { name: "oldest", state: null });
    const second = system.spawn(newest.type, { name: "newest", state: null });
    for (const i of [1, 2, 3]) expect([first.send(i), second.send(i)]).toEqual([true, true]);
    await settle();
    expect(oldest.seen).toEqual([2, 3]);
    expect(newest.seen).toEqual([1, 2]);
    expect(deadLetters).toEqual([
      { path: "/oldest", reason: "dropped-oldest", message: 1 },
      { path: "/newest", reason: "dropped-newest", message: 3 },
    ]);
  });

  test("what an actor asked for comes although its mailbox is full", async () => {
    const { system, settle, deadLetters } = testSystem();
    const out = probe<string>();
    const ref = system.spawn(scripted({ mailbox: { max: 1, overflow: "drop-oldest" } }), {
      name: "a",
      state: [],
    });
    ref.send((ctx) => {
      ctx.setTimer("t", 0, (then) => then.send(out, "timer"));
      ctx.perform(
        async () => 1,
        () => (then) => then.send(out, "effect"),
      );
    });
    await settle();
    ref.send((ctx) => ctx.send(out, "message"));
    await settle();
    expect(out.received.toSorted()).toEqual(["effect", "message", "timer"]);
    expect(deadLetters).toEqual([]);
  });

  test("answers come although the mailbox is full, in order, and not after the end", async () => {
    const { system, settle, deadLetters } = testSystem();
    const out = probe<number>();
    const type = scripted({ mailbox: { max: 1, overflow: "refuse" } });
    const asker = system.spawn(type, { name: "asker", state: [] });
    const other = system.spawn(scripted({}), { name: "other", state: [] });
    const say =
      (n: number): Step =>
      (ctx) =>
        ctx.send(out, n);
    other.send((ctx) => {
      ctx.send(asker, say(1));
      for (const n of [2, 3, 4]) ctx.reply({ replyTo: asker }, say(n));
    });
    await settle();
    expect(out.received).toEqual([1, 2, 3, 4]);
    expect(deadLetters).toEqual([]);
    asker.send((ctx) => ctx.stop());
    await settle();
    other.send((ctx) => ctx.reply({ replyTo: asker }, say(5)));
    await settle();
    expect(out.received).toEqual([1, 2, 3, 4]);
    expect(deadLetters).toMatchObject([{ reason: "stopped" }]);
  });

  test("dropping the oldest never drops a signal that is older still", async () => {
    const { system, settle, deadLetters } = testSystem();
    const out = probe<string>();
    const type = scripted({ mailbox: { max: 2, overflow: "drop-oldest" } });
    const ref = system.spawn(
      { ...type, onStart: (ctx: Context<Step>) => ctx.send(out, "start") },
      { name: "a", state: [] },
    );
    for (const word of ["1", "2", "3", "4"]) ref.send((ctx) => ctx.send(out, word));
    await settle();
    expect(out.received).toEqual(["start", "3", "4"]);
    expect(deadLetters.map(({ reason }) => reason)).toEqual(["dropped-oldest", "dropped-oldest"]);
  });

  test("trySend tells the sender when a message was refused, and only then", async () => {
    const { system, settle } = testSystem();
    const out = probe<string>();
    const { type } = recorder(1, "refuse");
    const full = system.spawn(type, { name: "full", state: null });
    system.spawn(scripted(), { name: "a", state: [] }).send((ctx) => {
      ctx.trySend(full, 1, () => (then) => then.send(out, "first refused"));
      ctx.trySend(full, 2, () => (then) => then.send(out, "second refused"));
    });
    await settle();
    expect(out.received).toEqual(["second refused"]);
  });

  test("a restart drops the news of a refusal of the life before", async () => {
    const { system, advance } = testSystem({ crashesAllowed: true });
    const out = probe<string>();
    const full = probe<number>();
    full.accepting = false;
    const ref = system.spawn(scripted(), { name: "a", state: [] });
    ref.send((ctx) => ctx.trySend(full, 1, () => (then) => then.send(out, "refused")));
    ref.send(crash);
    await advance(10_000);
    expect(out.received).toEqual([]);
  });

  test("a mailbox limit below one is refused at once", () => {
    const { system } = testSystem();
    const { type } = recorder(0);
    expect(() => system.spawn(type, { name: "r", state: null })).toThrow("mailbox.max");
  });
});

describe("fairness", () => {
  test("an actor that always has more to do does not starve the others", async () => {
    const { system } = testSystem();
    const busy = system.spawn(scripted(), { name: "busy", state: [] });
    const again: Step = (ctx) => ctx.send(ctx.self, again);
    busy.send(again);
    const others = Array.from({ length: 1_000 }, (_, i) =>
      system.spawn(scripted(), { name: `other-${i}`, state: [] }),
    );
    const done = probe<string>();
    let waiting = others.length;
    let busyTurns = 0;
    const out = externalRef<string>("/out", (path) => {
      if (--waiting > 0) return true;
      busyTurns = system.inspect({ limit: 1 })[0]?.turns ?? 0;
      return done.send(path);
    });

    for (const other of others) other.send((ctx) => ctx.send(out, ctx.self.path));
    await done.next();

    expect(busyTurns).toBeLessThanOrEqual(64);
    system.stopActor(busy);
  });

  test("an actor of slow turns gets a smaller batch, so that the others wait less", async () => {
    const { system, clock, settle } = testSystem();
    const slow = system.spawn(scripted(), { name: "slow", state: [] });
    const ping = system.spawn(scripted(), { name: "ping", state: [] });
    const pong = system.spawn(scripted(), { name: "pong", state: [] });
    const waits: number[] = [];
    let since = 0;
    for (let i = 0; i < 300; i++) slow.send(() => clock.advance(1));
    // To the other of the two, or else all would be handled in one batch.
    const beat: Step = (ctx) => {
      waits.push(clock.monotonic() - since);
      since = clock.monotonic();
      if (waits.length < 20) ctx.send(waits.length % 2 === 1 ? pong : ping, beat);
    };
    ping.send(beat);
    await settle();
    // Only the first batch is of turns that nobody has measured.
    expect(waits[0]).toBe(64);
    expect(waits.slice(1)).toContain(5);
    expect(Math.max(...waits.slice(1))).toBe(5);
  });

  test("busy groups share the time of one turn of the event loop", async () => {
    const { system, clock } = testSystem();
    const again: Step = (ctx) => {
      clock.advance(0.5);
      ctx.send(ctx.self, again);
    };
    for (let i = 0; i < 10; i++) {
      const top = system.supervisor(`top-${i}`);
      system.spawn(scripted(), { name: "busy", state: [], under: top }).send(again);
    }
    const turnOfTheLoop = () => new Promise((resolve) => setImmediate(resolve));
    // Tokens are on their way, and each actor's turns are measured.
    for (let i = 0; i < 10; i++) await turnOfTheLoop();
    const before = clock.monotonic();
    await turnOfTheLoop();
    expect(clock.monotonic() - before).toBeLessThanOrEqual(10);
    await system.stop({ deadlineMs: 0 });
  });

  test("the event loop gets its turn while an actor always has more to do", async () => {
    const { system } = testSystem();
    const busy = system.spawn(scripted(), { name: "busy", state: [] });
    const again: Step = (ctx) => ctx.send(ctx.self, again);
    busy.send(again);
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(system.activity().turns).toBeGreaterThan(0);
    system.stopActor(busy);
  });
});

describe("start", () => {
  test("onStart is handled before what was sent at once", async () => {
    const { system, settle } = testSystem();
    const out = probe<string>();
    const type = { ...scripted(), onStart: (ctx: Context<Step>) => ctx.send(out, "start") };
    system.spawn(type, { name: "a", state: [] }).send((ctx) => ctx.send(out, "message"));
    await settle();
    expect(out.received).toEqual(["start", "message"]);
  });

  test("a child takes messages from the turn that spawned it", async () => {
    const { system, settle } = testSystem();
    const out = probe<string>();
    system.spawn(scripted(), { name: "parent", state: [] }).send((ctx) => {
      const child = ctx.spawn(scripted(), { name: "child", state: [] });
      ctx.send(child, (inner) => inner.send(out, inner.self.path));
    });
    await settle();
    expect(out.received).toEqual(["/parent/child"]);
  });

  test("a name that a living sibling has is refused, and free again after its end", async () => {
    const { system, settle } = testSystem();
    const first = system.spawn(scripted(), { name: "a", state: [] });
    expect(() => system.spawn(scripted(), { name: "a", state: [] })).toThrow("already has");
    system.stopActor(first);
    const second = system.spawn(scripted(), { name: "a", state: [] });
    expect(second.incarnation).toBeGreaterThan(first.incarnation);
    expect([first.send(note("x")), second.send(note("x"))]).toEqual([false, true]);
    await settle();
  });

  test("two children of one name in one turn crash it, and neither is born", async () => {
    const { system, settle, crashes } = testSystem({ crashesAllowed: true });
    const ref = system.spawn(scripted({ restart: "temporary" }), { name: "p", state: [] });
    ref.send((ctx) => {
      ctx.spawn(scripted(), { name: "twin", state: [] });
      ctx.spawn(scripted(), { name: "twin", state: [] });
    });
    await settle();
    expect(crashes[0]?.error).toMatchObject({ code: "actor.exists" });
    expect(system.inspect()).toEqual([]);
  });

  test("names with a slash or a percent sign stay one part of the path", () => {
    const { system } = testSystem();
    const ref = system.spawn(scripted(), { name: "a/b%2F", state: [] });
    system.spawn(scripted(), { name: "child", state: [], under: ref });
    expect(ref.path).toBe("/a%2Fb%252F");
    expect(system.resolve(ref.path)).toBe(ref);
    expect(system.resolve(`${ref.path}/child`)?.path).toBe("/a%2Fb%252F/child");
    expect(system.resolve(ref.path, ref.incarnation + 1)).toBeUndefined();
  });

  test("an actor without a name is refused", () => {
    const { system } = testSystem();
    expect(() => system.spawn(scripted(), { name: "", state: [] })).toThrow("needs a name");
  });

  test("a crash of one actor does not hold up the batch of another", async () => {
    const { system, settle } = testSystem({ crashesAllowed: true });
    const out = probe<string>();
    const bad = system.spawn(scripted(), { name: "bad", state: [] });
    const good = system.spawn(scripted(), { name: "good", state: [] });
    bad.send(crash);
    good.send((ctx) => ctx.send(out, "handled"));
    await settle();
    expect(out.received).toEqual(["handled"]);
  });
});
