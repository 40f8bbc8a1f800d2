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

test("a ban of an IPv6 network is lifted by any of its addresses", () => {
  const bans = new Bans({ ...LIMITS, flapsPerAddress: 1 }, new VirtualClock());
  const network = "2001:db8:0:1::/64";
  for (const name of [network, "2001:db8:0:1::7", "2001:0db8:0000:0001:ffff:0:0:1"]) {
    bans.waitMs("address", network);
    expect(bans.waitMs("address", network)).toBe(300_000);
    expect(bans.lift("address", name)).toBe(true);
  }
  expect(bans.list()).toEqual([]);
});
