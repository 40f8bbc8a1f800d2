import { accessDesk } from "../../../src/actors/access/behavior.ts";
import type { Role } from "../../../src/actors/access/messages.ts";
import { type AccessLimits, newAccessState } from "../../../src/actors/access/state.ts";
import { clerkType } from "../../../src/actors/inbox/behavior.ts";
import { CLERK } from "../../../src/actors/inbox/messages.ts";
import { CLERK_LIMITS, clerkFigures, newClerk } from "../../../src/actors/inbox/state.ts";
import { type ActorSystem, createSystem } from "../../../src/actors/kernel/system.ts";
import { memberDesk, newMemberDesk } from "../../../src/actors/members/desk.ts";
import { numberedDesk } from "../../../src/actors/numbered/desk.ts";
import { outboxDesk } from "../../../src/actors/outbox/behavior.ts";
import { OUTBOX } from "../../../src/actors/outbox/messages.ts";
import { newOutbox } from "../../../src/actors/outbox/state.ts";
import { receiptsDesk } from "../../../src/actors/receipts/behavior.ts";
import { RECEIPTS } from "../../../src/actors/receipts/messages.ts";
import { newReceipts } from "../../../src/actors/receipts/state.ts";
import { relationsDesk } from "../../../src/actors/relations/behavior.ts";
import { RELATIONS } from "../../../src/actors/relations/messages.ts";
import { newRelations } from "../../../src/actors/relations/state.ts";
import { newReview, reviewDesk } from "../../../src/actors/review/desk.ts";
import { PushTally } from "../../../src/actors/session/tally.ts";
import { topicType } from "../../../src/actors/topic/behavior.ts";
import { topicKind } from "../../../src/actors/topic/messages.ts";
import {
  newTopic,
  TOPIC_LIMITS,
  TOPIC_RULE,
  topicFigures,
} from "../../../src/actors/topic/state.ts";
import { userType } from "../../../src/actors/user/behavior.ts";
import { userKind } from "../../../src/actors/user/messages.ts";
import { newUser, USER_LIMITS } from "../../../src/actors/user/state.ts";
import { hashApiToken, newApiToken } from "../../../src/core/api-token.ts";
import { Chronicle } from "../../../src/core/chronicle.ts";
import { systemClock } from "../../../src/core/clock.ts";
import { deviceSecret, writeSecret } from "../../../src/core/device-secret.ts";
import { RuntimeError } from "../../../src/core/errors.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { noMetrics } from "../../../src/core/metrics.ts";
import { seededRandom, systemNewId } from "../../../src/core/random.ts";
import { fail, ok } from "../../../src/core/result.ts";
import { deviceTokens } from "../../../src/gateways/auth/device-tokens.ts";
import { Bans } from "../../../src/gateways/bans.ts";
import {
  askOf,
  HTTP_LIMITS,
  type HttpLimits,
  type PeerPort,
  type ProviderView,
} from "../../../src/gateways/http/api.ts";
import { openHttpGateway } from "../../../src/gateways/http/gateway.ts";
import { createListener } from "../../../src/gateways/listener.ts";
import { jsonLines } from "../../../src/gateways/ndjson/decoder.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { Stores } from "../../../src/persistence/ports/stores.ts";
import { nullProvider } from "../../../src/providers/null.ts";
import { audienceStandIn, campaignStandIn, newSeen } from "./desks.ts";

/** What the provider `crm` may sign its receipts with; the second one is new. */
export const RECEIPT_KEYS = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];

/** What the secrets of devices are derived from. */
export const DEVICES_SECRET = new Uint8Array(32).fill(9);

const PROVIDERS: readonly ProviderView[] = ["crm", "null"].map((name) => ({
  name,
  capabilities: {
    ...{ maxBatch: 100, maxInFlight: 16, idempotency: "key", keyTtlMs: 60_000 },
    ...{ receipts: "callback", dryRun: name === "null" },
  },
  state:
    name === "null"
      ? undefined
      : {
          ...{ inFlight: 1, waiting: 0, items: { ok: 7 }, latencyMs: 3.5 },
          gates: { breaker: { state: "closed", isOpen: 0 } },
        },
}));

const PLACE = { device: "board", address: "192.0.2.7", port: 4711, since: 1 };

/** The board `b-1` and the user `ann` are here over UDP, and only `ann` may reach the board. */
const PEERS: PeerPort = {
  find: (principal) => (["board:b-1", "ann", "bob"].includes(principal) ? PLACE : undefined),
  introduce: async (asker) =>
    asker === "ann" ? ok(PLACE) : fail(new RuntimeError("route.forbidden", "not that one")),
  tell: () => {},
};

export interface NodeOptions {
  readonly limits?: Partial<HttpLimits>;
  readonly access?: Partial<AccessLimits>;
  /** A second node on the same stores is a restart. */
  readonly stores?: Stores;
  readonly owner?: string;
  readonly push?: { readonly provider: string; readonly topic: string };
  readonly notReady?: () => readonly { path: string; expected: string; got: string }[];
}

export interface CallOptions {
  /** Default: the admin's. Null: none at all. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly body?: NonNullable<RequestInit["body"]>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever fields it is about.
  readonly json: any;
}

export type HttpNode = Awaited<ReturnType<typeof startHttpNode>>;

/** A node's admin API on a real port: the real access desk, inbox clerk, kernel and stores. */
export async function startHttpNode(options: NodeOptions = {}) {
  const stores = options.stores ?? memoryStores({ inboxPerUserMax: 1_000 });
  const seen = newSeen();
  const logged: { message: string; fields: unknown }[] = [];
  const logger = {
    ...silentLogger,
    error: (message: string, fields?: unknown) => void logged.push({ message, fields }),
  };
  const system = createSystem({
    node: "n1",
    clock: systemClock,
    random: seededRandom(1),
    logger: silentLogger,
    metrics: noMetrics,
    onEscalated: (path, error) => {
      throw new Error(`${path} escalated`, { cause: error });
    },
  });
  const desk = accessDesk({
    ...stores,
    newId: systemNewId,
    owner: options.owner ?? systemNewId("boot"),
    logger,
    metrics: noMetrics,
    limits: options.access,
  });
  const clerk = clerkType({
    store: stores.inbox,
    logger: silentLogger,
    figures: clerkFigures(noMetrics),
    limits: CLERK_LIMITS,
  });
  const actors = {
    access: system.spawn(desk, { name: "desk", state: newAccessState }),
    audiences: system.spawn(audienceStandIn(seen), { name: "audiences", state: 0 }),
    campaigns: system.spawn(campaignStandIn(seen), { name: "campaigns", state: null }),
    inbox: system.spawn(clerk, { name: CLERK, state: newClerk() }),
    members: system.spawn(
      memberDesk({
        ...{ ...stores, now: () => systemClock.now(), newDecoder: jsonLines },
        browsers: { services: ["push.example.com"], subscriptionsMax: 2 },
      }),
      { name: "members", state: newMemberDesk },
    ),
    numbered: system.spawn(numberedDesk(stores.numbered), { name: "numbered", state: null }),
    outbox: system.spawn(
      outboxDesk({ store: stores.outbox, logger: silentLogger, metrics: noMetrics }),
      { name: OUTBOX, state: newOutbox() },
    ),
    review: system.spawn(
      reviewDesk({
        ...stores,
        providers: new Map([["null", nullProvider()]]),
        simulated: nullProvider(),
        resend: async () => ({ delivered: 0, refused: 0, unknown: 0 }),
        clock: systemClock,
        newId: systemNewId,
      }),
      { name: "review", state: newReview },
    ),
    receipts: system.spawn(
      receiptsDesk({ store: stores.receipts, logger: silentLogger, metrics: noMetrics }),
      { name: RECEIPTS, state: newReceipts() },
    ),
    relations: system.spawn(
      relationsDesk({ ...stores, newId: systemNewId, logger: silentLogger, metrics: noMetrics }),
      { name: RELATIONS, state: newRelations() },
    ),
  };
  registerDevices(system);
  const devices = deviceTokens({
    secret: new Uint8Array(32).fill(7),
    publicKeys: [],
    clock: systemClock,
  });
  const listener = createListener({ host: "127.0.0.1", port: 0 });
  const gateway = openHttpGateway({
    app: listener.app,
    system,
    actors,
    clock: systemClock,
    logger,
    metrics: noMetrics,
    newId: systemNewId,
    mint: (request) => devices.mint(request),
    deviceSecret: (owner) => writeSecret(deviceSecret(DEVICES_SECRET, owner)),
    peers: PEERS,
    readLedger: (name) =>
      name === undefined ? stores.inbox.ledgerOfAll() : stores.inbox.ledger(name),
    inboxes: {
      waiting: async (principal) => (await stores.inbox.read([principal], systemClock.now()))[0]!,
      fates: (prefix, page) => stores.inbox.fates(prefix, page),
    },
    about: { version: "0", startedAt: 1, config: {}, figures: async () => [] },
    chronicle: new Chronicle(),
    bans: someBans(),
    departures: { redirect: () => 3, resume: () => 3 },
    providers: () => PROVIDERS,
    vapidKey: (provider) => (provider === "crm" ? "BKey" : undefined),
    receiptKeys: (provider) => (provider === "crm" ? RECEIPT_KEYS : []),
    renderMetrics: async () => "# HELP herald_up Whether it is up.\nherald_up 1\n",
    ...(options.push === undefined ? {} : { push: options.push }),
    ...(options.notReady === undefined ? {} : { notReady: options.notReady }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  const port = listener.listen();
  const url = `http://127.0.0.1:${port}`;
  const ask = askOf(system, HTTP_LIMITS);

  const tokenFor = async (role: Role, ttlMs = 0): Promise<string> => {
    const token = newApiToken();
    const hash = hashApiToken(token);
    await ask(actors.access, { type: "create-token", name: `the ${role}`, role, hash, ttlMs });
    return token;
  };
  const tokens = {
    admin: await tokenFor("admin"),
    operator: await tokenFor("operator"),
    viewer: await tokenFor("viewer"),
  };

  const call = async (method: string, path: string, it: CallOptions = {}): Promise<Reply> => {
    const { token = tokens.admin, headers, json, body } = it;
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(json === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      ...(body === undefined ? {} : { body, duplex: "half" }),
    } as RequestInit);
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
    const parsed: unknown = isJson && text !== "" ? JSON.parse(text) : undefined;
    return { status: response.status, headers: response.headers, text, json: parsed };
  };

  return {
    url,
    port,
    system,
    actors,
    stores,
    gateway,
    tokens,
    seen,
    logged,
    ask,
    call,
    tokenFor,
    async stop(): Promise<void> {
      listener.close();
      await system.stop({ deadlineMs: 1_000 });
    },
  };
}

/** One user is banned, who logs in twice where once is enough. */
function someBans(): Bans {
  const limits = { flapsPerUser: 1, flapsPerAddress: 0, flapWindowMs: 60_000, banMs: 300_000 };
  const bans = new Bans(limits, systemClock);
  for (let connects = 0; connects < 2; connects += 1) bans.waitMs("principal", "restless");
  return bans;
}

/** Principals and topics come to be when they are first asked for. */
function registerDevices(system: ActorSystem): void {
  const tally = new PushTally();
  const users = { type: userType({ tally, limits: USER_LIMITS }), state: newUser };
  system.registerEntity(userKind, { under: system.supervisor("users"), ...users });
  const figures = topicFigures(noMetrics);
  const type = topicType({ ruleOf: () => TOPIC_RULE, figures, limits: TOPIC_LIMITS });
  system.registerEntity(topicKind, { under: system.supervisor("topics"), type, state: newTopic });
}
