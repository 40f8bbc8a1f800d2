import { expect, test } from "vitest";
import type { VerifyReport } from "../../src/cli/verify/report.ts";
import { herald } from "./herald.ts";

const FAULTS = [
  "none",
  "a worker crashes",
  "the master crashes",
  "kill -9 of the node",
  "node frozen past its lease",
  "provider killed mid-request",
  "1 % of answers lost",
  "pause and resume",
  "a second master forced",
  "receipts doubled and shuffled",
  "one member in five overlapping audiences",
  "a second node on the same folder",
  "a schedule comes due while it is down",
];

test("the short crash matrix holds here: nobody is lost silently", {
  timeout: 120_000,
}, async () => {
  const short = ["campaign", "verify", "--chaos", "--short", "--seed", "7", "--json"];
  const { status, stdout, stderr } = await herald(short, { timeoutMs: 110_000 });
  const { rows, kills, met, seed, observations } = JSON.parse(stdout) as VerifyReport;
  const all = rows.flatMap(({ broken: what, fault, guarantee }) =>
    what.map((it) => `${guarantee}, ${fault}: ${it}`),
  );
  // How fast a busy machine recovers is for the full matrix to say, not for a test.
  const broken = all.filter((it) => !it.endsWith("s to recover"));
  expect(broken, stderr).toEqual([]);
  expect([met, status, kills]).toEqual([all.length === 0, all.length === 0 ? 0 : 1, 8]);
  expect(seed).toBe(7);
  expect(observations).toBeGreaterThan(rows.length);
  expect(new Set(rows.map(({ fault }) => fault))).toEqual(new Set(FAULTS));
  expect(rows.every(({ messages }) => messages > 0)).toBe(true);
});

test("a verification says what it would do, and does nothing without being told to", async () => {
  const bad = ["campaign", "verify", "--kills", "none", "--seed", "-1", "--rows", "x", "--write"];
  const { status, stderr } = await herald(bad);
  expect(status).toBe(1);
  expect(stderr).toContain("--seed: expected 0 to 999999, got -1");
  expect(stderr).toContain("--write: expected every row, got --rows x");
  expect(stderr).toContain("--chaos: expected to be given");
  expect(stderr).toContain("--kills: expected 1 to 10000, got none");
});
