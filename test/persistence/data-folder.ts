import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** The name of a database file in a new folder, which is removed when the test ends. */
export function dataFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "herald-store-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "data", "herald.db");
}
