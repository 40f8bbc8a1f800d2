import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import type { DemoFigures } from "../../src/cli/demo/run.ts";
import { herald, temporaryFolder } from "./herald.ts";

const UNDER_A_MINUTE_S = 60;

test("the demo does the main job, and its ledger adds up", async () => {
  const cwd = temporaryFolder();
  const env = { TMPDIR: cwd };
  const { status, stdout, stderr } = await herald(["demo", "--json"], { cwd, env });
  expect(status, stderr).toBe(0);
  const figures = JSON.parse(stdout) as DemoFigures;
  const { ledger } = figures;
  expect(figures).toMatchObject({
    ok: true,
    members: 10_000,
    devices: 2_000,
    lateDevices: 200,
    received: 2_000,
    repeated: 0,
    ledgerGap: 0,
  });
  expect(ledger).toMatchObject({ accepted: 10_000, acked: 2_000, unknown: 0 });
  const ends = [ledger.delivered, ledger.acked, ledger.expired, ledger.shed, ledger.unknown];
  expect(ends.reduce((sum, count) => sum + count, ledger.pending)).toBe(ledger.accepted);
  expect(figures.pausedAt).toBeGreaterThan(0);
  expect(figures.sentAfterPause).toBeLessThanOrEqual(figures.pauseBound);
  expect(figures.seconds).toBeLessThan(UNDER_A_MINUTE_S);
  expect(stderr).toBe("");
  // Neither a data folder where one stands nor the demo's own in the temporary folder.
  expect(readdirSync(cwd).filter((name) => /data|demo/.test(name))).toEqual([]);
});
