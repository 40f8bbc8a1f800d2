/**
 * The actor kernel against bare nact: messages per second, in one process, on one core.
 *
 * - `oneActor`: one actor is sent messages in bursts that fit its mailbox.
 * - `fanOut`: one message to each of 10 000 actors under one parent, again and again.
 * - `pingPong`: 1 000 pairs send one ball each to and fro.
 *
 * `bytesPerActor` is the heap that an idle actor takes which has handled a message.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import nact from "nact";
import type { ActorType, Ref } from "../src/actors/kernel/actor.ts";
import { type ActorSystem, createSystem } from "../src/actors/kernel/system.ts";
import { systemClock } from "../src/core/clock.ts";
import { silentLogger } from "../src/core/logger.ts";
import { noMetrics } from "../src/core/metrics.ts";
import { systemRandom } from "../src/core/random.ts";
import { alternate, type BenchReport, report, runDirectly } from "./report.ts";

const ROUNDS = 5;
const BURST = 10_000;
const ONE_ACTOR = { ours: 3_000_000, nact: 100_000 };
const FAN_OUT_ACTORS = 10_000;
const FAN_OUT_WAVES = { ours: 150, nact: 10 };
const PAIRS = 1_000;
const HITS = { ours: 1_000, nact: 50 };
const MEMORY_ACTORS = 50_000;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

interface Ball {
  readonly from: Ref<Ball>;
  readonly left: number;
}

interface NactBall {
  readonly from: nact.Ref<NactBall>;
  readonly left: number;
}

export async function run(): Promise<BenchReport> {
  const one = await alternate(ROUNDS, { ours: oneActor, nact: nactOneActor });
  const fan = await alternate(ROUNDS, { ours: fanOut, nact: nactFanOut });
  const pairs = await alternate(ROUNDS, { ours: pingPong, nact: nactPingPong });
  const memory = { ours: await bytesPerActor(), nact: await nactBytesPerActor() };
  return report("kernel", {
    figures: {
      oneActor: one.ours,
      fanOut: fan.ours,
      pingPong: pairs.ours,
      bytesPerActor: memory.ours,
    },
    peers: {
      nactOneActor: one.nact,
      nactFanOut: fan.nact,
      nactPingPong: pairs.nact,
      nactBytesPerActor: memory.nact,
    },
    ratios: {
      oneActor: one.ours / one.nact,
      fanOut: fan.ours / fan.nact,
      pingPong: pairs.ours / pairs.nact,
    },
    goals: { "ratios.oneActor": ">= 20", "ratios.fanOut": ">= 10", "ratios.pingPong": ">= 5" },
  });
}

/** The state is one object that counts in place, so that what is measured is the delivery. */
interface Count {
  handled: number;
}

const countType: ActorType<Count, number> = {
  label: "count",
  behavior: (state, amount) => {
    state.handled += amount;
    return state;
  },
};

const playerType: ActorType<Count, Ball> = {
  label: "player",
  behavior: (state, ball, ctx) => {
    state.handled++;
    if (ball.left > 0) ctx.send(ball.from, { from: ctx.self, left: ball.left - 1 });
    return state;
  },
};

async function oneActor(): Promise<number> {
  return withSystem(async (system) => {
    const count = { handled: 0 };
    const ref = system.spawn(countType, { name: "one", state: count });
    const startedAt = performance.now();
    for (let sent = 0; sent < ONE_ACTOR.ours; sent += BURST) {
      for (let i = 0; i < BURST; i++) ref.send(1);
      while (count.handled < sent + BURST) await nextTurn();
    }
    return rate(count.handled, ONE_ACTOR.ours, startedAt);
  });
}

async function nactOneActor(): Promise<number> {
  return withNact(async (system) => {
    const count = { handled: 0 };
    const ref = nact.spawn(system, nactCount(count), "one");
    const startedAt = performance.now();
    for (let sent = 0; sent < ONE_ACTOR.nact; sent += BURST) {
      for (let i = 0; i < BURST; i++) nact.dispatch(ref, 1);
      while (count.handled < sent + BURST) await nextTurn();
    }
    return rate(count.handled, ONE_ACTOR.nact, startedAt);
  });
}

async function fanOut(): Promise<number> {
  return withSystem(async (system) => {
    const count = { handled: 0 };
    const refs = names(FAN_OUT_ACTORS).map((name) =>
      system.spawn(countType, { name, state: count }),
    );
    const startedAt = performance.now();
    for (let wave = 1; wave <= FAN_OUT_WAVES.ours; wave++) {
      for (const ref of refs) ref.send(1);
      while (count.handled < wave * FAN_OUT_ACTORS) await nextTurn();
    }
    return rate(count.handled, FAN_OUT_WAVES.ours * FAN_OUT_ACTORS, startedAt);
  });
}

async function nactFanOut(): Promise<number> {
  return withNact(async (system) => {
    const count = { handled: 0 };
    const refs = names(FAN_OUT_ACTORS).map((name) => nact.spawn(system, nactCount(count), name));
    const startedAt = performance.now();
    for (let wave = 1; wave <= FAN_OUT_WAVES.nact; wave++) {
      for (const ref of refs) nact.dispatch(ref, 1);
      while (count.handled < wave * FAN_OUT_ACTORS) await nextTurn();
    }
    return rate(count.handled, FAN_OUT_WAVES.nact * FAN_OUT_ACTORS, startedAt);
  });
}

async function pingPong(): Promise<number> {
  return withSystem(async (system) => {
    const count = { handled: 0 };
    const players = names(PAIRS * 2).map((name) =>
      system.spawn(playerType, { name, state: count }),
    );
    const expected = PAIRS * (HITS.ours + 1);
    const startedAt = performance.now();
    for (let i = 0; i < players.length; i += 2) {
      players[i]!.send({ from: players[i + 1]!, left: HITS.ours });
    }
    while (count.handled < expected) await nextTurn();
    return rate(count.handled, expected, startedAt);
  });
}

async function nactPingPong(): Promise<number> {
  return withNact(async (system) => {
    const count = { handled: 0 };
    const play = (_state: unknown, ball: NactBall, ctx: { self: nact.Ref<unknown> }): undefined => {
      count.handled++;
      if (ball.left > 0) nact.dispatch(ball.from, { from: ctx.self, left: ball.left - 1 });
    };
    const players = names(PAIRS * 2).map((name) => nact.spawn(system, play, name));
    const expected = PAIRS * (HITS.nact + 1);
    const startedAt = performance.now();
    for (let i = 0; i < players.length; i += 2) {
      nact.dispatch(players[i]!, { from: players[i + 1]!, left: HITS.nact });
    }
    while (count.handled < expected) await nextTurn();
    return rate(count.handled, expected, startedAt);
  });
}

async function bytesPerActor(): Promise<number> {
  return withSystem(async (system) => {
    const count = { handled: 0 };
    const before = await heapUsed();
    const refs = names(MEMORY_ACTORS).map((name) =>
      system.spawn(countType, { name, state: count }),
    );
    for (const ref of refs) ref.send(1);
    while (count.handled < MEMORY_ACTORS) await nextTurn();
    return ((await heapUsed()) - before) / refs.length;
  });
}

async function nactBytesPerActor(): Promise<number> {
  return withNact(async (system) => {
    const count = { handled: 0 };
    const before = await heapUsed();
    const refs = names(MEMORY_ACTORS).map((name) => nact.spawn(system, nactCount(count), name));
    for (const ref of refs) nact.dispatch(ref, 1);
    while (count.handled < MEMORY_ACTORS) await nextTurn();
    return ((await heapUsed()) - before) / refs.length;
  });
}

function nactCount(count: Count): (state: unknown, amount: number) => undefined {
  return (_state, amount) => {
    count.handled += amount;
  };
}

async function withSystem(measure: (system: ActorSystem) => Promise<number>): Promise<number> {
  const system = createSystem({
    node: "bench",
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: noMetrics,
    onEscalated: (path, error) => {
      throw new Error(`${path} gave up`, { cause: error });
    },
  });
  const found = await measure(system);
  const lost = system.deadLetters.total;
  if (lost > 0) throw new Error(`${lost} messages were lost`);
  await system.stop({ deadlineMs: 1_000 });
  return found;
}

async function withNact(
  measure: (system: nact.ActorSystemRef) => Promise<number>,
): Promise<number> {
  const system = nact.start();
  const found = await measure(system);
  nact.stop(system);
  return found;
}

function rate(handled: number, expected: number, startedAt: number): number {
  const seconds = (performance.now() - startedAt) / 1_000;
  if (handled !== expected) throw new Error(`handled ${handled} messages, not ${expected}`);
  return handled / seconds;
}

function names(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `a-${i}`);
}

async function heapUsed(): Promise<number> {
  // What died in the turn before is only free after another one.
  for (let i = 0; i < 3; i++) {
    await nextTurn();
    collectGarbage();
  }
  return process.memoryUsage().heapUsed;
}

await runDirectly(import.meta, run);
