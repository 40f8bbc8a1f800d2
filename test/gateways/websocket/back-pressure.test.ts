import { expect, test } from "vitest";
import { type TestNode, testNode } from "./node.ts";
import { flagged, type PageDevice } from "./page-client.ts";

/** Large, so that the kernel's buffers between the two are full after some dozens. */
const PAYLOAD = "x".repeat(60_000);
/** The inbox holds a thousand; the kernel's buffers a few megabytes. */
const PUSHES_MAX = 900;

test.each(["json", "msgpack"] as const)(
  "a %s client that stops reading gets what it has not acked when it is back",
  async (encoding) => {
    const node = testNode();
    const device = await node.login("ada", { encoding });
    for (let n = 1; n <= 5; n += 1) await node.push("ada", { n });
    await device.pushes(5);
    device.handle(3);
    await device.connection.ping();

    device.connection.raw.socket.pause();
    const offsets = await pushUntilClosed(node);
    device.connection.raw.socket.resume();
    const { code, kick } = await device.connection.closed();
    expect(code).toBe(4101);
    expect(kick).toMatchObject({ code: 4101, reason: "slow", reconnect: true });
    const got = flagged(device.connection.pushes);
    expect(got).toEqual(upTo(got.length));

    await node.push("ada", { n: "while away" });
    const last = offsets + 1;
    const { session } = await device.connection.next("welcome");
    expect(await device.connect()).toMatchObject({ session, recovered: true, head: last });
    const again = await readAll(device, last);
    expect(again.map(Math.abs)).toEqual(upTo(last).slice(3));
    // What the first connection received is flagged, what was recorded since is not.
    expect(again.slice(0, got.length - 3).every((offset) => offset < 0)).toBe(true);
    expect(again.at(-1)).toBe(last);
    const ledger = await node.inbox.ledger("push");
    expect(ledger).toMatchObject({ accepted: last, acked: last, pending: 0 });
    await node.serves();
  },
);

test("volatile pushes that a slow client did not get are counted as shed", async () => {
  const node = testNode();
  const slow = await node.login("ada");
  const quick = await node.login("bob");
  slow.connection.raw.socket.pause();
  let sent = 0;
  for (; node.gateway.connections > 1 && sent < PUSHES_MAX; sent += 1) {
    node.broadcast({ payload: JSON.stringify(PAYLOAD) });
    await quick.connection.next("push", sent + 1);
  }
  expect(sent).toBeLessThan(PUSHES_MAX);
  for (let more = 0; more < 3; more += 1) node.broadcast({});
  expect(await quick.pushes(sent + 3)).toHaveLength(sent + 3);
  slow.connection.raw.socket.resume();
  expect((await slow.connection.closed()).code).toBe(4101);
  const { accepted, delivered, shed, expired, pending } = node.tally.ledger();
  expect(accepted).toBe(delivered + shed + expired + pending);
  expect(pending).toBe(0);
  expect(shed).toBeGreaterThanOrEqual(3);
});

/** Pushes until the node has closed the only connection; gives the last offset. */
async function pushUntilClosed(node: TestNode): Promise<number> {
  let offset = 0;
  for (let n = 0; node.gateway.connections > 0 && n < PUSHES_MAX; n += 1) {
    offset = await node.push("ada", { n, padding: PAYLOAD });
  }
  expect(node.gateway.connections).toBe(0);
  return offset;
}

/** Reads and acks in turns until `last` has come. */
async function readAll(device: PageDevice, last: number): Promise<number[]> {
  const { connection } = device;
  await connection.raw.until(() => connection.pushes.at(-1)?.offset === last);
  device.handle();
  await connection.ping();
  return flagged(connection.pushes);
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, n) => n + 1);
}
