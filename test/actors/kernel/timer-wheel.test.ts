import { describe, expect, test } from "vitest";
import { TimerWheel, WheelEntry } from "../../../src/actors/kernel/timer-wheel.ts";
import { seededRandom } from "../../../src/core/random.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";

const DAY_MS = 86_400_000;

function startWheel() {
  const clock = new VirtualClock();
  const wheel = new TimerWheel(clock);
  const fired: { name: string; at: number }[] = [];
  class Entry extends WheelEntry {
    readonly name: string;
    constructor(name: string) {
      super();
      this.name = name;
    }
    fire(): void {
      fired.push({ name: this.name, at: clock.monotonic() });
    }
  }
  return { clock, wheel, fired, entry: (name: string) => new Entry(name) };
}

describe("the timer wheel", () => {
  test("an entry fires at its time and not a millisecond before", () => {
    const { clock, wheel, fired, entry } = startWheel();
    wheel.set(entry("a"), 1_003);
    clock.advance(1_002);
    expect(fired).toEqual([]);
    clock.advance(1);
    expect(fired).toEqual([{ name: "a", at: 1_003 }]);
    clock.advance(DAY_MS);
    expect(fired).toHaveLength(1);
  });

  test("a delay between two ticks is rounded up", () => {
    const { clock, wheel, fired, entry } = startWheel();
    clock.advance(0.4);
    wheel.set(entry("a"), 10.3);
    clock.advance(10.5);
    expect(fired).toEqual([]);
    clock.advance(0.2);
    expect(fired).toHaveLength(1);
  });

  test.each([255, 256, 257, 65_535, 65_536, 65_537, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 5])(
    "a delay of %i ms is exact, whatever level it falls on",
    (delayMs) => {
      const { clock, wheel, fired, entry } = startWheel();
      clock.advance(777);
      wheel.set(entry("a"), delayMs);
      clock.advance(delayMs - 1);
      expect(fired).toEqual([]);
      clock.advance(1);
      expect(fired).toEqual([{ name: "a", at: 777 + delayMs }]);
    },
  );

  test("a delay of years beyond the last level still fires at its time", () => {
    const { clock, wheel, fired, entry } = startWheel();
    const delayMs = 50 * 365 * DAY_MS;
    wheel.set(entry("a"), delayMs);
    clock.advance(delayMs - 1);
    expect(fired).toEqual([]);
    clock.advance(1);
    expect(fired).toHaveLength(1);
  });

  test("an endless delay never fires and a delay that is no number fires at once", () => {
    const { clock, wheel, fired, entry } = startWheel();
    wheel.set(entry("never"), Number.POSITIVE_INFINITY);
    wheel.set(entry("at once"), Number.NaN);
    wheel.set(entry("in the past"), -5);
    clock.advance(100 * 365 * DAY_MS);
    expect(fired).toEqual([
      { name: "at once", at: 0 },
      { name: "in the past", at: 0 },
    ]);
  });

  test("entries of one tick fire in the order they were set, from whatever level", () => {
    const { clock, wheel, fired, entry } = startWheel();
    wheel.set(entry("far"), 1_000);
    clock.advance(900);
    wheel.set(entry("near"), 100);
    clock.advance(100);
    expect(fired.map(({ name }) => name)).toEqual(["far", "near"]);
  });

  test("a cleared entry does not fire, and one set anew fires once at the new time", () => {
    const { clock, wheel, fired, entry } = startWheel();
    const cleared = entry("cleared");
    const moved = entry("moved");
    wheel.set(cleared, 100);
    wheel.set(moved, 100);
    wheel.clear(cleared);
    wheel.set(moved, 500);
    clock.advance(10_000);
    expect(fired).toEqual([{ name: "moved", at: 500 }]);
    wheel.clear(moved);
  });

  test("an entry cleared by one that fires in the same tick does not fire", () => {
    const { clock, wheel, fired, entry } = startWheel();
    const second = entry("second");
    class Clearing extends WheelEntry {
      fire(): void {
        wheel.clear(second);
      }
    }
    wheel.set(new Clearing(), 10);
    wheel.set(second, 10);
    clock.advance(10);
    expect(fired).toEqual([]);
  });

  test("one that sets itself anew without delay does not hold the event loop", () => {
    const { clock, wheel } = startWheel();
    let times = 0;
    class Again extends WheelEntry {
      fire(): void {
        times++;
        wheel.set(this, 0);
      }
    }
    wheel.set(new Again(), 0);
    clock.advance(5);
    expect(times).toBe(6);
  });

  test("at most one timer of the clock is outstanding, and none when nothing is set", () => {
    const { clock, wheel, entry } = startWheel();
    const entries = Array.from({ length: 1_000 }, (_, i) => entry(String(i)));
    for (const [i, one] of entries.entries()) {
      wheel.set(one, 1_000 - i);
      expect(clock.timers).toBe(1);
    }
    for (const one of entries) wheel.clear(one);
    expect([clock.timers, wheel.size]).toEqual([0, 0]);
  });

  test("a stopped wheel fires nothing and leaves no timer", () => {
    const { clock, wheel, fired, entry } = startWheel();
    wheel.set(entry("a"), 10);
    wheel.stop();
    wheel.set(entry("b"), 10);
    clock.advance(100);
    expect([fired, clock.timers, wheel.size]).toEqual([[], 0, 0]);
  });

  test.each([1, 2, 3, 4, 5])("it does what a sorted list would do (seed %i)", (seed) => {
    const { clock, wheel, fired, entry } = startWheel();
    const random = seededRandom(seed);
    const expected = new Map<string, { at: number; order: number }>();
    const entries = new Map<string, WheelEntry>();
    const due: { name: string; at: number }[] = [];
    for (let step = 0; step < 2_000; step++) {
      const name = `t-${Math.floor(random() * 50)}`;
      const one = entries.get(name) ?? entry(name);
      entries.set(name, one);
      const what = random();
      if (what < 0.5) {
        const delayMs = Math.floor(2 ** (random() * 30));
        wheel.set(one, delayMs);
        expected.set(name, { at: clock.monotonic() + delayMs, order: step });
      } else if (what < 0.6) {
        wheel.clear(one);
        expected.delete(name);
      } else {
        const target = clock.monotonic() + Math.floor(2 ** (random() * 24));
        const now = [...expected].filter(([, { at }]) => at <= target);
        now.sort(([, a], [, b]) => a.at - b.at || a.order - b.order);
        for (const [passed, { at }] of now) {
          due.push({ name: passed, at });
          expected.delete(passed);
        }
        clock.advance(target - clock.monotonic());
        expect(fired).toEqual(due);
      }
    }
    expect(wheel.size).toBe(expected.size);
    expect(due.length).toBeGreaterThan(50);
  });
});
