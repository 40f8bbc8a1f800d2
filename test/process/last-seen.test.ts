import { expect, test } from "vitest";
import { Device } from "./device.ts";
import { type NodeProcess, startNode } from "./herald.ts";

async function start(env: Readonly<Record<string, string>> = {}) {
  const node = await startNode([], { env });
  const token = node.places.adminToken!;
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await node.call(method, path, token, body);
    expect(answer.status, answer.text).toBeLessThan(300);
    return answer.body;
  };
  await call("POST", "/v1/members", [{ id: "ann" }, { id: "bob" }]);
  return { node, call, connect: (user: string) => connect(node, call, user) };
}

async function connect(
  node: NodeProcess,
  call: (method: string, path: string, body?: unknown) => Promise<unknown>,
  user: string,
): Promise<Device> {
  const made = await call("POST", "/v1/tokens", { kind: "device", user, ttlMs: 60_000 });
  return Device.login(node.places.websocket, (made as { token: string }).token);
}

/** Asks again until it is so; the test's own deadline is the limit. */
async function until<T>(ask: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await ask();
    if (isSo(value)) return value;
  }
}

test("a preview by last seen counts who has connected, and nobody else", async () => {
  const { node, call, connect: login } = await start();
  const preview = async () =>
    (await call("POST", "/v1/conditions/preview", {
      condition: { lastSeen: { within: "1h" } },
    })) as { count: number; sample: string[] };
  expect(await preview()).toMatchObject({ count: 0 });
  const device = await login("ann");
  const stranger = await login("nobody-we-know");
  const found = await until(preview, ({ count }) => count > 0);
  expect(found).toMatchObject({ count: 1, sample: ["ann"] });
  for (const it of [device, stranger]) it.close();
  const members = await node.call("GET", "/v1/members/nobody-we-know", node.places.adminToken);
  expect(members.status).toBe(404);
  await node.end("SIGTERM");
});

test("disconnecting is seen, too", async () => {
  const { node, call, connect: login } = await start({ HERALD_MEMBERS_SEEN_EVERY_MS: "1" });
  const seenAt = async () =>
    ((await call("GET", "/v1/members/ann")) as { lastSeenAt?: number }).lastSeenAt ?? 0;
  const device = await login("ann");
  const connectedAt = await until(seenAt, (at) => at > 0);
  const before = Date.now();
  device.close();
  const disconnectedAt = await until(seenAt, (at) => at > connectedAt);
  expect(disconnectedAt).toBeGreaterThanOrEqual(before);
  await node.end("SIGTERM");
});

test("where it is switched off, devices do not move it", async () => {
  const { node, call, connect: login } = await start({ HERALD_MEMBERS_SEEN_EVERY_MS: "0" });
  const device = await login("ann");
  await device.ping();
  device.close();
  const { text } = await node.call("GET", "/metrics");
  expect(text).not.toContain("herald_sightings_lost_total");
  expect(await call("GET", "/v1/members/ann")).not.toHaveProperty("lastSeenAt");
  await node.end("SIGTERM");
});
