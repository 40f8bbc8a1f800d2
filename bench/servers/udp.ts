/** Herald's device side over UDP as a process: gateway, UDP sessions, sessions, users. */
import { sessionKind } from "../../src/actors/session/messages.ts";
import { systemClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { noMetrics } from "../../src/core/metrics.ts";
import { systemNewId, systemRandom } from "../../src/core/random.ts";
import { openUdpGateway } from "../../src/gateways/udp/gateway.ts";
import { startDeviceNode } from "../../test/testkit/device-node.ts";
import { answerParent } from "../load/child.ts";

const EVERYBODY = 1_000_000;
const SECRET = Buffer.alloc(32, 1);

const node = startDeviceNode();
// The limits are on, and too high to be reached: what they cost is measured, too.
const udp = await openUdpGateway({
  host: "127.0.0.1",
  port: 0,
  system: node.system,
  openSession: node.openSession,
  findSession: (id) => node.system.find(sessionKind, id),
  resumeTokens: node.resumeTokens,
  deviceKey: async () => ({ secret: SECRET, grants: undefined }),
  provisioning: [],
  resetSecret: SECRET,
  limits: {
    sessionsMax: EVERYBODY,
    handshakesPerSecond: EVERYBODY,
    handshakesBurst: EVERYBODY,
    framesPerSecond: EVERYBODY,
    framesBurst: EVERYBODY,
    unsentBytesMax: 1_048_576,
    heartbeatMs: 40_000,
    helloTimeoutMs: 10_000,
    attemptsMax: 8,
  },
  clock: systemClock,
  random: systemRandom,
  newId: systemNewId,
  logger: silentLogger,
  metrics: noMetrics,
});

answerParent({
  port: () => udp.port,
  dropped: () => udp.counts.dropped,
});
