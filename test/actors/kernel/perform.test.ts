import { expect, test } from "vitest";
import type { Context } from "../../../src/actors/kernel/actor.ts";
import type { RuntimeError } from "../../../src/core/errors.ts";
import type { Result } from "../../../src/core/result.ts";
import { probe, testSystem } from "../../testkit/kit.ts";
import { crash, type Step, scripted } from "./scripted.ts";

function startPerformer(options: { crashesAllowed?: boolean } = {}) {
  const kit = testSystem(options);
  const out = probe<Result<string>>();
  const ref = kit.system.spawn(scripted(), { name: "a", state: [] });
  const tell =
    (outcome: Result<string>): Step =>
    (ctx: Context<Step>) =>
      ctx.send(out, outcome);
  return { ...kit, out, ref, tell };
}

test("the outcome of an effect comes back as a message", async () => {
  const { ref, out, tell, settle } = startPerformer();
  ref.send((ctx) => ctx.perform(async () => "read", tell));
  await settle();
  expect(out.received).toEqual([{ ok: true, value: "read" }]);
});

test("an effect starts after the turn", async () => {
  const { ref, settle, tell } = startPerformer();
  const order: string[] = [];
  ref.send((ctx) => {
    ctx.perform(async () => {
      order.push("effect");
      return "";
    }, tell);
    order.push("turn");
  });
  await settle();
  expect(order).toEqual(["turn", "effect"]);
});

test("an effect that rejects is an outcome with a code and its cause", async () => {
  const { ref, out, tell, settle } = startPerformer();
  const cause = new Error("disk full");
  ref.send((ctx) => ctx.perform(() => Promise.reject(cause), tell));
  await settle();
  expect(errorOf(out.last)).toMatchObject({ code: "effect.failed", message: "disk full", cause });
});

test("an effect that throws before it returns a promise is an outcome, too", async () => {
  const { ref, out, tell, settle, crashes } = startPerformer();
  ref.send((ctx) =>
    ctx.perform((): Promise<string> => {
      throw new Error("no such table");
    }, tell),
  );
  await settle();
  expect(errorOf(out.last)?.message).toBe("no such table");
  expect(crashes).toEqual([]);
});

test("the effect is aborted when its actor ends, and its outcome is no dead letter", async () => {
  const { system, ref, out, tell, settle, deadLetters } = startPerformer();
  const gate = Promise.withResolvers<string>();
  let signal: AbortSignal | undefined;
  ref.send((ctx) =>
    ctx.perform((given) => {
      signal = given;
      return gate.promise;
    }, tell),
  );
  await settle();
  expect([signal?.aborted, system.activity().performing]).toEqual([false, 1]);
  system.stopActor(ref);
  expect(signal?.aborted).toBe(true);
  gate.resolve("too late");
  await settle();
  expect([out.received, deadLetters, system.activity().performing]).toEqual([[], [], 0]);
});

test("a restart aborts the effects of the life before and drops their outcomes", async () => {
  const { ref, out, tell, advance } = startPerformer({ crashesAllowed: true });
  const gate = Promise.withResolvers<string>();
  let signal: AbortSignal | undefined;
  ref.send((ctx) =>
    ctx.perform((given) => {
      signal = given;
      return gate.promise;
    }, tell),
  );
  ref.send(crash);
  await advance(1_000);
  gate.resolve("of the first life");
  ref.send((ctx) => ctx.perform(async () => "of the second", tell));
  await advance(0);
  expect(signal?.aborted).toBe(true);
  expect(out.received).toEqual([{ ok: true, value: "of the second" }]);
});

test("an outcome that waits in the mailbox is dropped by a restart", async () => {
  const { ref, out, tell, settle, advance } = startPerformer({ crashesAllowed: true });
  const gate = Promise.withResolvers<string>();
  ref.send((ctx) => ctx.perform(() => gate.promise, tell));
  await settle();
  gate.resolve("queued");
  // Both are in the mailbox before the actor gets its turn: first the crash, then the outcome.
  ref.send(crash);
  await Promise.resolve();
  await advance(10_000);
  expect(out.received).toEqual([]);
});

test("a throw while the outcome becomes a message is a crash of the actor", async () => {
  const { ref, crashes, deadLetters, settle } = startPerformer({ crashesAllowed: true });
  ref.send((ctx) =>
    ctx.perform(
      async () => "read",
      () => {
        throw new Error("no message for that");
      },
    ),
  );
  await settle();
  expect(crashes.map(({ path }) => path)).toEqual(["/a"]);
  expect(deadLetters).toEqual([
    { path: "/a", reason: "crashed", message: { ok: true, value: "read" } },
  ]);
});

test("an effect that does not declare the signal gets one that is never aborted", async () => {
  const { system, ref, tell, settle } = startPerformer();
  const signals: unknown[] = [];
  function effect(): Promise<string> {
    // biome-ignore lint/complexity/noArguments: what is not declared is what this is about
    signals.push(arguments[0]);
    return new Promise(() => {});
  }
  ref.send((ctx) => ctx.perform(effect, tell));
  await settle();
  system.stopActor(ref);
  expect(signals).toEqual([expect.objectContaining({ aborted: false })]);
});

function errorOf(outcome: Result<string>): RuntimeError | undefined {
  return outcome.ok ? undefined : outcome.error;
}
