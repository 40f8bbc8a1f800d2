import { expect, test } from "vitest";
import { herald } from "./herald.ts";

const ALL_WELL = {
  ...{ unexplainedCloses: 0, away: 0, lost: 0, repeats: 0, holes: 0, silent: 0, wrong: 0 },
  ...{ refused: 0, pending: 0, ledgerGap: 0, notAcked: 0 },
};

test("the soak, in short: no close is unexplained, every message accounted for", async () => {
  const { stdout, stderr } = await herald([
    "bench",
    "soak",
    "--json",
    "--sessions",
    "500",
    "--minutes",
    "0.2",
  ]);
  const { figures, ratios, missing } = JSON.parse(stdout || `"${stderr}"`);
  expect(figures, JSON.stringify(missing)).toMatchObject(ALL_WELL);
  // That something has happened: everybody was pushed to, or asked, or left.
  const done = ["drops", "resumes", "goodByes", "answers", "publications"];
  for (const name of [...done, "udpConnects", "msgpackConnects", "crossings"]) {
    expect(figures[name], name).toBeGreaterThan(0);
  }
  expect(figures.accepted).toBeGreaterThanOrEqual(figures.pushes);
  // In so short a time code is still being compiled: what grows with each message grows beyond.
  expect(ratios.memory).toBeLessThan(1.5);
});

test("the storm, in short: all come back with what they missed, and nothing is read", async () => {
  const { stdout, stderr } = await herald(["bench", "storm", "--json", "--sessions", "500"]);
  const { figures, missing } = JSON.parse(stdout || `"${stderr}"`);
  expect(figures, JSON.stringify(missing)).toMatchObject({
    ...{ resumes: 1000, acks: 500, here: 500, lost: 0, repeats: 0, wrong: 0, unexplained: 0 },
    ...{ reads: 0, pushedReads: 0 },
  });
  // That reads are counted at all: who comes for the first time is read.
  expect(figures.firstReads).toBeGreaterThan(0);
});
