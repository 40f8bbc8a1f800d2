/** The device side of a node with both gateways, on real sockets, and devices for it. */
import { onTestFinished } from "vitest";
import { type Place, UdpDevice, type UdpDeviceOptions } from "../../../clients/udp/src/device.ts";
import { udpNetwork } from "../../../clients/udp/src/network.ts";
import { sessionKind } from "../../../src/actors/session/messages.ts";
import { systemClock } from "../../../src/core/clock.ts";
import { deviceSecret } from "../../../src/core/device-secret.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { noMetrics } from "../../../src/core/metrics.ts";
import { systemNewId, systemRandom } from "../../../src/core/random.ts";
import { openUdpGateway, type UdpGateway } from "../../../src/gateways/udp/gateway.ts";
import type { UdpLimits, UdpOptions } from "../../../src/gateways/udp/options.ts";
import {
  type DeviceNode,
  type DeviceNodeOptions,
  startDeviceNode,
} from "../../testkit/device-node.ts";

export const INSTALLATION = Buffer.from("an installation under test, of no worth");

/** The limits of the configuration's defaults. */
export const UDP_LIMITS: UdpLimits = {
  sessionsMax: 100_000,
  handshakesPerSecond: 20,
  handshakesBurst: 60,
  framesPerSecond: 500,
  framesBurst: 1000,
  unsentBytesMax: 65_536,
  heartbeatMs: 40_000,
  helloTimeoutMs: 10_000,
  attemptsMax: 8,
};

export interface UdpNode extends DeviceNode {
  readonly udp: UdpGateway;
}

export interface UdpNodeOptions {
  readonly node?: DeviceNodeOptions;
  readonly limits?: Partial<UdpLimits>;
  readonly udp?: Partial<UdpOptions>;
}

export function secretOf(principal: string, device: string): Uint8Array {
  return deviceSecret(INSTALLATION, { principal, device, version: 1 });
}

/** Starts one; it stops with the test. */
export async function startUdpNode(options: UdpNodeOptions = {}): Promise<UdpNode> {
  const node = startDeviceNode(options.node);
  const udp = await openUdpGateway({
    host: "127.0.0.1",
    port: 0,
    system: node.system,
    openSession: node.openSession,
    findSession: (id) => node.system.find(sessionKind, id),
    resumeTokens: node.resumeTokens,
    deviceKey: async (principal, device) => ({
      secret: secretOf(principal, device),
      grants: { subscribe: ["*"], publish: ["*"] },
    }),
    provisioning: [],
    resetSecret: Buffer.alloc(32, 3),
    limits: { ...UDP_LIMITS, ...options.limits },
    clock: options.node?.clock ?? systemClock,
    random: systemRandom,
    newId: systemNewId,
    logger: silentLogger,
    metrics: noMetrics,
    ...options.udp,
  });
  onTestFinished(async () => {
    await udp.close();
    await node.stop();
  });
  return { ...node, udp };
}

/** A device of that principal, connected or on its way. It leaves with the test. */
export function udpDevice(
  { udp }: Pick<UdpNode, "udp">,
  principal: string,
  options: Partial<UdpDeviceOptions> & { readonly place?: Place } = {},
): UdpDevice {
  const key = { type: "device", principal, device: "board" } as const;
  const device = new UdpDevice({
    key,
    secret: secretOf(principal, "board"),
    network: udpNetwork("127.0.0.1", udp.port),
    ...options,
  });
  onTestFinished(() => device.drop());
  return device;
}
