import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseDocument } from "yaml";
import { configLeaves, parseConfig } from "../../src/core/config.ts";

const page = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8");

test("the page has a row for every value, with its variable, range, default and meaning", () => {
  for (const { path, variable } of configLeaves()) {
    const row = page.split("\n").find((line) => line.startsWith(`| \`${path.join(".")}\` |`));
    expect(row, path.join(".")).toBeDefined();
    // A pattern may hold an escaped bar.
    const cells = row!.split(/(?<!\\)\|/).map((cell) => cell.trim());
    expect(cells).toHaveLength(7);
    expect(cells[2]).toBe(`\`${variable}\``);
    for (const cell of cells.slice(1, -1)) expect(cell, row).not.toBe("");
  }
});

test("the page's example is a valid configuration", () => {
  const [, example] = /```yaml\n(.*?)```/s.exec(page) ?? [];
  const config = parseConfig(parseDocument(example!).toJS(), {});
  expect(config.node).toEqual({ name: "herald-1", dataDir: "/var/lib/herald" });
});
