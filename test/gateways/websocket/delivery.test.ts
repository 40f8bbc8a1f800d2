import { describe, expect, test } from "vitest";
import { memoryStores } from "../../../src/persistence/memory/memory-stores.ts";
import { maskedFrame, OPCODE } from "../../testkit/raw-socket.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";
import { type TestNode, testNode } from "./node.ts";
import { type Encoding, flagged } from "./page-client.ts";

const ENCODINGS: readonly Encoding[] = ["json", "msgpack"];

describe.each(ENCODINGS)("a device that speaks %s", (encoding) => {
  test("logs in, receives in order, and acks for good", async () => {
    const node = testNode({ limits: { heartbeatMs: 60_000 } });
    const device = await node.device("ada", { encoding });
    expect(await device.connect()).toMatchObject({ heartbeatMs: 60_000, head: 0 });
    await push(node, "ada", 3);
    const pushes = await device.pushes(3);
    expect(pushes[1]).toMatchObject({ topic: "test", payload: { n: 2 }, ack: true });
    expect(flagged(pushes)).toEqual([1, 2, 3]);
    device.handle();
    await device.connection.ping();
    expect(await node.inbox.ledger("push")).toMatchObject({ accepted: 3, acked: 3, pending: 0 });
  });

  test("drops, resumes, and gets what it missed in order, each once on a connection", async () => {
    const node = testNode();
    const device = await node.login("ada", { encoding });
    const { session } = (await device.connection.next("welcome")) as { session?: unknown };
    await push(node, "ada", 4);
    await device.pushes(4);
    device.handle(2);
    await device.connection.ping();
    device.drop();
    await gone(node);
    await push(node, "ada", 3);

    expect(await device.connect()).toMatchObject({ session, recovered: true, head: 7 });
    expect(flagged(await device.pushes(5))).toEqual([-3, -4, 5, 6, 7]);
    device.handle();
    await device.connection.ping();
    expect(device.handled).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(await node.inbox.ledger("push")).toMatchObject({ accepted: 7, acked: 7, pending: 0 });
  });

  test("is told of a gap when its inbox had to let go of something", async () => {
    const clock = new VirtualClock();
    const node = testNode({ stores: memoryStores({ inboxPerUserMax: 3, clock }) });
    const device = await node.login("ada", { encoding });
    await push(node, "ada", 1);
    await device.pushes(1);
    device.handle();
    await device.connection.ping();
    device.drop();
    await gone(node);
    // Beyond its grace the session keeps nothing: what is left is in the inbox.
    node.clock.advance(60_001);
    await push(node, "ada", 6);

    const welcome = await device.connect();
    expect(welcome).toMatchObject({ recovered: false, gap: { after: 1, upTo: 4 }, head: 7 });
    expect(flagged(await device.pushes(3)).map(Math.abs)).toEqual([5, 6, 7]);
    const ledger = await node.inbox.ledger("push");
    expect(ledger).toMatchObject({ accepted: 7, acked: 1, shed: 3, pending: 3 });
  });

  test("gets a volatile push once, without an offset, and never again", async () => {
    const node = testNode();
    const device = await node.login("ada", { encoding });
    expect(node.broadcast({ payload: '{"score":7}' })).toBe(1);
    const [only] = await device.pushes(1);
    expect(only).toMatchObject({ payload: { score: 7 }, ack: false });
    expect(only).not.toHaveProperty("offset");
    device.drop();
    await gone(node);
    await device.connect();
    expect(await device.pushes(0)).toEqual([]);
  });
});

describe("redelivered", () => {
  test("is absent where nobody can have had a push, even in another session", async () => {
    const node = testNode();
    await push(node, "ada", 2);
    const phone = await node.login("ada");
    expect(flagged(await phone.pushes(2))).toEqual([1, 2]);
  });

  test("is there for a second device once the first one was sent a push", async () => {
    const node = testNode();
    const phone = await node.login("ada", { device: "phone" });
    await push(node, "ada", 2);
    await phone.pushes(2);
    const tablet = await node.login("ada", { device: "tablet" });
    expect(flagged(await tablet.pushes(2))).toEqual([-1, -2]);
  });

  test("flags everything pending after a restart of the server", async () => {
    const { close: _, ...kept } = memoryStores({ inboxPerUserMax: 9, clock: new VirtualClock() });
    const stores = { ...kept, close: async () => {} };
    const first = testNode({ stores });
    await push(first, "ada", 2);
    await first.stop();
    const second = testNode({ stores });
    const device = await second.login("ada");
    expect(flagged(await device.pushes(2))).toEqual([-1, -2]);
  });
});

describe("recovered", () => {
  test("is false without a gap when the device sends no offset", async () => {
    const node = testNode();
    const welcome = await (await node.device("ada")).connect();
    expect(welcome["recovered"]).toBe(false);
    expect(welcome).not.toHaveProperty("gap");
  });

  test("is false without a gap when the offset is above the head", async () => {
    const node = testNode();
    await push(node, "ada", 2);
    const device = await node.device("ada");
    device.handledUpTo = 3;
    const welcome = await device.connect();
    expect(welcome).toMatchObject({ recovered: false, head: 2 });
    expect(welcome).not.toHaveProperty("gap");
  });

  test("is true without the old session when the inbox still has everything", async () => {
    const node = testNode();
    const device = await node.login("ada");
    const { session } = await device.connection.next("welcome");
    await push(node, "ada", 2);
    await device.pushes(2);
    device.handle(1);
    await device.connection.ping();
    device.drop();
    await gone(node);
    node.clock.advance(60_001);
    const welcome = await device.connect();
    expect(welcome).toMatchObject({ recovered: true, head: 2 });
    expect(welcome["session"]).not.toBe(session);
    expect(flagged(await device.pushes(1))).toEqual([-2]);
  });

  test("counts a push without ack as missed once a lost connection was given it", async () => {
    const node = testNode();
    const device = await node.login("ada");
    await node.push("ada", { n: 1 });
    await node.push("ada", { n: 2 }, { ack: false });
    await device.pushes(2);
    device.handle(1);
    await device.connection.ping();
    device.drop();
    await gone(node);
    expect(await device.connect()).toMatchObject({ recovered: false, gap: { after: 1, upTo: 2 } });
    expect(await device.pushes(0)).toEqual([]);
  });

  test("repeats no push without ack that the session has and the device has handled", async () => {
    const node = testNode();
    const device = await node.login("ada");
    device.drop();
    await gone(node);
    await node.push("ada", { n: 1 }, { ack: false });
    await node.push("ada", { n: 2 }, { ack: false });
    device.handledUpTo = 1;
    expect(await device.connect()).toMatchObject({ recovered: true });
    expect(flagged(await device.pushes(1))).toEqual([2]);
  });
});

describe("ack", () => {
  test("upTo confirms what was sent to the session, and nothing that still waits", async () => {
    const stores = memoryStores({ inboxPerUserMax: 2_000, clock: new VirtualClock() });
    const node = testNode({ stores });
    const items = Array.from({ length: 1_200 }, (_, n) => node.push("ada", { n }));
    await Promise.all(items);
    const device = await node.login("ada");
    const sent = await device.pushes(1_000);
    expect(sent).toHaveLength(1_000);
    device.connection.send({ type: "ack", upTo: Number.MAX_SAFE_INTEGER });
    expect(flagged(await device.pushes(1_200))).toEqual(items.map((_, n) => n + 1));
    expect(await node.inbox.ledger("push")).toMatchObject({ acked: 1_000, pending: 200 });
  });

  test("is idempotent, and offsets that nobody knows are ignored", async () => {
    const node = testNode();
    const device = await node.login("ada");
    await push(node, "ada", 2);
    await device.pushes(2);
    for (let round = 0; round < 3; round += 1) {
      device.connection.send({ type: "ack", offsets: [1, 1, 99, 0] }, { type: "ack", upTo: 1 });
    }
    await device.connection.ping();
    expect(device.connection.of("error")).toEqual([]);
    expect(await node.inbox.ledger("push")).toMatchObject({ accepted: 2, acked: 1, pending: 1 });
  });

  test("by one device settles a push for the devices that log in later", async () => {
    const node = testNode();
    const phone = await node.login("ada", { device: "phone" });
    const tablet = await node.login("ada", { device: "tablet" });
    await push(node, "ada", 3);
    expect(flagged(await tablet.pushes(3))).toEqual([1, 2, 3]);
    await phone.pushes(3);
    phone.handle(2);
    await phone.connection.ping();
    const watch = await node.login("ada", { device: "watch" });
    expect(flagged(await watch.pushes(1))).toEqual([-3]);
  });
});

describe("sessions", () => {
  test("a device that logs in again without its token replaces itself for good", async () => {
    const node = testNode();
    const first = await node.login("ada");
    await push(node, "ada", 1);
    await first.pushes(1);
    const again = await node.device("ada");
    const welcome = await again.connect();
    expect(await first.connection.closed()).toMatchObject({
      code: 4200,
      kick: { code: 4200, reason: "replaced", reconnect: false },
    });
    expect(welcome["session"]).not.toBe((await first.connection.next("welcome"))["session"]);
    expect(flagged(await again.pushes(1))).toEqual([-1]);
  });

  test("a device that resumes beside its own living connection takes it over", async () => {
    const node = testNode();
    const device = await node.login("ada");
    const { connection } = device;
    const welcome = await device.connect();
    expect((await connection.closed()).code).toBe(4200);
    expect(welcome["session"]).toBe((await connection.next("welcome"))["session"]);
    await push(node, "ada", 1);
    expect(flagged(await device.pushes(1))).toEqual([1]);
  });

  test("closing with 1000 ends the session at once, and any other end keeps it", async () => {
    const node = testNode();
    const device = await node.login("ada");
    const sessions = [(await device.connection.next("welcome"))["session"]];
    for (const code of [1001, undefined, 4999, 1000]) {
      const body = Buffer.alloc(code === undefined ? 0 : 2);
      if (code !== undefined) body.writeUInt16BE(code);
      device.connection.raw.write(maskedFrame(OPCODE.close, body));
      await device.connection.closed();
      sessions.push((await device.connect())["session"]);
    }
    const [first, ...others] = sessions;
    expect(others.slice(0, 3)).toEqual([first, first, first]);
    expect(others[3]).not.toBe(first);
  });
});

async function push(node: TestNode, user: string, count: number): Promise<void> {
  const made = Array.from({ length: count }, (_, n) => node.push(user, { n: n + 1 }));
  await Promise.all(made);
}

/** Resolves once the node has noticed that nobody is connected. */
async function gone(node: TestNode): Promise<void> {
  while (node.tally.attached > 0) await new Promise(setImmediate);
}
