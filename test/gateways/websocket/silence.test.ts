/**
 * What the socket library times by itself, on a clock that no test can move: so they wait for it,
 * all at once. They await an end and measure it; nothing sleeps.
 */
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { type Labels, noMetrics } from "../../../src/core/metrics.ts";
import { type DeviceNode, startDeviceNode } from "../../testkit/device-node.ts";
import { maskedFrame, OPCODE } from "../../testkit/raw-socket.ts";
import { PageDevice } from "./page-client.ts";

const HEARTBEAT_MS = 10_000;
const WAIT_MS = 20_000;

async function login(node: DeviceNode, user: string): Promise<PageDevice> {
  const credential = await node.tokens.mint({ user, ttlMs: 60_000 });
  const device = new PageDevice({ port: node.port, credential });
  await device.connect();
  return device;
}

describe.concurrent("silence", () => {
  test(
    "of a half-open connection is ended within the heartbeat that was told",
    async ({ onTestFinished }) => {
      const ends: string[] = [];
      const metrics = {
        ...noMetrics,
        counter: (name: string, _help: string, labels: Labels = {}) => ({
          add: () => void (name === "herald_ws_closes_total" && ends.push(labels["reason"]!)),
        }),
      };
      const node = startDeviceNode({ metrics, limits: { heartbeatMs: HEARTBEAT_MS } });
      onTestFinished(() => node.stop());
      const silent = await login(node, "ada");
      const welcome = await silent.connection.next("welcome");
      // The other one answers pings as a WebSocket library does, and lives on.
      const { raw } = (await login(node, "bob")).connection;
      const answered = new Set<unknown>();
      const answering = raw.until(() => {
        for (const frame of raw.frames) {
          if (frame.opcode !== OPCODE.ping || answered.has(frame)) continue;
          answered.add(frame);
          raw.write(maskedFrame(OPCODE.pong, frame.payload));
        }
        return false;
      });

      const begun = performance.now();
      const { code } = await silent.connection.closed();
      expect(performance.now() - begun).toBeLessThanOrEqual(welcome["heartbeatMs"] as number);
      expect(code).toBe(undefined);
      expect(silent.connection.raw.frames.some(({ opcode }) => opcode === OPCODE.ping)).toBe(true);
      expect([node.gateway.connections, raw.isClosed]).toEqual([1, false]);
      expect(answered.size).toBeGreaterThan(0);
      expect(ends).toEqual(["heartbeat-lost"]);

      // Its session waits for it.
      await node.push("ada", { n: 1 });
      const { session } = welcome;
      expect(await silent.connect()).toMatchObject({ session, head: 1 });
      raw.destroy();
      await answering;
    },
    WAIT_MS,
  );

  test.each([
    ["nothing at all", ""],
    ["half a request line", "GET /v1/conn"],
    ["half a handshake", "GET /v1/connect HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-Web"],
  ])(
    "after %s ends the connection before it is one",
    async (_, text) => {
      const node = startDeviceNode();
      const socket = connect(node.port, "127.0.0.1");
      let received = "";
      socket.on("data", (data) => {
        received += data.toString();
      });
      socket.write(text);
      await new Promise<void>((resolve) => socket.on("close", () => resolve()));
      expect(received).toBe("");
      expect(node.gateway.connections).toBe(0);
      await node.stop();
    },
    WAIT_MS,
  );
});
