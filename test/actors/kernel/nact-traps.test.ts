/**
 * What nact 7.6.2 does that the kernel must not: one test per trap, each reproduced when the
 * kernel was designed. See docs/decisions/0003-supervisors-on-nact-leaves-in-cells.md.
 */
import { createRequire } from "node:module";
import nact from "nact";
import { describe, expect, test } from "vitest";
import type { Context, Ref } from "../../../src/actors/kernel/actor.ts";
import type { Cell } from "../../../src/actors/kernel/cell.ts";
import { Kernel } from "../../../src/actors/kernel/kernel.ts";
import { begin, blueprintOf, conceive } from "../../../src/actors/kernel/lifecycle.ts";
import { NACT_CHILDREN_MAX } from "../../../src/actors/kernel/scheduler.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { noMetrics } from "../../../src/core/metrics.ts";
import { seededRandom } from "../../../src/core/random.ts";
import { probe, testSystem } from "../../testkit/kit.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { crash, note, type Step, scripted } from "./scripted.ts";

/** The inside of nact, which it does not export. */
interface NactActor {
  readonly name: string;
  readonly children: ReadonlyMap<string, NactActor>;
}
const systemMap = createRequire(import.meta.url)("nact/lib/system-map.js") as {
  find(name: string): NactActor | undefined;
};

function startKernel(node = "node-a") {
  const kernel = new Kernel({
    node,
    clock: new VirtualClock(),
    random: seededRandom(1),
    logger: silentLogger,
    metrics: noMetrics,
    onEscalated: () => {},
  });
  const blueprint = blueprintOf(scripted() as Parameters<typeof blueprintOf>[0]);
  const spawn = (parent: Cell, name: string): Cell => {
    const cell = conceive(kernel, parent, blueprint, { name, state: [] });
    begin(cell);
    return cell;
  };
  const root = (): NactActor | undefined => systemMap.find(kernel.scheduler.name);
  return { kernel, spawn, root };
}

/** Runs `act` and returns the rejections that nobody handled. */
async function unhandledDuring(act: () => Promise<void>): Promise<unknown[]> {
  const unhandled: unknown[] = [];
  const listener = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", listener);
  await act();
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", listener);
  return unhandled;
}

test("a ref is typed by what it accepts (nact's Ref<T> is structurally empty)", () => {
  const ofNact = {} as nact.Ref<number>;
  const taken: nact.Ref<string> = ofNact;
  expect(taken).toBe(ofNact);

  const ours = probe<{ type: "a" } | { type: "b" }>() as Ref<{ type: "a" } | { type: "b" }>;
  const narrower: Ref<{ type: "a" }> = ours;
  // @ts-expect-error a ref of fewer messages is none of more
  const wider: Ref<{ type: "a" } | { type: "c" }> = ours;
  // @ts-expect-error nor is a ref of nact one of ours
  const foreign: Ref<number> = ofNact;
  expect([narrower, wider, foreign]).toHaveLength(3);
});

test("the nact system has the name of the node (nact ignores one given to start)", () => {
  const named = nact.start("my-name") as unknown as { system: { name: string } };
  expect(named.system.name).not.toBe("my-name");
  nact.stop(named as unknown as nact.ActorSystemRef);

  const { kernel, root } = startKernel("node-a");
  expect(kernel.scheduler.name).toMatch(/^node-a-\d+$/);
  expect(root()?.name).toBe(kernel.scheduler.name);
});

test("two systems of one name in a process do not take each other's messages", async () => {
  const first = testSystem({ node: "same" });
  const second = testSystem({ node: "same" });
  const out = probe<string>();
  const a = first.system.spawn(scripted(), { name: "a", state: [] });
  const b = second.system.spawn(scripted(), { name: "a", state: [] });
  a.send((ctx) => ctx.send(out, "first"));
  b.send((ctx) => ctx.send(out, "second"));
  await first.settle();
  await second.settle();
  expect(out.received.toSorted()).toEqual(["first", "second"]);
});

test("a crash goes to the logger port (nact's configureLogging does not exist)", async () => {
  expect(Object.keys(nact)).not.toContain("configureLogging");
  const errors: string[] = [];
  const logger = { ...silentLogger, error: (message: string) => void errors.push(message) };
  const { system, settle } = testSystem({ logger, crashesAllowed: true });
  system.spawn(scripted(), { name: "a", state: [] }).send(crash);
  await settle();
  expect(errors).toEqual(["an actor crashed"]);
});

test("restarting all siblings never runs one twice at once (nact's resetAll can)", async () => {
  const { system, settle, advance } = testSystem({ crashesAllowed: true });
  const top = system.supervisor("top", {
    strategy: "one-for-all",
    intensity: { max: 1_000, withinMs: 1_000 },
    backoff: { minMs: 0, maxMs: 0 },
  });
  let inside = 0;
  let most = 0;
  const handled: number[] = [];
  const turn =
    (i: number): Step =>
    () => {
      most = Math.max(most, ++inside);
      inside--;
      handled.push(i);
    };
  const [a, b] = ["a", "b"].map((name) =>
    system.spawn(scripted(), { name, state: [], under: top }),
  ) as [Ref<Step>, Ref<Step>];
  for (let i = 0; i < 100; i++) {
    a.send(turn(i));
    if (i % 10 === 0) b.send(crash);
  }
  await settle();
  await advance(1_000);
  expect(most).toBe(1);
  expect(handled).toEqual(Array.from({ length: 100 }, (_, i) => i));
});

describe("no rejection goes unhandled (nact has three ways)", () => {
  test("when an actor crashes after it was stopped in the same turn", async () => {
    const { system, settle } = testSystem({ crashesAllowed: true });
    const ref = system.spawn(scripted(), { name: "a", state: [] });
    const unhandled = await unhandledDuring(async () => {
      ref.send(() => {
        system.stopActor(ref);
        throw new Error("after the end");
      });
      await settle();
    });
    expect([unhandled, system.inspect()]).toEqual([[], []]);
  });

  test("when the port that is told of a crash throws or rejects", async () => {
    for (const onCrash of [
      () => {
        throw new Error("in onCrash");
      },
      () => Promise.reject(new Error("in onCrash")) as unknown as undefined,
    ]) {
      const out = probe<string>();
      const unhandled = await unhandledDuring(async () => {
        const { system, advance } = testSystem({ crashesAllowed: true, onCrash });
        const ref = system.spawn(scripted(), { name: "a", state: [] });
        ref.send(crash);
        ref.send((ctx) => ctx.send(out, "restarted"));
        await advance(1_000);
      });
      expect([unhandled, out.received]).toEqual([[], ["restarted"]]);
    }
  });

  test("when onEnd rejects", async () => {
    const { system, settle, crashes } = testSystem({ crashesAllowed: true });
    const type = scripted({ onEnd: async () => Promise.reject(new Error("in onEnd")) });
    const ref = system.spawn(type, { name: "a", state: [] });
    const unhandled = await unhandledDuring(async () => {
      system.stopActor(ref);
      await settle();
    });
    expect(unhandled).toEqual([]);
    expect(crashes).toMatchObject([{ path: "/a", error: { message: "in onEnd" } }]);
  });
});

test("an idle timeout of 2^31 ms is not one of no time (nact's shutdownAfter is)", async () => {
  const { system, advance } = testSystem();
  const ref = system.spawn(scripted(), { name: "a", state: [] });
  ref.send((ctx) => ctx.setTimer("idle", 2 ** 31, (then) => then.stop()));
  await advance(2 ** 31 - 1);
  expect(system.snapshot(ref)?.status).toBe("running");
  await advance(1);
  expect(system.snapshot(ref)).toBeUndefined();
});

test("one without state is supervised, too (nact's spawnStateless ignores onCrash)", async () => {
  const { system, settle } = testSystem({ crashesAllowed: true });
  const stateless = {
    label: "stateless",
    restart: "temporary" as const,
    behavior: (_: undefined, message: string, ctx: Context<string>): undefined => {
      throw new Error(`${ctx.self.path} does not like ${message}`);
    },
  };
  const ref = system.spawn(stateless, { name: "a", state: undefined });
  ref.send("that");
  await settle();
  expect(system.snapshot(ref)).toBeUndefined();
});

test("a message to a stopped actor is refused and counted (nact's dispatch loses it)", async () => {
  const { system, deadLetters } = testSystem();
  const ref = system.spawn(scripted(), { name: "a", state: [] });
  system.stopActor(ref);
  const message = note("x");
  expect(ref.send(message)).toBe(false);
  expect(deadLetters).toEqual([{ path: "/a", reason: "stopped", message }]);
});

describe("the cost of a message does not grow with the children of a parent (nact's does)", () => {
  test("children without children of their own are no nact actors", () => {
    const { kernel, spawn, root } = startKernel();
    const users = spawn(kernel.root, "users");
    for (let i = 0; i < 100_000; i++) spawn(users, `u-${i}`);
    expect(shape(root())).toEqual({ actors: 2, widest: 1 });
  });

  test("no nact actor that handles messages has more than 256 nact children", () => {
    const { kernel, spawn, root } = startKernel();
    const users = spawn(kernel.root, "users");
    for (let i = 0; i < 1_000; i++) spawn(spawn(users, `u-${i}`), "session");
    expect(shape(root())).toEqual({ actors: 2 + 1 + 1_000, widest: NACT_CHILDREN_MAX });
    // One of the places was free for the annex, which has the others and handles no messages.
    for (const user of [...(users.family?.children.values() ?? [])]) kernel.stopChild(user);
    expect(shape(root())).toEqual({ actors: 2 + 1, widest: 1 });
    for (let i = 0; i < 255; i++) spawn(spawn(users, `v-${i}`), "session");
    expect(shape(root())).toEqual({ actors: 2 + 1 + 255, widest: NACT_CHILDREN_MAX });
  });

  test("names that nact does not allow are escaped, and the tree is nact's, too", () => {
    const { kernel, spawn, root } = startKernel();
    const odd = spawn(kernel.root, "+49 170/1234567 $é");
    spawn(odd, "child");
    const names = [...(root()?.children.get("root")?.children.keys() ?? [])];
    expect(names).toEqual(["+49$20.170$2f.1234567$20.$24.$e9."]);
  });
});

/** How many nact actors there are, and the most children of one that handles messages. */
function shape(system: NactActor | undefined): { actors: number; widest: number } {
  const found = { actors: 0, widest: 0 };
  const walk = (actor: NactActor): void => {
    if (actor.name !== "$annex") found.widest = Math.max(found.widest, actor.children.size);
    for (const child of actor.children.values()) {
      found.actors++;
      walk(child);
    }
  };
  if (system !== undefined) walk(system);
  return found;
}
