/** Herald's device side as a process, with relations, on SQLite in a folder that goes with it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { relationsDesk } from "../../src/actors/relations/behavior.ts";
import { RELATIONS } from "../../src/actors/relations/messages.ts";
import { newRelations } from "../../src/actors/relations/state.ts";
import { systemClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { noMetrics } from "../../src/core/metrics.ts";
import { systemNewId } from "../../src/core/random.ts";
import { openSqliteStores } from "../../src/persistence/sqlite/open-stores.ts";
import { startDeviceNode } from "../../test/testkit/device-node.ts";
import { answerParent } from "../load/child.ts";

const EVERYBODY = 1_000_000;
const TTL_MS = 3_600_000;
/** As many as go to the inbox in one call. */
const PUSHES_AT_ONCE = 1_000;
/** What changes the store; everything else reads it. */
const WRITES = [
  ...["inbox.append", "inbox.settle", "inbox.expire", "inbox.purge"],
  ...["relations.seen", "relations.announced", "relations.change"],
];

const folder = mkdtempSync(join(tmpdir(), "herald-storm-"));
// When the parent goes away; one that is killed has been asked to stop before.
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const stores = await openSqliteStores({
  file: join(folder, "herald.db"),
  clock: systemClock,
  inboxPerUserMax: 1_000,
  synchronous: "full",
});
const limits = { connectionsPerAddress: EVERYBODY, heartbeatMs: 600_000 };
const node = startDeviceNode({ stores, limits });
const desk = { ...stores, newId: systemNewId, logger: silentLogger, metrics: noMetrics };
node.system.spawn(relationsDesk(desk), { name: RELATIONS, state: newRelations() });
const users: string[] = [];

answerParent({
  port: () => node.port,
  credentials({ count }: { count: number }) {
    for (let n = 0; n < count; n += 1) users.push(`user-${n}`);
    return Promise.all(users.map((user) => node.tokens.mint({ user, ttlMs: TTL_MS })));
  },
  connections: () => node.gateway.connections,
  async stop() {
    await node.stop();
    rmSync(folder, { recursive: true });
    return {};
  },
  /** One push to everybody. */
  async push({ n }: { n: number }) {
    for (let at = 0; at < users.length; at += PUSHES_AT_ONCE) {
      const some = users.slice(at, at + PUSHES_AT_ONCE);
      await Promise.all(some.map((user) => node.push(user, { n })));
    }
    return {};
  },
  operations() {
    const all = Object.entries(stores.operations());
    const sum = (entries: typeof all) => entries.reduce((total, [, count]) => total + count, 0);
    const reads = all.filter(([name]) => !WRITES.includes(name));
    return { reads: sum(reads), all: sum(all), names: Object.fromEntries(all) };
  },
});
