import { expect, test } from "vitest";
import type { VerifyReport } from "../../src/cli/verify/report.ts";
import { herald } from "./herald.ts";

test("the short crash matrix holds here: nobody is lost silently", {
  timeout: 120_000,
}, async () => {
  const short = ["campaign", "verify", "--chaos", "--short", "--json"];
  const { status, stdout, stderr } = await herald(short, { timeoutMs: 110_000 });
  const { rows, kills, met } = JSON.parse(stdout) as VerifyReport;
  const broken = rows.flatMap(({ broken: what, fault, guarantee }) =>
    what.map((it) => `${guarantee}, ${fault}: ${it}`),
  );
  expect(broken, stderr).toEqual([]);
  expect([met, status, kills]).toEqual([true, 0, 8]);
  expect(rows.map(({ fault }) => fault)).toContain("node frozen past its lease");
  expect(rows.every(({ messages }) => messages > 0)).toBe(true);
});

test("a verification says what it would do, and does nothing without being told to", async () => {
  const { status, stderr } = await herald(["campaign", "verify", "--kills", "none"]);
  expect(status).toBe(1);
  expect(stderr).toContain("--chaos: expected to be given");
  expect(stderr).toContain("--kills: expected 1 to 10000, got none");
});
