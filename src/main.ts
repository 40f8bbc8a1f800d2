/**
 * The composition root: the one file that names vendors and wires adapters to ports.
 *
 * It is built in the order in which data flows, stores, actors, gateways, and stops in reverse.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { accessDesk } from "./actors/access/behavior.ts";
import type { AccessMessage } from "./actors/access/messages.ts";
import { newAccessState } from "./actors/access/state.ts";
import { audienceDesk, newAudienceDesk } from "./actors/collect/desk.ts";
import { clerkType } from "./actors/inbox/behavior.ts";
import { type InboxDesk, inboxDesk } from "./actors/inbox/desk.ts";
import { CLERK } from "./actors/inbox/messages.ts";
import { CLERK_LIMITS, clerkFigures, newClerk } from "./actors/inbox/state.ts";
import type { Ref } from "./actors/kernel/actor.ts";
import { type ActorSystem, createSystem } from "./actors/kernel/system.ts";
import { campaignDesk } from "./actors/master/desk.ts";
import { campaignMaster, newMaster } from "./actors/master/master.ts";
import { type CampaignMessage, campaignKind } from "./actors/master/messages.ts";
import { quiesceCampaigns } from "./actors/master/quiesce.ts";
import { receiptsDesk } from "./actors/receipts/behavior.ts";
import { RECEIPTS } from "./actors/receipts/messages.ts";
import { newReceipts } from "./actors/receipts/state.ts";
import { sessionType } from "./actors/session/behavior.ts";
import { type OpenSession, sessionKind } from "./actors/session/messages.ts";
import { newSession, SESSION_LIMITS } from "./actors/session/state.ts";
import { exportTally, PushTally } from "./actors/session/tally.ts";
import { userType } from "./actors/user/behavior.ts";
import { userKind } from "./actors/user/messages.ts";
import { newUser, USER_LIMITS } from "./actors/user/state.ts";
import type { SpawnWorker } from "./actors/worker/messages.ts";
import { pushWorkers } from "./actors/worker/worker.ts";
import { hashApiToken, newApiToken } from "./core/api-token.ts";
import { systemClock } from "./core/clock.ts";
import type { Config } from "./core/config.ts";
import type { RuntimeError } from "./core/errors.ts";
import type { Logger } from "./core/logger.ts";
import { systemNewId, systemRandom } from "./core/random.ts";
import type { Result } from "./core/result.ts";
import { secretKey } from "./core/signature.ts";
import { type DeviceTokens, deviceTokens } from "./gateways/auth/device-tokens.ts";
import { resumeTokens } from "./gateways/auth/resume-tokens.ts";
import { CsvDecoder } from "./gateways/csv/decoder.ts";
import type { Actors } from "./gateways/http/api.ts";
import { openHttpGateway } from "./gateways/http/gateway.ts";
import { createListener } from "./gateways/listener.ts";
import { openWebSocketGateway } from "./gateways/websocket/gateway.ts";
import { pinoLogger } from "./observability/pino-logger.ts";
import { type PrometheusMetrics, prometheusMetrics } from "./observability/prometheus-metrics.ts";
import { exportStores } from "./observability/store-metrics.ts";
import type { Stores } from "./persistence/ports/stores.ts";
import { openSqliteStores } from "./persistence/sqlite/open-stores.ts";
import { withUsualLimits } from "./providers/limits/usual.ts";
import { nullProvider } from "./providers/null.ts";
import type { Provider } from "./providers/provider.ts";
import { sessionProvider } from "./providers/session.ts";
import { simulatedProvider } from "./providers/simulated.ts";
import { webhookProvider } from "./providers/webhook/webhook.ts";

const DATABASE_FILE = "herald.db";
const SECRET_BYTES = 32;
const ASK_MS = 10_000;

/** Reaches into a node to break it on purpose: for `herald campaign verify`, and nothing else. */
export interface Sabotage {
  opened(stores: Stores): void;
  master(type: MasterType): MasterType;
  workers(spawn: SpawnWorker): SpawnWorker;
}

/** What makes the masters of a node's campaigns. */
export type MasterType = ReturnType<typeof campaignMaster>;

/** What a caller may add to a node, beside its configuration. */
export interface NodeExtras {
  /** Further providers that campaigns may name. */
  readonly providers?: readonly Provider[];
  /** Called once when the node cannot go on; it has begun to stop by then. */
  readonly onFailure?: (error: unknown) => void;
  readonly sabotage?: Sabotage;
}

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

/** What the parts of a node share. */
interface Base {
  readonly config: Config;
  /** Identity of this boot: what another one left behind belongs to a dead node. */
  readonly boot: string;
  readonly logger: Logger;
  readonly metrics: PrometheusMetrics;
  readonly stores: Stores;
  readonly system: ActorSystem;
  readonly tally: PushTally;
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
    undo.push(() => stopActors(base));
    const webhooks = openWebhooks(base);
    undo.push(async () => webhooks.close());
    const providers = [...webhooks.providers, ...(extras.providers ?? [])];
    const { actors, inbox } = await openActors(base, { ...extras, providers });
    // What devices have confirmed is durable before the actors go.
    undo.push(async () => void (await inbox.flush()));
    // A campaign that finishes its windows leaves nothing in doubt.
    const quietMs = config.shutdown.deadlineMs / 4;
    undo.push(() => quiesceCampaigns(base.system, { deadlineMs: quietMs }));
    const url = await openGateways(base, { actors, inbox, undo });
    // Last, because it can be told only once: a start that fails must not use it up.
    const firstAdminToken = await ensureAdmin(base.system, actors.access);
    logger.info("the node serves", { url, boot: base.boot });
    return { url, firstAdminToken, system: base.system, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function openBase(
  config: Config,
  logger: Logger,
  failed: (error: unknown) => void,
): Promise<Base> {
  const metrics = prometheusMetrics();
  const stores = await openSqliteStores({
    file: join(config.node.dataDir, DATABASE_FILE),
    inboxPerUserMax: config.inbox.perUserMax,
    synchronous: config.store.synchronous,
    clock: systemClock,
    onFailure: failed,
  });
  const tally = new PushTally();
  exportTally(tally, metrics);
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
  return { config, boot: systemNewId("boot"), logger, metrics, stores, system, tally };
}

/** The user's own servers that campaigns may send through, each behind its limits. */
function openWebhooks({ config, metrics }: Base) {
  const clock = systemClock;
  const webhooks = config.providers.webhook.map((settings) => ({
    provider: webhookProvider({ settings, clock }),
    ratePerSecond: settings.ratePerSecond,
  }));
  return {
    providers: webhooks.map(({ provider, ratePerSecond }) =>
      withUsualLimits(provider, { ratePerSecond, clock, metrics }),
    ),
    close: () => {
      for (const { provider } of webhooks) provider.close();
    },
  };
}

/** The keys of those webhooks that may report what became of messages. */
function receiptKeys({ providers }: Config): (provider: string) => readonly Uint8Array[] {
  const keys = new Map(
    providers.webhook
      .filter(({ receipts }) => receipts)
      .map(({ name, secrets }) => [name, secrets.map(secretKey)] as const),
  );
  return (provider) => keys.get(provider) ?? [];
}

/** Starts every actor that is there from the beginning, and lets running campaigns go on. */
async function openActors(base: Base, extras: NodeExtras) {
  const { boot, config, logger, metrics, stores, system } = base;
  const access = system.spawn(
    accessDesk({ ...stores, newId: systemNewId, owner: boot, logger, metrics }),
    { name: "access", state: newAccessState },
  );
  const clerk = system.spawn(
    clerkType({
      store: stores.inbox,
      logger,
      figures: clerkFigures(metrics),
      limits: { ...CLERK_LIMITS, keyTtlMs: config.inbox.keyTtlMs },
    }),
    { name: CLERK, state: newClerk() },
  );
  const users = system.supervisor("users");
  const type = userType({ tally: base.tally, limits: USER_LIMITS });
  system.registerEntity(userKind, { under: users, type, state: newUser });

  const inbox = inboxDesk(system, stores.inbox);
  const audiences = system.spawn(
    audienceDesk({
      audiences: stores.audiences,
      newId: systemNewId,
      newDecoder: () => new CsvDecoder(),
    }),
    { name: "audience-desk", state: newAudienceDesk },
  );
  const campaigns = await openCampaigns(
    base,
    [
      sessionProvider({ ...inbox, clock: systemClock, keyTtlMs: config.inbox.keyTtlMs }),
      nullProvider(),
      simulatedProvider({ clock: systemClock, random: systemRandom }),
      ...(extras.providers ?? []),
    ],
    extras.sabotage,
  );
  const receipts = system.spawn(receiptsDesk({ store: stores.receipts, logger, metrics }), {
    name: RECEIPTS,
    state: newReceipts(),
  });
  const actors: Actors = { access, audiences, campaigns, inbox: clerk, receipts };
  return { actors, inbox };
}

async function openCampaigns(
  base: Base,
  providers: readonly Provider[],
  sabotage: Sabotage | undefined,
) {
  const { boot, config, stores, system } = base;
  const deps = {
    campaigns: stores.campaigns,
    audiences: stores.audiences,
    providers: new Map(providers.map((provider) => [provider.name, provider])),
  };
  const { leaseMs } = config.campaign;
  const workers = pushWorkers({ ...deps, clock: systemClock, owner: boot, leaseMs });
  const spawnWorker = sabotage?.workers(workers) ?? workers;
  const master = campaignMaster({ ...deps, spawnWorker });
  const type = sabotage?.master(master) ?? master;
  sabotage?.opened(stores);
  const under = system.supervisor("campaigns");
  system.registerEntity(campaignKind, { under, type, state: newMaster });
  // This boot holds the data folder's lock, so whoever else owns a lease is dead.
  await stores.campaigns.releaseOthers(boot);
  const desk = system.spawn(campaignDesk({ ...deps, newId: systemNewId }), {
    name: "campaign-desk",
    state: null,
  });
  const recovered = await system.ask<CampaignMessage, Result<number>>(
    desk,
    (replyTo) => ({ type: "recover", replyTo }),
    { deadlineMs: ASK_MS },
  );
  if (!recovered.ok) throw recovered.error;
  return desk;
}

/** Makes the first admin token when this data folder has none. */
async function ensureAdmin(
  system: ActorSystem,
  access: Ref<AccessMessage>,
): Promise<string | undefined> {
  const token = newApiToken();
  const hash = hashApiToken(token);
  const made = await system.ask<AccessMessage, Result<boolean>>(
    access,
    (replyTo) => ({ type: "ensure-admin", hash, replyTo }),
    { deadlineMs: ASK_MS },
  );
  if (!made.ok) throw made.error;
  return made.value ? token : undefined;
}

interface Inside {
  readonly actors: Actors;
  readonly inbox: InboxDesk;
  readonly undo: (() => Promise<void>)[];
}

/** Opens both gateways on one port and returns where they serve. */
async function openGateways(base: Base, { actors, inbox, undo }: Inside): Promise<string> {
  const { config, logger, metrics, stores, system } = base;
  const { host, port } = config.listen;
  const listener = createListener({ host, port });
  undo.push(async () => listener.close());
  const tokens = await openDeviceTokens(base);
  const resumeSecret = await stores.credentials.secret("resume", randomBytes(SECRET_BYTES));
  const ports = { app: listener.app, clock: systemClock, logger, metrics, newId: systemNewId };
  const sessions = openWebSocketGateway({
    ...ports,
    openSession: sessionOpener(base),
    findSession: (id) => system.find(sessionKind, id),
    deviceTokens: tokens,
    resumeTokens: resumeTokens(resumeSecret),
    limits: config.websocket,
    random: systemRandom,
  });
  const refreshLedger = exportStores(stores, metrics);
  const http = openHttpGateway({
    ...ports,
    system,
    actors,
    mint: (request) => tokens.mint(request),
    readLedger: async (name) => {
      if (name !== undefined) return inbox.ledger(name);
      await inbox.flush();
      return stores.inbox.ledgerOfAll();
    },
    receiptKeys: receiptKeys(config),
    renderMetrics: async () => {
      await refreshLedger();
      return metrics.render();
    },
    limits: config.http,
  });
  const listening = listener.listen();
  const { deadlineMs } = config.shutdown;
  undo.push(async () => {
    listener.stopListening();
    await Promise.all([sessions.drain(deadlineMs / 2), http.drain({ deadlineMs: deadlineMs / 2 })]);
    sessions.close();
  });
  return `http://${host.includes(":") ? `[${host}]` : host}:${listening}`;
}

function sessionOpener({ config, system, tally }: Base): OpenSession {
  const under = system.supervisor("sessions");
  const type = sessionType({ tally, limits: { ...SESSION_LIMITS, ...config.session } });
  return (session) => system.spawn(type, { name: session.id, state: newSession(session), under });
}

async function openDeviceTokens({ config, stores }: Base): Promise<DeviceTokens> {
  const { secret, publicKeys, issuer, audience } = config.auth;
  const kept =
    secret === undefined
      ? await stores.credentials.secret("device-tokens", randomBytes(SECRET_BYTES))
      : new TextEncoder().encode(secret);
  return deviceTokens({ secret: kept, publicKeys, issuer, audience, clock: systemClock });
}

async function stopActors({ config, logger, system }: Base): Promise<void> {
  const report = await system.stop({ deadlineMs: config.shutdown.deadlineMs / 2 });
  logger.info("the actors have stopped", { ...report });
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
