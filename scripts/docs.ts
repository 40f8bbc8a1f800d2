/**
 * Writes the pages under `docs/` that are made from the code: `npm run docs`.
 *
 * A test fails when one of them is out of date. To add a page, add it to `PAGES`.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { configurationPage } from "./pages/configuration.ts";
import { errorsPage } from "./pages/errors.ts";
import { httpApiPage } from "./pages/http-api.ts";

/** Every generated page, by its path. */
export const PAGES: Readonly<Record<string, () => string>> = {
  "docs/configuration.md": configurationPage,
  "docs/errors.md": errorsPage,
  "docs/http-api.md": httpApiPage,
};

/** Where a page lies, as a file. */
export function fileOf(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

if (import.meta.main) {
  for (const [path, render] of Object.entries(PAGES)) writeFileSync(fileOf(path), render());
}
