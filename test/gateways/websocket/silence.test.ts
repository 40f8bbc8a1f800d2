/**
 * A connection of which nothing is heard is asked, and then ended: by the node's own clock where a
 * test can move it, and by the socket library's before the upgrade, where tests wait for it.
 */
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { type Labels, noMetrics } from "../../../src/core/metrics.ts";
import { startDeviceNode } from "../../testkit/device-node.ts";
import { maskedFrame, OPCODE } from "../../testkit/raw-socket.ts";
import { type TestNode, testNode } from "./node.ts";
import type { PageConnection } from "./page-client.ts";

const WAIT_MS = 20_000;
const HEARTBEAT = { limits: { heartbeatMs: 60_000 } };
/** When a silent connection is asked, and by when it is ended, in seconds. */
const ASKED = 45;
const ENDED = 65;

const pingsIn = ({ raw }: PageConnection): number =>
  raw.frames.filter(({ opcode }) => opcode === OPCODE.ping).length;

describe("a silent connection", () => {
  test("is asked, ended with 4104 within five seconds of its heartbeat, and resumed", async () => {
    const ends: string[] = [];
    const counter = (name: string, _help: string, labels: Labels = {}) => ({
      add: () => void (name === "herald_ws_closes_total" && ends.push(labels["reason"]!)),
    });
    const node = testNode({ ...HEARTBEAT, metrics: { ...noMetrics, counter } });
    const device = await node.login("ada");
    const { connection } = device;
    const { session, heartbeatMs } = await connection.next("welcome");
    seconds(node, ASKED);
    await connection.raw.until(() => pingsIn(connection) > 0);
    seconds(node, 60 - ASKED);
    expect([node.gateway.connections, heartbeatMs]).toEqual([1, 60_000]);
    seconds(node, 5);
    expect(await connection.closed()).toMatchObject({
      code: 4104,
      kick: { type: "kick", code: 4104, reason: "heartbeat-lost", reconnect: true },
    });
    expect([node.gateway.connections, ends]).toEqual([0, ["heartbeat-lost"]]);
    await node.push("ada", { n: 1 });
    expect(await device.connect()).toMatchObject({ session, head: 1, recovered: false });
  });

  test.each([
    ["a pong", maskedFrame(OPCODE.pong, Buffer.of())],
    ["a ping", maskedFrame(OPCODE.ping, Buffer.of())],
    ["a frame", maskedFrame(OPCODE.text, Buffer.from('{"type":"ack","upTo":0}'))],
    ["what is no frame", maskedFrame(OPCODE.text, Buffer.from("{}"))],
  ])("is not one that says %s in time", async (_, bytes) => {
    const node = testNode(HEARTBEAT);
    const { connection } = await node.login("ada");
    for (let round = 0; round < 4; round += 1) {
      // Its own answer would be heard for it; another's says as well that all before was read.
      const other = await node.login("bob");
      seconds(node, 59);
      connection.raw.write(bytes);
      await other.connection.ping();
      expect(connection.raw.isClosed).toBe(false);
    }
    seconds(node, ENDED);
    expect((await connection.closed()).code).toBe(4104);
  });

  test("is asked before it is ended, however short the heartbeat is", async () => {
    const node = testNode({ limits: { heartbeatMs: 5_000 } });
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, n) => node.login("ada", { device: `d${n}` })),
    );
    seconds(node, 10);
    for (const { connection } of all) {
      expect((await connection.closed()).code).toBe(4104);
      expect(pingsIn(connection)).toBeGreaterThan(0);
    }
  });

  test("is also one whose message never ends", async () => {
    const node = testNode(HEARTBEAT);
    const { connection } = await node.login("ada");
    for (let second = 0; second < ENDED; second += 1) {
      const opcode = second === 0 ? OPCODE.text : OPCODE.continuation;
      connection.raw.write(maskedFrame(opcode, Buffer.from(" "), opcode));
      const other = await node.open();
      seconds(node, 1);
      other.raw.destroy();
    }
    expect((await connection.closed()).code).toBe(4104);
  });

  test("is not one that could not be heard because the node stood still", async () => {
    const node = testNode(HEARTBEAT);
    const { connection } = await node.login("ada");
    seconds(node, 30);
    node.clock.halt(600_000);
    seconds(node, 10);
    await connection.ping();
    seconds(node, ENDED);
    expect((await connection.closed()).code).toBe(4104);
  });
});

describe.concurrent("silence", () => {
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

/** Lets time pass tick by tick, as it does. */
function seconds(node: TestNode, count: number): void {
  for (let second = 0; second < count; second += 1) node.clock.advance(1_000);
}
