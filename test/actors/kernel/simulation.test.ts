/**
 * Random trees of actors that send, spawn, end and crash at random, from a seed that is printed.
 * What must hold whatever happens is checked in every turn and at the end.
 */
import { expect, test } from "vitest";
import type { Context, Overflow, Ref, Supervision } from "../../../src/actors/kernel/actor.ts";
import { type Random, seededRandom } from "../../../src/core/random.ts";
import { testSystem } from "../../testkit/kit.ts";

interface Letter {
  /** Which life of which actor sent it; order is promised per pair. */
  readonly from: number;
  readonly number: number;
}

const MAILBOX_MAX = 5;
const LIVING_MIN = 20;
const ACTORS_MAX = 300;

/** One simulated world and what it counts. */
function startWorld(seed: number) {
  const kit = testSystem({ seed, crashesAllowed: true });
  const { system } = kit;
  const random = seededRandom(seed + 1_000_000);
  const counts = { sent: 0, handled: 0, children: 0, families: 0 };
  const wrong: string[] = [];
  const refs: Ref<Letter | "start">[] = [];
  const running = new Set<number>();
  /** By receiver and sender, the number of the latest letter. */
  const latest = new Map<string, number>();
  const numbers = new Map<number, number>();

  const nextLetter = (from: number): Letter => {
    const number = (numbers.get(from) ?? 0) + 1;
    numbers.set(from, number);
    return { from, number };
  };

  const receive = (self: Ref<Letter | "start">, letter: Letter): void => {
    const pair = `${self.incarnation}<-${letter.from}`;
    if ((latest.get(pair) ?? 0) >= letter.number) wrong.push(`${pair} out of order`);
    latest.set(pair, letter.number);
    const waiting = system.snapshot(self)?.mailbox.length ?? 0;
    if (waiting > MAILBOX_MAX + 1) wrong.push(`${self.path} has ${waiting} waiting`);
  };

  const behavior = (state: number, message: Letter | "start", ctx: Context<Letter | "start">) => {
    const { self } = ctx;
    if (running.size > 0) wrong.push(`${self.path} runs while another turn does`);
    running.add(self.incarnation);
    try {
      if (message !== "start") receive(self, message);
      const sends = Math.floor(random() * 2.2);
      for (let i = 0; i < sends; i++) ctx.send(pick(random, refs), nextLetter(self.incarnation));
      if (refs.length < ACTORS_MAX && random() < 0.15) {
        refs.push(ctx.spawn(type(random), { name: `c-${counts.children++}`, state: 0 }));
      }
      const fate = random();
      if (fate < 0.01) ctx.stop();
      else if (fate < 0.02) ctx.drain();
      if (fate > 0.97) throw new Error("at random");
      counts.sent += sends;
      if (message !== "start") counts.handled++;
      return state + 1;
    } finally {
      running.delete(self.incarnation);
    }
  };

  const type = (chance: Random) => ({
    label: "simulated",
    behavior,
    onStart: "start" as const,
    restart: pick(chance, ["permanent", "transient", "temporary"] as const),
    mailbox: {
      max: MAILBOX_MAX,
      overflow: pick<Overflow>(chance, ["refuse", "drop-oldest", "drop-newest"]),
    },
    supervision: supervision(chance),
  });

  /** Forgets most of the dead, and founds new families when few are left. */
  const renew = (): void => {
    const living = refs.filter((ref) => system.snapshot(ref) !== undefined || random() < 0.1);
    refs.splice(0, refs.length, ...living);
    while (refs.length < LIVING_MIN) {
      const top = system.supervisor(`top-${counts.families++}`, supervision(random));
      refs.push(system.spawn(type(random), { name: "first", state: 0, under: top }));
    }
  };
  const poke = (): void => {
    counts.sent++;
    pick(random, refs).send(nextLetter(0));
  };
  return { ...kit, counts, wrong, renew, poke, random };
}

function supervision(random: Random): Supervision {
  return {
    strategy: pick(random, ["one-for-one", "one-for-all", "rest-for-one"] as const),
    intensity: { max: pick(random, [0, 3, 30]), withinMs: 500 },
    backoff: { minMs: pick(random, [0, 10, 100]), maxMs: 200 },
  };
}

function pick<T>(random: Random, among: readonly T[]): T {
  return among[Math.floor(random() * among.length)] as T;
}

test.each(Array.from({ length: 20 }, (_, i) => i + 1))(
  "order, limits and the sum of messages hold in a world of crashes (seed %i)",
  async (seed) => {
    const world = startWorld(seed);
    for (let round = 0; round < 40; round++) {
      world.renew();
      for (let i = 0; i < 100; i++) world.poke();
      if (world.random() < 0.5) await world.settle();
      else await world.advance(Math.floor(world.random() * 100));
    }
    await world.advance(10_000);

    expect(world.wrong).toEqual([]);
    const { system, counts } = world;
    // A start is a message, too, when the turn that handles it crashes; nobody sent it.
    const lost = world.deadLetters.filter(({ message }) => message !== "start").length;
    expect(counts.handled + lost).toBe(counts.sent);
    // Or else the world was too quiet to show anything.
    expect(counts.handled).toBeGreaterThan(1_000);
    expect(world.crashes.length).toBeGreaterThan(50);
    expect(world.escalations.length).toBeGreaterThan(0);
    expect(system.deadLetters.counts["mailbox-full"]).toBeGreaterThan(0);
    const report = await system.stop({ deadlineMs: 1_000 });
    expect(report).toMatchObject({ drained: true, messagesLeft: 0 });
    expect(system.activity()).toMatchObject({ awake: 0, timers: 0 });
  },
);
