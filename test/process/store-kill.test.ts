import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { ledgerGap } from "../../src/core/ledger.ts";
import { seededRandom } from "../../src/core/random.ts";
import type { Inbox } from "../../src/persistence/ports/inbox.ts";
import { openSqliteStores } from "../../src/persistence/sqlite/open-stores.ts";
import { clockAt } from "../conformance/open-stores.ts";
import { dataFile } from "../persistence/data-folder.ts";

const ROUNDS = 10;
const WRITER = fileURLToPath(new URL("./store-writer.ts", import.meta.url));

/** Runs a writer, kills it after some acknowledged writes, and returns all of these. */
async function writeUntilKilled(
  file: string,
  run: string,
  acknowledged: number,
): Promise<number[]> {
  const args = ["--disable-warning=ExperimentalWarning", WRITER, file, run];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let text = "";
  let lines = 0;
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    lines += chunk.split("\n").length - 1;
    if (lines >= acknowledged) child.kill("SIGKILL");
  });
  await once(child, "close");
  // The last line may be cut short: only what ends in a newline was said.
  return text.split("\n").slice(0, -1).map(Number);
}

/** Both messages of a write are there, whole; or none is. */
function expectWhole({ user, head, items }: Inbox, acknowledged: boolean): void {
  if (!acknowledged && head === 0) return;
  expect(head, user).toBe(2);
  const [a, b] = [`${user}-a`, `${user}-b`];
  expect(items.map(({ id, payload }) => [id, payload])).toEqual([
    [a, JSON.stringify(a.repeat(1_000))],
    [b, JSON.stringify(b.repeat(1_000))],
  ]);
}

test("a kill -9 at any moment loses nothing that was acknowledged", async () => {
  const file = dataFile();
  const random = seededRandom(2);
  let acknowledgedInAll = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const run = `r${round}`;
    const numbers = await writeUntilKilled(file, run, 1 + Math.floor(random() ** 3 * 5_000));
    const options = { inboxPerUserMax: 10, clock: clockAt(0) };
    const stores = await openSqliteStores({ file, synchronous: "normal", ...options });
    onTestFinished(() => stores.close());
    const last = Math.max(...numbers) + 100;
    const users = Array.from({ length: last }, (_, n) => `${run}-${n}`);
    const acknowledged = new Set(numbers);
    const inboxes = await stores.inbox.read(users, 0);
    for (const [n, inbox] of inboxes.entries()) expectWhole(inbox, acknowledged.has(n));
    const ledger = await stores.inbox.ledger(run);
    expect(ledgerGap(ledger)).toBe(0);
    expect(ledger.accepted).toBeGreaterThanOrEqual(2 * numbers.length);
    acknowledgedInAll += 2 * numbers.length;
    expect((await stores.inbox.ledgerOfAll()).accepted).toBeGreaterThanOrEqual(acknowledgedInAll);
    await stores.close();
  }
});
