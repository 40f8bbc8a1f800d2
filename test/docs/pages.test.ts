import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "vitest";
import { fileOf, PAGES } from "../../scripts/docs.ts";
import { ERRORS } from "../../src/core/errors.ts";
import { ROUTES } from "../../src/gateways/http/routes.ts";

for (const [path, render] of Object.entries(PAGES)) {
  test(`${path} is what npm run docs would write`, () => {
    assert.equal(readFileSync(fileOf(path), "utf8"), render());
  });
}

test("the page of errors has a row for every code", () => {
  const page = PAGES["docs/errors.md"]!();
  for (const code of Object.keys(ERRORS)) assert.ok(page.includes(`| \`${code}\` |`), code);
});

test("the page of the API has a section for every route", () => {
  const page = PAGES["docs/http-api.md"]!();
  for (const { method, path } of ROUTES) {
    assert.ok(page.includes(`\n### ${method} ${path}\n`), `${method} ${path}`);
  }
});
