import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/core/random.ts";
import { AdaptiveConcurrency } from "../../../src/providers/limits/adaptive-concurrency.ts";
import { CircuitBreaker } from "../../../src/providers/limits/circuit-breaker.ts";
import { type BatchReport, reportOf } from "../../../src/providers/limits/gate.ts";
import { TokenBucket } from "../../../src/providers/limits/token-bucket.ts";
import type { ItemResult, ThrottleCause } from "../../../src/providers/provider.ts";

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

const report = (changes: Partial<BatchReport> = {}): BatchReport => ({
  ...{ items: 1, startedAt: 0, endedAt: 0, outcome: "answered", holdMs: 0 },
  ...changes,
});

describe("a token bucket", () => {
  test.each(SEEDS)("lets no more go in any time than rate and burst allow (seed %i)", (seed) => {
    const random = seededRandom(seed);
    const perSecond = 10 + Math.floor(random() * 5_000);
    const burst = 1 + Math.floor(random() * 300);
    const bucket = new TokenBucket({ perSecond, burst });
    const sent: { at: number; items: number }[] = [];
    let largest = 0;
    for (let now = 0; sent.length < 400; ) {
      const items = 1 + Math.floor(random() * 120);
      const waitMs = bucket.waitMs(items, now);
      if (waitMs === 0) {
        bucket.enter(items, now);
        sent.push({ at: now, items });
        largest = Math.max(largest, items);
      }
      now += waitMs > 0 && random() < 0.7 ? waitMs : random() * 40;
    }
    for (let from = 0; from < sent.length; from += 7) {
      let sum = 0;
      for (const { at, items } of sent.slice(from)) {
        sum += items;
        const allowed = burst + largest + (perSecond * (at - sent[from]!.at)) / 1000;
        expect(sum).toBeLessThanOrEqual(allowed + 1e-6);
      }
    }
  });

  test.each(SEEDS)("needs exactly the wait that it asks for (seed %i)", (seed) => {
    const random = seededRandom(seed);
    const perSecond = 1 + Math.floor(random() * 2_000);
    const bucket = new TokenBucket({ perSecond, burst: 1 + Math.floor(random() * 50) });
    let now = 0;
    let items = 0;
    for (let step = 0; step < 500; step += 1) {
      const count = 1 + Math.floor(random() * 100);
      now += bucket.waitMs(count, now);
      expect(bucket.waitMs(count, now)).toBe(0);
      bucket.enter(count, now);
      items += count;
    }
    // All waits together cost the rate no more than a millisecond each.
    expect((items / (now + 500)) * 1000).toBeGreaterThan(perSecond * 0.7);
  });

  test("leaves a provider alone as long as it asks, but not for ever", () => {
    const bucket = new TokenBucket({ perSecond: 0, burst: 1 });
    expect(bucket.waitMs(1_000, 50)).toBe(0);
    bucket.leave(report({ outcome: "throttled", endedAt: 100, holdMs: 3_000 }));
    expect(bucket.waitMs(1, 100)).toBe(3_000);
    expect(bucket.waitMs(1, 3_100)).toBe(0);
    bucket.leave(report({ outcome: "throttled", endedAt: 4_000, holdMs: 86_400_000 }));
    expect(bucket.figures(4_000)).toEqual({ perSecond: 0, tokens: 1, heldMs: 60_000 });
  });
});

/** A provider with room for `capacity` batches: more of them share its speed. */
function settled(capacity: number, steps: number, max = 64): number[] {
  const gate = new AdaptiveConcurrency({ max });
  const inFlight: { startedAt: number; endsAt: number }[] = [];
  const limits: number[] = [];
  let now = 0;
  for (let step = 0; step < steps; step += 1) {
    while (gate.waitMs() === 0) {
      gate.enter();
      const load = Math.max(1, (inFlight.length + 1) / capacity);
      inFlight.push({ startedAt: now, endsAt: now + 50 * load });
    }
    inFlight.sort((a, b) => a.endsAt - b.endsAt);
    const { startedAt, endsAt } = inFlight.shift()!;
    now = Math.max(now, endsAt);
    gate.leave(report({ startedAt, endedAt: now }));
    limits.push(gate.figures()["limit"]!);
  }
  return limits;
}

describe("adaptive concurrency", () => {
  test.each([3, 6, 12, 20])("finds the room of a provider for %i batches", (capacity) => {
    const limits = settled(capacity, 6_000).slice(2_000);
    const mean = limits.reduce((sum, limit) => sum + limit, 0) / limits.length;
    expect(mean).toBeGreaterThan(capacity * 0.6);
    expect(mean).toBeLessThan(capacity * 2.5);
  });

  test("goes up to its maximum when nothing speaks against it, and never beyond", () => {
    const limits = settled(1_000, 4_000, 24);
    expect(Math.max(...limits)).toBe(24);
    expect(limits.at(-1)).toBe(24);
  });

  test("stays where it is while it is not used", () => {
    const gate = new AdaptiveConcurrency({ max: 50 });
    for (let n = 0; n < 100; n += 1) {
      gate.enter();
      gate.leave(report({ startedAt: n * 10, endedAt: n * 10 + 5 }));
    }
    expect(gate.figures()["limit"]).toBe(4);
  });

  test("a round of bad batches counts once, and it never falls below one", () => {
    const gate = new AdaptiveConcurrency({ max: 100, initial: 10 });
    for (let n = 0; n < 10; n += 1) gate.enter();
    for (let n = 0; n < 10; n += 1) gate.leave(report({ outcome: "throttled", endedAt: 20 + n }));
    expect(gate.figures()["limit"]).toBeCloseTo(7);
    for (let n = 0; n < 50; n += 1) {
      gate.enter();
      gate.leave(report({ outcome: "failed", startedAt: 100 + n, endedAt: 100 + n }));
    }
    expect(gate.figures()["limit"]).toBe(1);
    expect(gate.waitMs()).toBe(0);
  });

  test("does not take a full batch for slow because a small one was quick", () => {
    const gate = new AdaptiveConcurrency({ max: 16 });
    for (let n = 0; n < 400; n += 1) {
      const sizes: number[] = [];
      for (; gate.waitMs() === 0; sizes.push(sizes.length % 3 === n % 3 ? 1 : 100)) gate.enter();
      for (const items of sizes) {
        gate.leave(report({ items, startedAt: n * 1_000, endedAt: n * 1_000 + 5 + items }));
      }
    }
    expect(gate.figures()["limit"]).toBe(16);
  });

  test("gets used to a provider that has become slower for good", () => {
    const gate = new AdaptiveConcurrency({ max: 8 });
    let now = 0;
    const run = (ms: number, batches: number): number => {
      for (let n = 0; n < batches; n += 1) {
        const startedAt = now;
        let count = 0;
        for (; gate.waitMs() === 0; count += 1) gate.enter();
        now += ms;
        for (; count > 0; count -= 1) gate.leave(report({ startedAt, endedAt: now }));
      }
      return gate.figures()["limit"]!;
    };
    expect(run(50, 100)).toBe(8);
    expect(run(400, 6)).toBe(1);
    expect(run(400, 100)).toBe(8);
  });
});

describe("a circuit breaker", () => {
  const failed = (at: number, startedAt = at): BatchReport =>
    report({ outcome: "failed", startedAt, endedAt: at });
  const answered = (at: number): BatchReport => report({ startedAt: at, endedAt: at });

  function opened(): CircuitBreaker {
    const breaker = new CircuitBreaker();
    for (let n = 0; n < 5; n += 1) {
      breaker.enter(1, n);
      breaker.leave(failed(n));
    }
    return breaker;
  }

  test("opens after five failures in a row, and not after four and an answer", () => {
    const breaker = new CircuitBreaker();
    for (const it of [failed(0), failed(1), failed(2), failed(3), answered(4), failed(5)]) {
      breaker.leave(it);
    }
    expect(breaker.waitMs(1, 6)).toBe(0);
    expect(opened().waitMs(1, 4)).toBe(1_000);
    expect(opened().figures(4)).toMatchObject({ state: "open", isOpen: 1, openMs: 1_000 });
  });

  test("opens when half of the last twenty failed, in whatever order", () => {
    const breaker = new CircuitBreaker();
    for (let n = 0; n < 19; n += 1) breaker.leave(n % 2 === 0 ? failed(n) : answered(n));
    expect(breaker.waitMs(1, 19)).toBe(0);
    breaker.leave(answered(20));
    expect(breaker.waitMs(1, 20)).toBe(1_000);
  });

  test("tries with one batch at a time, and closes after three answers", () => {
    const breaker = opened();
    for (let n = 0; n < 3; n += 1) {
      const now = 2_000 + n;
      expect(breaker.waitMs(1, now)).toBe(0);
      breaker.enter(1, now);
      expect(breaker.waitMs(1, now)).toBe(n < 3 ? Infinity : 0);
      breaker.leave(answered(now));
    }
    expect(breaker.figures(2_010)).toMatchObject({ state: "closed", isOpen: 0, openMs: 0 });
    for (let n = 0; n < 10; n += 1) breaker.enter(1, 3_000);
    expect(breaker.waitMs(1, 3_000)).toBe(0);
  });

  test("stays open twice as long each time that the provider is still down, to a limit", () => {
    const breaker = opened();
    const pauses: number[] = [];
    for (let now = 4, n = 0; n < 9; n += 1) {
      const waitMs = breaker.waitMs(1, now);
      pauses.push(waitMs);
      now += waitMs;
      breaker.enter(1, now);
      breaker.leave(failed(now));
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1000));
  });

  test("what began before it opened is no probe", () => {
    const breaker = opened();
    breaker.leave(answered(500));
    breaker.enter(1, 1_500);
    breaker.leave(failed(1_600, 3));
    expect(breaker.figures(1_600)).toMatchObject({ state: "half-open", isOpen: 0.5 });
    expect(breaker.waitMs(1, 1_600)).toBe(Infinity);
  });

  test("a probe that was not even tried leaves its place to another one", () => {
    const breaker = opened();
    breaker.enter(1, 2_000);
    breaker.leave(report({ outcome: "untried", startedAt: 2_000, endedAt: 2_001 }));
    expect(breaker.waitMs(1, 2_002)).toBe(0);
    expect(breaker.figures(2_002)).toMatchObject({ state: "half-open" });
  });

  test("being throttled is no failure", () => {
    const breaker = new CircuitBreaker();
    for (let n = 0; n < 50; n += 1) breaker.leave(report({ outcome: "throttled", endedAt: n }));
    expect(breaker.waitMs(1, 50)).toBe(0);
  });

  test.each(SEEDS)("never has more than one probe on its way (seed %i)", (seed) => {
    const random = seededRandom(seed);
    const breaker = new CircuitBreaker({ window: 6, openMs: 20, openMaxMs: 200 });
    const inFlight: { startedAt: number; probe: boolean }[] = [];
    let now = 0;
    let opens = 0;
    for (let step = 0; step < 5_000; step += 1) {
      now += random() * 5;
      const before = breaker.figures(now)["state"];
      if (random() < 0.5 && breaker.waitMs(1, now) === 0) {
        breaker.enter(1, now);
        const probe = breaker.figures(now)["state"] === "half-open";
        inFlight.push({ startedAt: now, probe });
        const since = inFlight.filter((it) => it.probe && it.startedAt >= now - 1e9);
        const mine = since.filter(({ startedAt }) => startedAt === now);
        expect(mine.length).toBeLessThanOrEqual(1);
      } else if (inFlight.length > 0) {
        const [{ startedAt } = expect.unreachable()] = inFlight.splice(
          Math.floor(random() * inFlight.length),
          1,
        );
        const outcome = random() < 0.5 ? "failed" : "answered";
        breaker.leave(report({ outcome, startedAt, endedAt: now }));
      }
      const after = breaker.figures(now)["state"];
      if (before !== "open" && after === "open") opens += 1;
      if (after === "open") expect(breaker.waitMs(1, now)).toBeLessThanOrEqual(200);
    }
    expect(opens).toBeGreaterThan(5);
  });
});

test("what a batch says of its provider", () => {
  const batch = { items: 3, startedAt: 1, endedAt: 2 };
  const of = (...statuses: ItemResult["status"][]): string => {
    const results = statuses.map((status): ItemResult => ({ status, retryAfterMs: 40 }));
    const { outcome, holdMs } = reportOf(results, batch);
    return `${outcome} ${holdMs}`;
  };
  expect(of("ok", "refused", "invalid")).toBe("answered 0");
  expect(of("unknown", "ok", "ok")).toBe("answered 0");
  expect(of("unknown", "retry", "ok")).toBe("failed 0");
  expect(of("throttled", "ok", "handed")).toBe("throttled 0");
  expect(of("throttled", "throttled", "throttled")).toBe("throttled 40");
  const untried = (...causes: (ThrottleCause | undefined)[]): string => {
    const results = causes.map((cause): ItemResult => ({ status: "throttled", cause }));
    return reportOf(results, batch).outcome;
  };
  expect(untried("late", "late", "late")).toBe("untried");
  expect(untried("unreachable", "unreachable", "late")).toBe("failed");
  expect(untried("unreachable", "busy", undefined)).toBe("throttled");
  expect(reportOf(undefined, batch)).toEqual({ ...batch, outcome: "failed", holdMs: 0 });
});
