/** Who connects too fast, or too often, is refused before it costs the others anything. */
import { describe, expect, test } from "vitest";
import { Bans } from "../../../src/gateways/bans.ts";
import { RawSocket } from "../../testkit/raw-socket.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { type TestNode, testNode } from "./node.ts";

const PROTOCOL = "herald.v1.json";
const BANS = { flapsPerUser: 3, flapsPerAddress: 0, flapWindowMs: 10_000, banMs: 60_000 };

describe("the rate of connections", () => {
  const limits = { connectsPerSecond: 2, connectsBurst: 3 };

  test("of the node holds for all addresses together, and earns itself again", async () => {
    const node = testNode({ limits });
    expect(await statuses(node, 5)).toEqual([101, 101, 101, 503, 503]);
    node.clock.advance(1_000);
    expect(await statuses(node, 3, "127.0.0.2")).toEqual([101, 101, 503]);
  });

  test("is told with a time to come back that is spread", async () => {
    const node = testNode({ limits });
    await statuses(node, 3);
    const refused = await Promise.all(Array.from({ length: 20 }, () => open(node)));
    const waits = refused.map(({ body, head }) => {
      const { error } = JSON.parse(body) as { error: { code: string; retryAfterMs: number } };
      expect(error.code).toBe("gateway.busy");
      expect(head).toContain(`Retry-After: ${Math.ceil(error.retryAfterMs / 1000)}`);
      return error.retryAfterMs;
    });
    // Until the next may come it takes half a second; the rest is chance.
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(500);
    expect(Math.max(...waits)).toBeLessThanOrEqual(10_500);
    expect(new Set(waits).size).toBeGreaterThan(10);
  });

  test("refuses without a trace in the connections of an address", async () => {
    const node = testNode({ limits: { ...limits, connectionsPerAddress: 4 } });
    expect(await statuses(node, 5)).toEqual([101, 101, 101, 503, 503]);
    node.clock.advance(1_000);
    expect(await statuses(node, 2)).toEqual([101, 503]);
  });

  test("of one address takes nothing from the others", async () => {
    const node = testNode({
      limits: { ...limits, addressConnectsPerSecond: 1, addressConnectsBurst: 1 },
    });
    expect(await statuses(node, 10)).toEqual([101, ...Array(9).fill(503)]);
    expect(await statuses(node, 1, "127.0.0.2")).toEqual([101]);
    expect(await statuses(node, 1, "127.0.0.3")).toEqual([101]);
    // Now the node's own burst is used up.
    expect(await statuses(node, 1, "127.0.0.4")).toEqual([503]);
  });
});

describe("a ban", () => {
  test("refuses a user who logs in too often, for as long as is told", async () => {
    const node = testNode({ bans: BANS });
    const device = await node.device("ada");
    for (let flap = 0; flap < 3; flap += 1) {
      await device.connect();
      device.drop();
    }
    await expect(device.connect()).rejects.toThrow("gateway.banned");
    expect(node.bans.list()).toEqual([
      { kind: "principal", name: "ada", connects: 4, since: node.clock.now(), until: inMs(node) },
    ]);
    await node.serves();

    node.clock.advance(BANS.banMs - 1);
    await expect(device.connect()).rejects.toThrow("gateway.banned");
    node.clock.advance(1);
    await device.connect();
    expect(node.bans.list()).toEqual([]);
  });

  test("tells how long to stay away, and ends with 4103", async () => {
    const node = testNode({ bans: { ...BANS, flapsPerUser: 1 } });
    await node.login("ada");
    const connection = await node.open();
    connection.send({ type: "hello", credential: await node.credential("ada"), device: "phone" });
    const { code, kick } = await connection.closed();
    expect(code).toBe(4103);
    expect(kick).toMatchObject({ reason: "busy", reconnect: true, retryAfterMs: BANS.banMs });
    expect(connection.of("error")[0]).toMatchObject({ code: "gateway.banned" });
  });

  test("is not for who comes again and again to find no room", async () => {
    const node = testNode({ bans: BANS, limits: { connectionsPerUser: 1 } });
    const inside = await node.login("ada");
    const outside = await node.device("ada", { device: "tablet" });
    for (let knock = 0; knock < 10; knock += 1) {
      await expect(outside.connect()).rejects.toThrow("gateway.busy");
    }
    inside.drop();
    while (node.gateway.connections > 0) await new Promise(setImmediate);
    await outside.connect();
    expect(node.bans.list()).toEqual([]);
  });

  test("is not for an address that comes again and again to find no room", async () => {
    const bans = { ...BANS, flapsPerAddress: 2 };
    const node = testNode({ bans, limits: { connectionsPerAddress: 1 } });
    expect(await statuses(node, 5)).toEqual([101, 503, 503, 503, 503]);
    expect(node.bans.list()).toEqual([]);
  });

  test("refuses an address with 429 before its upgrade, and no other address", async () => {
    const node = testNode({ bans: { ...BANS, flapsPerAddress: 2 } });
    expect(await statuses(node, 4)).toEqual([101, 101, 429, 429]);
    const { head, body } = await open(node);
    expect(head).toContain("Retry-After: 60");
    expect(JSON.parse(body)).toMatchObject({
      error: { code: "gateway.banned", retryAfterMs: BANS.banMs, retryable: true },
    });
    expect(await statuses(node, 1, "127.0.0.2")).toEqual([101]);
    expect(node.bans.lift("address", "127.0.0.1")).toBe(true);
    expect(await statuses(node, 2)).toEqual([101, 101]);
  });

  test("is not for who connects as often, but slower", () => {
    const clock = new VirtualClock();
    const bans = new Bans(BANS, clock);
    for (let hour = 0; hour < 100; hour += 1) {
      expect(bans.waitMs("principal", "ada")).toBe(0);
      clock.advance(4_000);
    }
  });

  test("looks at a window that slides, so that its border hides no burst", () => {
    const clock = new VirtualClock();
    const bans = new Bans(BANS, clock);
    clock.advance(9_000);
    expect([1, 2, 3].map(() => bans.waitMs("principal", "ada"))).toEqual([0, 0, 0]);
    clock.advance(2_000);
    // Of the three before the border nine tenths still count.
    expect(bans.waitMs("principal", "ada")).toBe(0);
    expect(bans.waitMs("principal", "ada")).toBe(BANS.banMs);
  });

  test("leaves at most so many in the list, and the oldest goes first", () => {
    const bans = new Bans({ ...BANS, flapsPerUser: 1 }, new VirtualClock());
    for (let name = 0; name < 10_001; name += 1) {
      bans.waitMs("principal", String(name));
      bans.waitMs("principal", String(name));
    }
    expect(bans.list()).toHaveLength(10_000);
    expect(bans.list()[0]!.name).toBe("1");
  });
});

function open(node: TestNode, localAddress = "127.0.0.1"): Promise<RawSocket> {
  return RawSocket.open({ port: node.port, protocol: PROTOCOL, localAddress }).then(withBody);
}

/** The body of a refusal may come after its head. */
async function withBody(socket: RawSocket): Promise<RawSocket> {
  if (socket.status !== 101) await socket.until(() => socket.body.endsWith("}"));
  return socket;
}

async function statuses(node: TestNode, count: number, localAddress?: string): Promise<number[]> {
  const all: number[] = [];
  for (let n = 0; n < count; n += 1) all.push((await open(node, localAddress)).status);
  return all;
}

function inMs(node: TestNode): number {
  return node.clock.now() + BANS.banMs;
}
