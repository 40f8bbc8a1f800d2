/**
 * The device side of a node: real sockets, gateway, sessions, users and inbox clerk, on stores
 * that the test chooses. What the benchmarks measure is the same thing.
 */
import { clerkType } from "../../src/actors/inbox/behavior.ts";
import { type InboxDesk, inboxDesk } from "../../src/actors/inbox/desk.ts";
import { CLERK, clerkKind } from "../../src/actors/inbox/messages.ts";
import { CLERK_LIMITS, clerkFigures, newClerk } from "../../src/actors/inbox/state.ts";
import { type ActorSystem, createSystem } from "../../src/actors/kernel/system.ts";
import { sessionType } from "../../src/actors/session/behavior.ts";
import { broadcast, type VolatilePush } from "../../src/actors/session/broadcast.ts";
import { type OpenSession, sessionKind } from "../../src/actors/session/messages.ts";
import { newSession, SESSION_LIMITS } from "../../src/actors/session/state.ts";
import { PushTally } from "../../src/actors/session/tally.ts";
import { topicType } from "../../src/actors/topic/behavior.ts";
import { type TopicRule, topicKind } from "../../src/actors/topic/messages.ts";
import { newTopic, TOPIC_LIMITS, TOPIC_RULE, topicFigures } from "../../src/actors/topic/state.ts";
import { userType } from "../../src/actors/user/behavior.ts";
import { userKind } from "../../src/actors/user/messages.ts";
import { newUser, USER_LIMITS, type UserLimits } from "../../src/actors/user/state.ts";
import { Chronicle } from "../../src/core/chronicle.ts";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { type Logger, silentLogger } from "../../src/core/logger.ts";
import { type Metrics, noMetrics } from "../../src/core/metrics.ts";
import { systemNewId, systemRandom } from "../../src/core/random.ts";
import {
  type DeviceTokenOptions,
  type DeviceTokens,
  deviceTokens,
} from "../../src/gateways/auth/device-tokens.ts";
import { type ResumeTokens, resumeTokens } from "../../src/gateways/auth/resume-tokens.ts";
import { type BanLimits, Bans } from "../../src/gateways/bans.ts";
import { createListener } from "../../src/gateways/listener.ts";
import {
  openWebSocketGateway,
  type WebSocketGateway,
} from "../../src/gateways/websocket/gateway.ts";
import type { WebSocketLimits } from "../../src/gateways/websocket/options.ts";
import { memoryStores } from "../../src/persistence/memory/memory-stores.ts";
import type { Stores } from "../../src/persistence/ports/stores.ts";

export interface DeviceNodeOptions {
  readonly stores?: Stores;
  readonly limits?: Partial<WebSocketLimits>;
  readonly bans?: Partial<BanLimits>;
  readonly clock?: Clock;
  readonly metrics?: Metrics;
  readonly logger?: Logger;
  readonly tokens?: Partial<DeviceTokenOptions>;
  readonly graceMs?: number;
  /** How all topics behave. */
  readonly topic?: Partial<TopicRule>;
  readonly user?: Partial<UserLimits>;
}

export interface DeviceNode {
  readonly port: number;
  readonly system: ActorSystem;
  readonly gateway: WebSocketGateway;
  readonly bans: Bans;
  readonly inbox: InboxDesk;
  readonly tokens: DeviceTokens;
  readonly tally: PushTally;
  /** For further gateways of the same node. */
  readonly openSession: OpenSession;
  readonly resumeTokens: ResumeTokens;
  /** Records a push in the user's inbox; `ack` by default. */
  push(user: string, payload: unknown, options?: { ack?: boolean; id?: string }): Promise<number>;
  broadcast(push: Partial<VolatilePush>): number;
  stop(): Promise<void>;
}

/** The limits of the configuration's defaults, but for how often one may connect: always. */
export const WS_LIMITS: WebSocketLimits = {
  frameBytesMax: 65_536,
  framesPerSecond: 500,
  framesBurst: 1000,
  connectionsMax: 100_000,
  connectionsPerAddress: 1000,
  connectionsPerUser: 20,
  connectsPerSecond: 0,
  connectsBurst: 5000,
  addressConnectsPerSecond: 0,
  addressConnectsBurst: 1000,
  maxLifetimeMs: 0,
  unsentBytesMax: 131_072,
  heldPublicationsMax: 100,
  heartbeatMs: 60_000,
  helloTimeoutMs: 10_000,
};

/** Nobody is banned. */
const BAN_LIMITS: BanLimits = {
  flapsPerUser: 0,
  flapsPerAddress: 0,
  flapWindowMs: 60_000,
  banMs: 300_000,
};

const SECRET = Buffer.from("the secret of a node under test, of no worth");
const PUSH_TTL_MS = 3_600_000;

let pushes = 0;

/** Starts one on a free port of all loopback addresses. Without escalations, or it throws. */
export function startDeviceNode(options: DeviceNodeOptions = {}): DeviceNode {
  const { clock = systemClock, metrics = noMetrics, logger = silentLogger } = options;
  const {
    stores = memoryStores({ inboxPerUserMax: 1000, clock }),
    graceMs = 60_000,
    user,
  } = options;
  const tally = new PushTally();
  const system = createSystem({
    node: "device-node",
    clock,
    random: systemRandom,
    logger,
    metrics,
    onDeadLetter: (letter) => tally.deadLetter(letter),
    onEscalated: (path, error) => {
      throw new Error(`${path} gave up`, { cause: error });
    },
  });
  const openSession = spawnActors({ system, stores, logger, metrics, tally, graceMs, user });
  openTopics(system, metrics, options.topic);
  const listener = createListener({ host: "0.0.0.0", port: 0 });
  const tokens = deviceTokens({ secret: SECRET, publicKeys: [], clock, ...options.tokens });
  const continued = resumeTokens(SECRET);
  const bans = new Bans({ ...BAN_LIMITS, ...options.bans }, clock);
  const gateway = openWebSocketGateway({
    bans,
    app: listener.app,
    openSession,
    findSession: (id) => system.find(sessionKind, id),
    deviceTokens: tokens,
    resumeTokens: continued,
    limits: { ...WS_LIMITS, ...options.limits },
    clock,
    random: systemRandom,
    newId: systemNewId,
    logger,
    metrics,
  });
  const port = listener.listen();
  const inbox = inboxDesk(system, stores.inbox);
  return {
    port,
    system,
    gateway,
    bans,
    inbox,
    tokens,
    tally,
    openSession,
    resumeTokens: continued,
    async push(user, payload, { ack = true, id = `push-${++pushes}` } = {}) {
      const item = { user, id, ledger: "push", topic: "test", payload: JSON.stringify(payload) };
      const expiresAt = clock.now() + PUSH_TTL_MS;
      const [appended] = await inbox.append([{ ...item, ack, expiresAt }]);
      return appended!.offset;
    },
    broadcast: (push) =>
      broadcast(
        system,
        { id: "b", topic: "all", payload: "{}", expiresAt: clock.now() + PUSH_TTL_MS, ...push },
        tally,
      ),
    async stop() {
      listener.stopListening();
      gateway.close();
      listener.close();
      await system.stop({ deadlineMs: 1000 });
      await stores.close();
    },
  };
}

function openTopics(system: ActorSystem, metrics: Metrics, rule: Partial<TopicRule> = {}): void {
  const type = topicType({
    ruleOf: () => ({ ...TOPIC_RULE, ...rule }),
    figures: topicFigures(metrics),
    limits: TOPIC_LIMITS,
  });
  system.registerEntity(topicKind, { under: system.supervisor("topics"), type, state: newTopic });
}

interface Parts {
  readonly system: ActorSystem;
  readonly stores: Stores;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tally: PushTally;
  readonly graceMs: number;
  readonly user: Partial<UserLimits> | undefined;
}

function spawnActors({ system, stores, logger, metrics, tally, graceMs, user }: Parts) {
  const figures = clerkFigures(metrics);
  const clerk = clerkType({ store: stores.inbox, logger, figures, limits: CLERK_LIMITS });
  system.spawn(clerk, { name: CLERK, state: newClerk() });
  system.registerEntity(userKind, {
    under: system.supervisor("users"),
    type: userType({ tally, limits: { ...USER_LIMITS, ...user } }),
    state: newUser,
  });
  const sessions = system.supervisor("sessions");
  const limits = { ...SESSION_LIMITS, graceMs };
  const type = sessionType({ tally, limits, chronicle: new Chronicle() });
  if (system.find(clerkKind, CLERK) === undefined) throw new Error("the clerk is not there");
  return (session: { id: string; user: string; device: string }) =>
    system.spawn(type, { name: session.id, state: newSession(session), under: sessions });
}
