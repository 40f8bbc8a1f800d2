/** Connections end without a fault: they are old enough, or the node is being emptied. */
import { describe, expect, test } from "vitest";
import { connect } from "../../../clients/js/src/index.ts";
import { sessionKind } from "../../../src/actors/session/messages.ts";
import { reached } from "../../clients/stub-server.ts";
import { RawSocket } from "../../testkit/raw-socket.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { type TestNode, testNode } from "./node.ts";
import { PageConnection } from "./page-client.ts";

const ELSEWHERE = "wss://two.example.com/v1/connect";

describe("a connection that is old enough", () => {
  test("ends with 4107, and goes on in the same session", async () => {
    const node = testNode({ limits: { maxLifetimeMs: 100_000 } });
    const device = await node.login("ada");
    const { session } = await device.connection.next("welcome");
    seconds(node, 89);
    await device.connection.ping();
    // Not every connection is looked at every second.
    seconds(node, 22);
    const { code, kick } = await device.connection.closed();
    expect(code).toBe(4107);
    expect(kick).toMatchObject({ reason: "lifetime", reconnect: true });
    expect(await device.connect()).toMatchObject({ session });
  });

  test("is told to its session however much that has to do at the moment", async () => {
    const node = testNode({ limits: { maxLifetimeMs: 100_000 } });
    const { connection } = await node.login("ada");
    const { session } = await connection.next("welcome");
    const ref = node.system.find(sessionKind, session as string)!;
    while (ref.send({ type: "ping", id: 1 }));
    seconds(node, 111);
    await connection.closed();
    expect(node.gateway.connections).toBe(0);
    expect(node.tally.attached).toBe(0);
  });

  test("ends at another time than those that came together with it", async () => {
    const node = testNode({ limits: { maxLifetimeMs: 1_000_000, connectionsPerUser: 100 } });
    for (let n = 0; n < 50; n += 1) await node.login("ada", { device: `d${n}` });
    const left: number[] = [];
    for (let step = 0; step < 12; step += 1) {
      seconds(node, step === 0 ? 900 : 10);
      left.push(node.gateway.connections);
    }
    expect(left[0]).toBe(50);
    expect(left.at(-1)).toBe(0);
    expect(new Set(left).size).toBeGreaterThan(6);
  });

  test("is told of an expired credential where that comes first, refreshed or not", async () => {
    const node = testNode({ limits: { maxLifetimeMs: 1_000_000 } });
    const { connection } = await node.login("ada", {
      credential: await node.credential("ada", 30_000),
    });
    connection.send({
      ...{ type: "refresh", id: 1 },
      credential: await node.credential("ada", 60_000),
    });
    await connection.next("refreshed");
    seconds(node, 50);
    await connection.ping();
    seconds(node, 21);
    expect((await connection.closed()).code).toBe(4203);
  });

  test("cannot get older by a newer credential", async () => {
    const node = testNode({ limits: { maxLifetimeMs: 100_000 } });
    const { connection } = await node.login("ada");
    connection.send({ type: "refresh", id: 1, credential: await node.credential("ada") });
    await connection.next("refreshed");
    seconds(node, 111);
    expect((await connection.closed()).code).toBe(4107);
  });
});

describe("a node that is emptied", () => {
  test("sends its devices to another one, evenly over the time", async () => {
    const node = testNode();
    const devices = [];
    for (let n = 0; n < 40; n += 1) devices.push(await node.login(`user-${n}`));
    node.gateway.departures.redirect({ url: ELSEWHERE, withinMs: 4_000 });
    const left = [node.gateway.connections];
    for (let second = 0; second < 4; second += 1) {
      node.clock.advance(1_000);
      left.push(node.gateway.connections);
    }
    expect(left).toEqual([39, 29, 19, 9, 0]);
    const ends = await Promise.all(devices.map(({ connection }) => connection.closed()));
    expect(new Set(ends.map(({ code }) => code))).toEqual(new Set([4108]));
    for (const { kick } of ends) {
      expect(kick).toMatchObject({ reason: "redirect", reconnect: true, url: ELSEWHERE });
      expect(kick!["retryAfterMs"]).toBeLessThanOrEqual(1_000);
    }
  });

  for (const encoding of ["json", "msgpack"] as const) {
    test(`sends on who comes to it, before any log-in, in ${encoding}`, async () => {
      const node = testNode();
      node.gateway.departures.redirect({ url: ELSEWHERE, withinMs: 60_000 });
      const connection = await PageConnection.open(node.port, encoding);
      const { code, kick } = await connection.closed();
      expect(code).toBe(4108);
      expect(kick).toMatchObject({ reason: "redirect", reconnect: true, url: ELSEWHERE });
      expect(kick!["retryAfterMs"]).toBeLessThanOrEqual(1_000);
      expect(connection.frames).toEqual([kick]);
      expect(node.gateway.connections).toBe(0);

      node.gateway.departures.resume();
      await node.serves();
    });
  }

  test("is left by the SDK for where it is sent, which may lack the path", async () => {
    const [node, other] = [testNode(), testNode()];
    node.gateway.departures.redirect({ url: `ws://127.0.0.1:${other.port}`, withinMs: 0 });
    const clock = new VirtualClock();
    const client = connect({
      ...{ url: `ws://127.0.0.1:${node.port}`, device: "phone", clock },
      credential: await other.credential("ada"),
    });
    expect(await reached(client, "waiting")).toMatchObject({ code: 4108, reason: "redirect" });
    clock.advance(2_000);
    await client.whenConnected();
    expect([node.gateway.connections, other.gateway.connections]).toEqual([0, 1]);
    await client.close();
  });

  test("sends those who are left to where it was told last", async () => {
    const node = testNode();
    const devices = [await node.login("ada"), await node.login("bob"), await node.login("eve")];
    node.gateway.departures.redirect({ url: ELSEWHERE, withinMs: 60_000 });
    const nearer = "wss://three.example.com/v1/connect";
    node.gateway.departures.redirect({ url: nearer, withinMs: 0 });
    const ends = await Promise.all(devices.map(({ connection }) => connection.closed()));
    expect(ends.map(({ kick }) => kick!["url"])).toEqual([ELSEWHERE, nearer, nearer]);
  });

  test("without another one says draining, and stops when it takes devices again", async () => {
    const node = testNode();
    const first = await node.login("ada");
    const second = await node.login("bob");
    node.gateway.departures.redirect({ withinMs: 60_000 });
    const { code, kick } = await first.connection.closed();
    expect([code, kick!["url"]]).toEqual([4100, undefined]);
    const refused = await RawSocket.open({ port: node.port, protocol: "herald.v1.json" });
    expect(refused.status).toBe(503);
    node.gateway.departures.resume();
    node.clock.advance(59_000);
    await second.connection.ping();
    await first.connect();
  });
});

/** Lets time pass tick by tick, as it does. */
function seconds(node: TestNode, count: number): void {
  for (let second = 0; second < count; second += 1) node.clock.advance(1_000);
}
