/**
 * Writes to a store until the disk is full, and on until there is room again.
 *
 * Prints `full <code>` at the first write that fails, and `room <n>` when one works again: the
 * number of writes that have resolved. Argument: the database file.
 */
import { systemClock } from "../../src/core/clock.ts";
import { RuntimeError } from "../../src/core/errors.ts";
import { openSqliteStores } from "../../src/persistence/sqlite/open-stores.ts";

const file = process.argv[2];
if (file === undefined) throw new Error("store-on-full-disk.ts <file>");

const stores = await openSqliteStores({
  file,
  inboxPerUserMax: 1_000_000,
  synchronous: "normal",
  clock: systemClock,
});

const body = "x".repeat(1_000);
let written = 0;
let full = false;

for (;;) {
  const entry = { by: "test", action: "write", target: body, outcome: "ok" };
  try {
    await stores.audit.append({ ...entry, requestId: `${written}`, at: written });
    written += 1;
    if (full) break;
  } catch (error) {
    if (!full) process.stdout.write(`full ${error instanceof RuntimeError ? error.code : error}\n`);
    full = true;
  }
}
process.stdout.write(`room ${written}\n`);
await stores.close();
