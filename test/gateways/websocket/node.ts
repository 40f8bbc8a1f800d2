import { onTestFinished } from "vitest";
import {
  type DeviceNode,
  type DeviceNodeOptions,
  startDeviceNode,
} from "../../testkit/device-node.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { type DeviceOptions, PageConnection, PageDevice } from "./page-client.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface TestNode extends DeviceNode {
  readonly clock: VirtualClock;
  credential(user: string, ttlMs?: number): Promise<string>;
  /** A device of that user, not connected yet. */
  device(user: string, options?: Partial<DeviceOptions>): Promise<PageDevice>;
  /** A device that is logged in. */
  login(user: string, options?: Partial<DeviceOptions>): Promise<PageDevice>;
  open(encoding?: DeviceOptions["encoding"]): Promise<PageConnection>;
  /** Proves that the node serves: somebody logs in, is pushed something, and acks it. */
  serves(): Promise<void>;
}

/** A node on real sockets and virtual time, stopped with the test. */
export function testNode(options: Omit<DeviceNodeOptions, "clock"> = {}): TestNode {
  const clock = new VirtualClock();
  // Virtual time passes faster than any device answers a ping.
  const limits = { heartbeatMs: DAY_MS, ...options.limits };
  const node = startDeviceNode({ ...options, limits, clock });
  let served = 0;
  onTestFinished(() => node.stop());
  const credential = (user: string, ttlMs = HOUR_MS) => node.tokens.mint({ user, ttlMs });
  const device: TestNode["device"] = async (user, more = {}) =>
    new PageDevice({ port: node.port, credential: await credential(user), ...more });
  const login: TestNode["login"] = async (user, more) => {
    const made = await device(user, more);
    await made.connect();
    return made;
  };
  return {
    ...node,
    clock,
    credential,
    device,
    login,
    open: (encoding) => PageConnection.open(node.port, encoding),
    async serves() {
      served += 1;
      const user = `bystander-${served}`;
      const bystander = await login(user);
      await node.push(user, { still: "here" });
      await bystander.pushes(1);
      bystander.handle();
      await bystander.connection.ping();
      bystander.drop();
    },
  };
}
