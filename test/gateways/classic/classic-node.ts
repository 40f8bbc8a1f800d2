/** The device side of a node on virtual time, with the classic gateway on a port of its own. */
import { onTestFinished } from "vitest";
import { uploadsClerk } from "../../../src/actors/uploads/behavior.ts";
import { UPLOADS } from "../../../src/actors/uploads/messages.ts";
import { newUploads } from "../../../src/actors/uploads/state.ts";
import { outboxBroker } from "../../../src/broker/outbox/outbox-broker.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { noMetrics } from "../../../src/core/metrics.ts";
import { systemNewId, systemRandom } from "../../../src/core/random.ts";
import { type BanLimits, Bans } from "../../../src/gateways/bans.ts";
import { type ClassicGateway, openClassicGateway } from "../../../src/gateways/classic/gateway.ts";
import type { ClassicLimits, ClassicOptions } from "../../../src/gateways/classic/options.ts";
import { createListener } from "../../../src/gateways/listener.ts";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import type { OutboxStore } from "../../../src/persistence/ports/outbox.ts";
import { type ReachDesk, reachDesk } from "../../testkit/reach-desk.ts";
import { type TestNode, testNode } from "../websocket/node.ts";
import type { PageDevice } from "../websocket/page-client.ts";
import { SECRET } from "./bytes.ts";
import { ClassicSocket } from "./socket.ts";

/** The limits of the configuration's defaults. */
export const CLASSIC_LIMITS: ClassicLimits = {
  messageBytesMax: 32_768,
  framesPerSecond: 100,
  framesBurst: 200,
  connectionsMax: 100_000,
  connectionsPerAddress: 1000,
  loginsPerSecond: 10,
  loginsBurst: 100,
  unsentBytesMax: 131_072,
  loginTimeoutMs: 60_000,
  keepMs: 0,
};

export interface ClassicNode {
  readonly node: TestNode;
  readonly relations: ReachDesk;
  readonly classic: ClassicGateway;
  readonly options: ClassicOptions;
  readonly port: number;
  /** What devices uploaded. */
  readonly outbox: OutboxStore;
  /** A connection that has not said who it is. */
  open(): Promise<ClassicSocket>;
  /** A classic device that is logged in: of boards negative numbers. */
  device(id: bigint, timeout?: number): Promise<ClassicSocket>;
  /** A device of today. */
  phone(user: string): Promise<PageDevice>;
}

interface ClassicNodeOptions {
  readonly node?: Parameters<typeof testNode>[0];
  readonly limits?: Partial<ClassicLimits>;
  readonly classic?: Partial<ClassicOptions>;
  /** Who connects too often; nobody is banned without. */
  readonly bans?: BanLimits;
  /** Uploads that the outbox has room for. */
  readonly outboxMax?: number;
}

export function classicNode(more: ClassicNodeOptions = {}): ClassicNode {
  const { limits, classic: other, outboxMax = 1000 } = more;
  const node = testNode(more.node);
  const relations = reachDesk(node.system);
  const { outbox } = memoryStores({ inboxPerUserMax: 1, clock: node.clock });
  const broker = outboxBroker({ store: outbox, max: outboxMax });
  const clerk = uploadsClerk({ broker, metrics: noMetrics });
  node.system.spawn(clerk, { name: UPLOADS, state: newUploads() });
  const options: ClassicOptions = {
    space: { bits: 64, phonesArePositive: true, hasSlots: true },
    login: { secret: SECRET, skewMax: 60, allowsNoClock: false },
    openSession: node.openSession,
    limits: { ...CLASSIC_LIMITS, ...limits },
    clock: node.clock,
    random: systemRandom,
    newId: systemNewId,
    logger: silentLogger,
    metrics: noMetrics,
    ...(more.bans === undefined ? {} : { bans: new Bans(more.bans, node.clock) }),
    ...other,
  };
  const listener = createListener({ host: "127.0.0.1", port: 0 });
  const classic = openClassicGateway({ ...options, app: listener.app });
  const port = listener.listen();
  onTestFinished(() => {
    listener.stopListening();
    classic.close();
    listener.close();
  });
  const open = () => ClassicSocket.open(port);
  return {
    ...{ node, relations, classic, options, port, open, outbox },
    async device(id, timeout = 30) {
      const socket = await open();
      const [code] = await socket.login(id, { clock: node.clock.now(), timeout });
      if (code !== 0) throw new Error(`the log-in of ${id} was answered ${code}`);
      return socket;
    },
    phone: (user) => node.login(user),
  };
}
