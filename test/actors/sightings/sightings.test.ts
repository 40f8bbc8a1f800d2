import { expect, test } from "vitest";
import {
  newSightings,
  type SightingLimits,
  sightingsClerk,
} from "../../../src/actors/sightings/behavior.ts";
import { RuntimeError } from "../../../src/core/errors.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { noMetrics } from "../../../src/core/metrics.ts";
import type { Sighting } from "../../../src/persistence/ports/members.ts";
import { testSystem } from "../../testkit/kit.ts";

const MINUTE_MS = 60_000;

/** The clerk on a store that can be held up and can fail. */
function start(limits: Partial<SightingLimits> = {}) {
  const kit = testSystem();
  const calls: (readonly Sighting[])[] = [];
  const control = {
    down: false,
    here: [] as string[],
    gate: undefined as Promise<void> | undefined,
  };
  const members = {
    async seen(sightings: readonly Sighting[]) {
      await control.gate;
      if (control.down) throw new RuntimeError("store.unavailable", "down on request");
      calls.push(sightings);
      return sightings.length;
    },
  };
  const type = sightingsClerk({
    ...{ members, logger: silentLogger, metrics: noMetrics, limits },
    here: () => control.here,
  });
  const clerk = kit.system.spawn(type, { name: "clerk", state: newSightings() });
  const saw = (...users: readonly string[]): void => {
    for (const user of users) clerk.send({ type: "saw", user });
  };
  const idsOf = () => calls.map((call) => call.map(({ id }) => id));
  return { ...kit, calls, control, saw, idsOf };
}

test("users who come within a moment are written in one call, with their times", async () => {
  const { saw, advance, clock, calls } = start();
  const first = clock.now();
  saw("ann", "bob");
  await advance(100);
  saw("eve");
  await advance(1_000);
  expect(calls).toEqual([
    [
      { id: "ann", at: first },
      { id: "bob", at: first },
      { id: "eve", at: first + 100 },
    ],
  ]);
});

test("a user is written at most once in five minutes, however often they come and go", async () => {
  const { saw, advance, idsOf } = start();
  for (let n = 0; n < 100; n += 1) {
    saw("ann");
    await advance(6_000);
  }
  expect(idsOf()).toEqual([["ann"], ["ann"]]);
});

test("what comes while the store is busy goes in calls of a limited size", async () => {
  const { saw, advance, control, idsOf } = start({ batchMax: 3 });
  const { promise, resolve } = Promise.withResolvers<void>();
  control.gate = promise;
  saw("a");
  await advance(1_000);
  saw("b", "c", "d", "e");
  await advance(1_000);
  expect(idsOf()).toEqual([]);
  resolve();
  await advance(1_000);
  expect(idsOf()).toEqual([["a"], ["b", "c", "d"], ["e"]]);
});

test("what the store does not take comes again until it does, with the first time", async () => {
  const { saw, advance, control, calls, clock } = start();
  const at = clock.now();
  control.down = true;
  saw("ann");
  await advance(MINUTE_MS);
  saw("ann", "bob");
  control.down = false;
  await advance(3 * MINUTE_MS);
  expect(calls.flat().find(({ id }) => id === "ann")).toEqual({ id: "ann", at });
  expect(calls.flat()).toHaveLength(2);
});

test("who stays connected is written once in a while, who was just written is not", async () => {
  const { saw, advance, control, idsOf, calls } = start({ batchMax: 2 });
  control.here = ["ann", "bob", "eve"];
  await advance(59 * MINUTE_MS);
  saw("bob");
  await advance(MINUTE_MS + 1_000);
  expect(idsOf()).toEqual([["bob"], ["ann"], ["eve"]]);
  await advance(60 * MINUTE_MS);
  expect(
    calls
      .slice(3)
      .flat()
      .map(({ id }) => id)
      .sort(),
  ).toEqual(["ann", "bob", "eve"]);
});

test("what there is no room for is given up, and nobody else", async () => {
  const { saw, advance, idsOf } = start({ waitingMax: 2 });
  saw("a", "b", "c");
  await advance(1_000);
  saw("c");
  await advance(1_000);
  expect(idsOf()).toEqual([["a", "b"], ["c"]]);
});

test("of more users than it remembers the oldest may be written again", async () => {
  const { saw, advance, idsOf } = start({ recentMax: 2 });
  saw("a", "b", "c");
  await advance(1_000);
  saw("a", "c");
  await advance(1_000);
  expect(idsOf()).toEqual([["a", "b", "c"], ["a"]]);
});
