import { expect, test } from "vitest";
import { herald } from "./herald.ts";

test("a phone is told once of each time that its board comes or goes", async () => {
  const bench = ["bench", "presence", "--json", "--sessions", "200", "--minutes", "0.1"];
  const { stdout, stderr } = await herald(bench);
  const { figures, missing } = JSON.parse(stdout || `"${stderr}"`);
  const why = JSON.stringify(missing);
  expect(figures, why).toMatchObject({ pairs: 100, missing: 0, twice: 0, wrong: 0 });
  expect(figures.announced, why).toBeGreaterThan(100);
});
