import { expect, test } from "vitest";
import { Spread } from "../../../src/providers/web-push/spread.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";

test("so much is done at a time, and the rest when everything else has had its turn", async () => {
  const clock = new VirtualClock();
  const spread = new Spread(3, clock);
  let done = 0;
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
  const work = Array.from({ length: 7 }, async () => {
    await spread.turn();
    done += 1;
  });
  const counts: number[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    await settled();
    counts.push(done);
    clock.advance(0);
  }
  await Promise.all(work);
  expect(counts).toEqual([3, 6, 7]);
});
