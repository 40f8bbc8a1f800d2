import { expect, test } from "vitest";
import { runInLanes } from "../../../src/cli/verify/lanes.ts";

test("no more jobs are done at once than there are lanes, and all are done", async () => {
  const done: number[] = [];
  let running = 0;
  let most = 0;
  await runInLanes([1, 2, 3, 4, 5], 2, async (job) => {
    running += 1;
    most = Math.max(most, running);
    await Promise.resolve();
    running -= 1;
    done.push(job);
  });
  expect([most, done]).toEqual([2, [1, 2, 3, 4, 5]]);
});
