import { join } from "node:path";
import { type ActorSystem, createSystem } from "../actors/kernel/system.ts";
import { exportTally, PushTally } from "../actors/session/tally.ts";
import { Chronicle } from "../core/chronicle.ts";
import { systemClock } from "../core/clock.ts";
import type { Config } from "../core/config.ts";
import type { RuntimeError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { systemNewId, systemRandom } from "../core/random.ts";
import { type PrometheusMetrics, prometheusMetrics } from "../observability/prometheus-metrics.ts";
import type { Stores } from "../persistence/ports/stores.ts";
import { openSqliteStores } from "../persistence/sqlite/open-stores.ts";

const DATABASE_FILE = "herald.db";

/** What the parts of a node share. */
export interface Base {
  readonly config: Config;
  /** Identity of this boot: what another one left behind belongs to a dead node. */
  readonly boot: string;
  readonly logger: Logger;
  readonly metrics: PrometheusMetrics;
  readonly stores: Stores;
  readonly system: ActorSystem;
  readonly tally: PushTally;
  readonly chronicle: Chronicle;
}

/** Opens the stores and starts the actor system; `failed` is told when either is lost. */
export async function openBase(
  config: Config,
  logger: Logger,
  failed: (error: unknown) => void,
): Promise<Base> {
  const metrics = prometheusMetrics();
  const stores = await openSqliteStores({
    file: join(config.node.dataDir, DATABASE_FILE),
    inboxPerUserMax: config.inbox.perUserMax,
    inboxPerUserBytesMax: config.inbox.perUserBytesMax,
    synchronous: config.store.synchronous,
    clock: systemClock,
    indexedAttributes: config.members.indexed,
    onFailure: failed,
  });
  const tally = new PushTally();
  exportTally(tally, metrics);
  const chronicle = new Chronicle();
  const system = createSystem({
    node: config.node.name,
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics,
    onEscalated: (path: string, error: RuntimeError) => {
      logger.error("a supervisor gave up", { path, error: error.message });
      failed(error);
    },
    onDeadLetter: (letter) => tally.deadLetter(letter),
  });
  return { config, boot: systemNewId("boot"), logger, metrics, stores, system, tally, chronicle };
}

/** Ends every actor, and says what was left. */
export async function stopActors({ config, logger, system }: Base): Promise<void> {
  const report = await system.stop({ deadlineMs: config.shutdown.deadlineMs / 2 });
  logger.info("the actors have stopped", { ...report });
}
