/**
 * The composition root: with `wiring/`, the only code that names vendors and wires adapters to
 * ports. It is built in the order in which data flows, stores, actors, gateways, and stops in
 * reverse.
 */
import type { ActorSystem } from "./actors/kernel/system.ts";
import { quiesceCampaigns } from "./actors/master/quiesce.ts";
import type { Config } from "./core/config.ts";
import type { Logger } from "./core/logger.ts";
import { pinoLogger } from "./observability/pino-logger.ts";
import { ensureAdmin, type NodeExtras, openActors } from "./wiring/actors.ts";
import { openBase, stopActors } from "./wiring/base.ts";
import { openGateways } from "./wiring/gateways.ts";
import { openSenders } from "./wiring/providers.ts";
import { flushSeen } from "./wiring/relations.ts";

/** A node that serves. */
export interface RunningNode {
  /** Where it listens, as `http://127.0.0.1:9010`. */
  readonly url: string;
  /** The token made at the first start on a data folder; nobody can see it again. */
  readonly firstAdminToken: string | undefined;
  readonly system: ActorSystem;
  /** Drains gateways, then actors, then stores, within `shutdown.deadlineMs`. Once. */
  stop(): Promise<void>;
}

/**
 * Starts a node and resolves once it serves; campaigns that were running go on.
 *
 * @throws RuntimeError `store.locked`, `store.unavailable`, `gateway.unsupported`, or
 * `config.invalid` when the address is taken. Nothing is left running then.
 */
export async function startNode(config: Config, extras: NodeExtras = {}): Promise<RunningNode> {
  const logger = pinoLogger({ level: config.log.level, node: config.node.name });
  const undo: (() => Promise<void>)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= unwind(undo, logger);
    return stopping;
  };
  const failed = (error: unknown): void => {
    logger.error("the node cannot go on and stops", { error: String(error) });
    void stop();
    extras.onFailure?.(error);
  };
  try {
    const base = await openBase(config, logger, failed);
    undo.push(() => base.stores.close());
    const senders = await openSenders(base);
    undo.push(async () => senders.close());
    undo.push(() => stopActors(base));
    const providers = [...senders.providers, ...(extras.providers ?? [])];
    const opened = await openActors(base, { ...extras, providers });
    // What devices have confirmed is durable before the actors go.
    undo.push(async () => void (await opened.inbox.flush()));
    undo.push(() => flushSeen(base, opened.actors.relations));
    // A campaign that finishes its windows leaves nothing in doubt.
    const quietMs = config.shutdown.deadlineMs / 4;
    undo.push(() => quiesceCampaigns(base.system, { deadlineMs: quietMs }));
    const { version } = extras;
    const { vapidKey } = senders;
    const url = await openGateways(base, { ...opened, version, vapidKey, undo });
    // Last, because it can be told only once: a start that fails must not use it up.
    const firstAdminToken = await ensureAdmin(base.system, opened.actors.access);
    logger.info("the node serves", { url, boot: base.boot });
    return { url, firstAdminToken, system: base.system, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Undoes what was opened, the latest first; one that fails does not keep the others open. */
async function unwind(undo: (() => Promise<void>)[], logger: Logger): Promise<void> {
  const errors: unknown[] = [];
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) {
    await step().catch((error: unknown) => {
      logger.error("a step of the stop failed", { error: String(error) });
      errors.push(error);
    });
  }
  if (errors.length > 0) throw new AggregateError(errors, "the node did not stop cleanly");
}
