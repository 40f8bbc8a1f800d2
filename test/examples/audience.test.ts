import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { makeAudience } from "../../scripts/make-audience.ts";

const FILE = fileURLToPath(new URL("../../examples/audience.csv", import.meta.url));

test("examples/audience.csv is what its script writes", () => {
  expect(readFileSync(FILE, "utf8") === makeAudience()).toBe(true);
});

test("it has 10 000 different members with a name and a locale each, in under 400 KB", () => {
  const text = makeAudience();
  const [header, ...lines] = text.trimEnd().split("\n");
  expect(header).toBe("member,name,locale");
  expect(lines.every((line) => /^m-\d{5},[A-Z][a-z]{2,},[a-z]{2}-[A-Z]{2}$/.test(line))).toBe(true);
  expect(new Set(lines.map((line) => line.slice(0, 7))).size).toBe(10_000);
  expect(text.length).toBeLessThan(400_000);
});
