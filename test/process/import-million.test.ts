import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, onTestFinished, test } from "vitest";
import { openCampaignNode } from "../fixtures/campaign-parts.ts";

const LINES = 1_000_000;
const CHUNK_LINES = 3_000;

/** A generated CSV file, in chunks that end anywhere. */
function* chunks(): Generator<Uint8Array> {
  yield Buffer.from("member,name\n");
  for (let start = 0; start < LINES; start += CHUNK_LINES) {
    const count = Math.min(CHUNK_LINES, LINES - start);
    const lines = Array.from({ length: count }, (_, n) => `user-${start + n},Name ${n % 7}\n`);
    yield Buffer.from(lines.join(""));
  }
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

test("a million lines are collected in constant memory", { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "herald-import-"));
  const node = await openCampaignNode({ file: join(folder, "herald.db"), providers: [] });
  onTestFinished(async () => {
    await node.close();
    await rm(folder, { recursive: true, force: true });
  });
  const heaps: number[] = [];
  let fed = 0;
  const watched = function* (): Generator<Uint8Array> {
    for (const chunk of chunks()) {
      fed += 1;
      if (fed % 50 === 0) {
        collectGarbage();
        heaps.push(process.memoryUsage().heapUsed);
      }
      yield chunk;
    }
  };
  const audience = await node.importChunks(watched(), LINES * 22);
  expect(audience).toMatchObject({ state: "finished", size: LINES, invalid: 0, duplicates: 0 });
  collectGarbage();
  heaps.push(process.memoryUsage().heapUsed);
  // Up to two spills of 25 000 rows wait for the store: some 10 MB, whatever the file's length.
  expect(Math.max(...heaps) - heaps[0]!).toBeLessThan(25_000_000);
  expect(heaps.at(-1)! - heaps[0]!).toBeLessThan(10_000_000);
});
