import { expect, test } from "vitest";
import type { EndReason, Ref } from "../../../src/actors/kernel/actor.ts";
import { probe, testSystem } from "../../testkit/kit.ts";
import { crash, note, type Step, scripted } from "./scripted.ts";

function startWatching(options: { crashesAllowed?: boolean } = {}) {
  const kit = testSystem(options);
  const out = probe<string>();
  const temporary = scripted({ restart: "temporary" });
  const watcher = kit.system.spawn(scripted(), { name: "watcher", state: [] });
  const target = kit.system.spawn(temporary, { name: "target", state: [] });
  const tell =
    (reason: EndReason): Step =>
    (ctx) =>
      ctx.send(out, reason);
  return { ...kit, out, watcher, target, tell };
}

test("a watcher is told why the other ended, once", async () => {
  const { system, watcher, target, tell, out, settle } = startWatching();
  watcher.send((ctx) => ctx.watch(target, tell));
  await settle();
  expect(out.received).toEqual([]);
  system.stopActor(target);
  await settle();
  expect(out.received).toEqual(["stopped"]);
});

test.each([
  ["crashed", crash],
  ["stopped", (ctx) => ctx.stop()],
  ["drained", (ctx) => ctx.drain()],
] as [EndReason, Step][])("the reason is %s when that is what happened", async (reason, step) => {
  const { watcher, target, tell, out, settle } = startWatching({ crashesAllowed: true });
  watcher.send((ctx) => ctx.watch(target, tell));
  await settle();
  target.send(step);
  await settle();
  expect(out.received).toEqual([reason]);
});

test("what an actor sent before its end comes before the news of its end", async () => {
  const { watcher, target, tell, out, settle } = startWatching();
  watcher.send((ctx) => ctx.watch(target, tell));
  target.send((ctx) => {
    ctx.stop();
    ctx.send(watcher, (then) => then.send(out, "last words"));
  });
  await settle();
  expect(out.received).toEqual(["last words", "stopped"]);
});

test("who watches one that has ended is told at once, with the reason it ended", async () => {
  const { watcher, target, tell, out, settle } = startWatching({ crashesAllowed: true });
  target.send(crash);
  await settle();
  watcher.send((ctx) => ctx.watch(target, tell));
  await settle();
  expect(out.received).toEqual(["crashed"]);
});

test("after unwatch nothing comes, not even if it was on its way", async () => {
  const { system, watcher, target, tell, out, settle } = startWatching();
  watcher.send((ctx) => ctx.watch(target, tell));
  await settle();
  watcher.send((ctx) => ctx.unwatch(target));
  system.stopActor(target);
  await settle();
  expect(out.received).toEqual([]);
});

test("watching twice tells once, in the words of the second", async () => {
  const { system, watcher, target, tell, out, settle } = startWatching();
  watcher.send((ctx) => {
    ctx.watch(target, tell);
    ctx.watch(target, () => (then) => then.send(out, "second"));
  });
  await settle();
  system.stopActor(target);
  await settle();
  expect(out.received).toEqual(["second"]);
});

test("of several that are watched each is told, but for those taken back", async () => {
  const { system, watcher, out, settle } = startWatching();
  const names = ["a", "b", "c", "d"];
  const type = scripted({ restart: "temporary" });
  const targets = names.map((name) => system.spawn(type, { name, state: [] }));
  const name =
    (_: EndReason, ref: Ref<never>): Step =>
    (ctx) =>
      ctx.send(out, ref.path);
  watcher.send((ctx) => {
    for (const target of targets) ctx.watch(target, name);
    ctx.unwatch(targets[0]!);
    ctx.unwatch(targets[2]!);
  });
  await settle();
  for (const target of targets) system.stopActor(target);
  await settle();
  expect(out.received).toEqual(["/b", "/d"]);
});

test("a restart is no end", async () => {
  const { system, watcher, tell, out, advance } = startWatching({ crashesAllowed: true });
  const lasting = system.spawn(scripted(), { name: "lasting", state: [] });
  watcher.send((ctx) => ctx.watch(lasting, tell));
  lasting.send(crash);
  await advance(10_000);
  expect(out.received).toEqual([]);
  expect(lasting.send(note("still there"))).toBe(true);
});

test("a watcher that ended or restarted is told nothing", async () => {
  const { system, watcher, target, tell, out, advance } = startWatching({ crashesAllowed: true });
  watcher.send((ctx) => ctx.watch(target, tell));
  watcher.send(crash);
  await advance(10_000);
  system.stopActor(target);
  await advance(0);
  expect(out.received).toEqual([]);
});

test("a gateway's ref tells its watchers when it is ended", async () => {
  const { watcher, tell, out, settle } = startWatching();
  const connection = probe<string>("/connections/1");
  watcher.send((ctx) => ctx.watch(connection, tell));
  await settle();
  connection.end("stopped");
  connection.end("crashed");
  await settle();
  expect(out.received).toEqual(["stopped"]);
});

test("a ref whose end nobody here can know is told as unknown at once", async () => {
  const { watcher, tell, out, settle } = startWatching();
  const foreign = (path: string): Ref<string> => {
    return { node: "n", path, incarnation: 1, send: () => true };
  };
  watcher.send((ctx) => {
    for (const path of ["/x", "/y"]) ctx.watch(foreign(path), tell);
  });
  await settle();
  expect(out.received).toEqual(["unknown", "unknown"]);
});

test("outside code is told, too, unless it took it back", async () => {
  const { system, target, settle } = startWatching();
  const told: EndReason[] = [];
  system.watch(target, (reason) => told.push(reason));
  const takeBack = system.watch(target, () => told.push("unknown"));
  takeBack();
  target.send((ctx) => ctx.stop());
  await settle();
  system.watch(target, (reason) => told.push(reason));
  expect(told).toEqual(["stopped", "stopped"]);
});

test("outside code that throws when it is told stops nothing", async () => {
  const { system, target, settle } = startWatching();
  system.watch(target, () => {
    throw new Error("in the callback");
  });
  system.stopActor(target);
  await settle();
  expect(system.resolve("/target")).toBeUndefined();
});
