import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { configLeaves } from "../../src/core/config.ts";
import { ERRORS } from "../../src/core/errors.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = readFileSync(`${root}docs/operating.md`, "utf8");

test("every series that the operator's page names is one that the node has", () => {
  const sources = globSync("src/**/*.ts", { cwd: root })
    .map((file) => readFileSync(root + file, "utf8"))
    .join("\n");
  const names = new Set(page.match(/\bherald_[a-z_]+/g));
  expect(names.size).toBeGreaterThan(10);
  for (const name of names) expect(sources, name).toContain(`"${name}"`);
});

test("every value that the operator's page names is one of the configuration", () => {
  const paths = configLeaves().map(({ path }) => path.join("."));
  const sections = [...new Set(configLeaves().map(({ path }) => path[0]))].join("|");
  const named = [...page.matchAll(new RegExp(`\`((?:${sections})\\.[A-Za-z]+)[\`:]`, "g"))];
  expect(named.length).toBeGreaterThan(10);
  // Codes of errors look alike: `store.locked`.
  for (const [, name] of named) expect([...paths, ...Object.keys(ERRORS)]).toContain(name);
});

test("every code that the operator's page names is one of the table of errors", () => {
  const [, troubleshooting = ""] = page.split("## Troubleshooting");
  const rows = [...troubleshooting.matchAll(/^\| (`.*?`) \|/gm)].map(([, codes]) => codes!);
  const codes = rows.flatMap((row) => [...row.matchAll(/`([a-z.-]+)`/g)].map(([, code]) => code!));
  expect(codes.length).toBeGreaterThan(10);
  for (const code of codes) expect(Object.keys(ERRORS)).toContain(code);
});
