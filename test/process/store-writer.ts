/**
 * Writes to a store until it is killed, and prints the number of every write that has resolved.
 *
 * Arguments: the database file, and a word that the ids of this run begin with.
 */
import { systemClock } from "../../src/core/clock.ts";
import { openSqliteStores } from "../../src/persistence/sqlite/open-stores.ts";

const [file, run] = process.argv.slice(2);
if (file === undefined || run === undefined) throw new Error("store-writer.ts <file> <run>");

/** Writers at the same time: their calls share commits. */
const WRITERS = 20;

const stores = await openSqliteStores({
  file,
  inboxPerUserMax: 1_000_000,
  synchronous: "normal",
  clock: systemClock,
});

async function write(first: number): Promise<void> {
  for (let n = first; ; n += WRITERS) {
    const base = { user: `${run}-${n}`, ledger: run!, topic: "t", ack: true, expiresAt: 2 ** 50 };
    const [a, b] = [`${run}-${n}-a`, `${run}-${n}-b`];
    await stores.inbox.append([
      { ...base, id: a, payload: JSON.stringify(a.repeat(1_000)) },
      { ...base, id: b, payload: JSON.stringify(b.repeat(1_000)) },
    ]);
    process.stdout.write(`${n}\n`);
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, first) => write(first)));
