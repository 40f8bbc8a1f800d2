import { expect, onTestFinished, test } from "vitest";
import { RawSocket } from "../testkit/raw-socket.ts";
import { Device } from "./device.ts";
import { type NodeProcess, startNode } from "./herald.ts";

/** With these, far more than what kernel, node and rule keep for one socket. */
const ROUNDS = 250;
const PADDING = "x".repeat(60_000);
const HELD_MAX = 7;
const SLOW = ["drop-oldest", "coalesce", "disconnect"] as const;

type Slow = (typeof SLOW)[number];

async function start() {
  const rules = SLOW.map((slow) => ({ match: slow, slow, historyMax: ROUNDS }));
  const node = await startNode([], {
    env: {
      HERALD_TOPICS_RULES: JSON.stringify(rules),
      HERALD_WEBSOCKET_HELD_PUBLICATIONS_MAX: `${HELD_MAX}`,
    },
  });
  const credentialOf = async (user: string): Promise<string> => {
    const grants = { subscribe: ["*"], publish: ["*"] };
    const asked = { kind: "device", user, ttlMs: 600_000, ...grants };
    const { body, text } = await node.call("POST", "/v1/tokens", node.places.adminToken, asked);
    const { token } = body as { token?: string };
    if (token === undefined) throw new Error(text);
    return token;
  };
  return { node, credentialOf };
}

/** A device on a socket of its own, which may stop reading. */
async function subscriber(node: NodeProcess, credential: string, topic: Slow, since: object = {}) {
  const port = Number(new URL(node.url).port);
  const raw = await RawSocket.open({ port, protocol: "herald.v1.json" });
  onTestFinished(() => raw.destroy());
  raw.sendJson({ type: "hello", credential, device: topic });
  raw.sendJson({ type: "subscribe", id: 1, topic, ...since });
  await raw.until(() => raw.json.some(({ type }) => type === "subscribed"));
  const { epoch, recovered } = raw.json.find(({ type }) => type === "subscribed")!;
  const numbers = () => publicationsOf(raw).map(({ payload }) => (payload as { n: number }).n);
  return { raw, epoch, recovered, numbers };
}

function publicationsOf(raw: RawSocket) {
  return raw.json.filter(({ type }) => type === "publication");
}

test("who does not read gets what its topic says, and nobody else waits", async () => {
  const { node, credentialOf } = await start();
  const credential = await credentialOf("ada");
  const [oldest, latest, strict] = [
    await subscriber(node, credential, "drop-oldest"),
    await subscriber(node, credential, "coalesce"),
    await subscriber(node, credential, "disconnect"),
  ];
  for (const { raw } of [oldest, latest, strict]) raw.socket.pause();
  const quick = await Device.login(node.places.websocket, await credentialOf("bob"));
  const came: Record<string, number> = {};
  quick.onFrame = ({ type, topic }) => {
    if (type === "publication") came[topic as Slow] = (came[topic as Slow] ?? 0) + 1;
  };
  for (const topic of SLOW) await quick.ask({ type: "subscribe", topic });
  const publisher = await Device.login(node.places.websocket, await credentialOf("eve"));
  for (let n = 1; n <= ROUNDS; n += 1) {
    for (const topic of SLOW) {
      await publisher.ask({ type: "publish", topic, payload: { n, PADDING } });
    }
    // Whoever reads has it when its publisher knows of it.
    await quick.ping();
    expect(came).toEqual({ "drop-oldest": n, coalesce: n, disconnect: n });
  }

  for (const { raw } of [oldest, latest, strict]) raw.socket.resume();
  for (const { raw, numbers } of [oldest, latest]) {
    await raw.until(() => numbers().at(-1) === ROUNDS);
    const lost = publicationsOf(raw).reduce((sum, it) => sum + ((it["lost"] as number) ?? 0), 0);
    expect(lost).toBeGreaterThan(0);
    expect(numbers().length + lost).toBe(ROUNDS);
  }
  const kept = Array.from({ length: HELD_MAX }, (_, at) => ROUNDS - HELD_MAX + 1 + at);
  expect(oldest.numbers().slice(-HELD_MAX)).toEqual(kept);
  expect(ROUNDS - latest.numbers().at(-2)!).toBeGreaterThan(HELD_MAX);
  await strict.raw.closed();
  expect(strict.raw.closeCode).toBe(4101);
  const before = strict.numbers();
  const since = { epoch: strict.epoch, offset: before.length };
  const again = await subscriber(node, credential, "disconnect", since);
  expect(again.recovered).toBe(true);
  await again.raw.until(() => again.numbers().at(-1) === ROUNDS);
  expect([...before, ...again.numbers()]).toEqual(Array.from({ length: ROUNDS }, (_, n) => n + 1));
});
