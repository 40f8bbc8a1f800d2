/** Herald's device side as a process: gateway, sessions, users, inbox clerk. */
import type { Grants } from "../../src/core/device-request.ts";
import { startDeviceNode } from "../../test/testkit/device-node.ts";
import { answerParent } from "../load/child.ts";
import { residentBytes } from "./resident.ts";

const EVERYBODY = 1_000_000;

// The limits are on, and too high to be reached: what they cost is measured, too.
const node = startDeviceNode({
  limits: {
    framesPerSecond: EVERYBODY,
    framesBurst: EVERYBODY,
    connectionsPerAddress: EVERYBODY,
    connectionsPerUser: EVERYBODY,
    // Sockets of the load answer no pings.
    heartbeatMs: 600_000,
  },
});

answerParent({
  port: () => node.port,
  /** One credential for each of `count` users. */
  credentials: ({ count, grants }: { count: number; grants?: Grants }) =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        node.tokens.mint({
          ...{ user: `user-${String(index).padStart(5, "0")}`, ttlMs: 3_600_000, grants },
        }),
      ),
    ),
  memory: residentBytes,
  connections: () => node.gateway.connections,
  /** Pushes to everybody; returns how long it took until the last was written, in ms. */
  async fanout({ payload }: { payload: string }) {
    const written = node.gateway.counts.framesOut + node.gateway.connections;
    const start = performance.now();
    node.broadcast({ payload });
    while (node.gateway.counts.framesOut < written) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    return performance.now() - start;
  },
});
