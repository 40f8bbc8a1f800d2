import { expect, test } from "vitest";
import { Bans } from "../../src/gateways/bans.ts";
import { VirtualClock } from "../testkit/virtual-clock.ts";

const DAY_MS = 86_400_000;
const LIMITS = { flapsPerAddress: 0, flapsPerUser: 1, flapWindowMs: 60_000, banMs: 300_000 };

test.each([DAY_MS, -DAY_MS])(
  "a ban lasts as long as ever when the wall clock jumps by %i",
  (by) => {
    const clock = new VirtualClock();
    const bans = new Bans(LIMITS, clock);
    bans.waitMs("principal", "ann");
    expect(bans.waitMs("principal", "ann")).toBe(300_000);
    clock.advance(100_000);
    clock.jump(by);
    expect(bans.leftMs("principal", "ann")).toBe(200_000);
    expect(bans.list()).toMatchObject([{ name: "ann", until: clock.now() + 200_000 }]);
    clock.advance(200_000);
    expect(bans.list()).toEqual([]);
    expect(bans.leftMs("principal", "ann")).toBe(0);
  },
);
