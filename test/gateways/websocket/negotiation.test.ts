import { expect, test } from "vitest";
import { RawSocket } from "../../testkit/raw-socket.ts";
import { type TestNode, testNode } from "./node.ts";

const JSON_PROTOCOL = "herald.v1.json";

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly retryable: boolean;
}

/** Holds the whole answer to what the page says of refused upgrades. */
function expectRefusal(raw: RawSocket, { status, code, retryable }: Refusal): void {
  expect(raw.status).toBe(status);
  expect(raw.head).toMatch(/\r\nContent-Type: application\/json(\r\n|$)/i);
  const { error } = JSON.parse(raw.body) as { error: Record<string, unknown> };
  expect(error).toMatchObject({ code, retryable, problems: [] });
  expect(typeof error["message"]).toBe("string");
  expect(typeof error["advice"]).toBe("string");
  expect("retryAfterMs" in error).toBe(retryable);
  const [, seconds] = /\r\nRetry-After: (\d+)/i.exec(raw.head) ?? [];
  expect(seconds).toBe(
    retryable ? String(Math.ceil(Number(error["retryAfterMs"]) / 1000)) : undefined,
  );
}

async function refused(
  node: TestNode,
  options: Partial<Parameters<typeof RawSocket.open>[0]>,
): Promise<RawSocket> {
  const raw = await RawSocket.open({ port: node.port, protocol: JSON_PROTOCOL, ...options });
  await raw.until(() => raw.body !== "");
  raw.destroy();
  return raw;
}

async function taken(
  node: TestNode,
  options: Partial<Parameters<typeof RawSocket.open>[0]> = {},
): Promise<RawSocket> {
  const raw = await RawSocket.open({ port: node.port, protocol: JSON_PROTOCOL, ...options });
  expect(raw.status, raw.head).toBe(101);
  return raw;
}

test.each([
  ["none", undefined],
  ["an empty one", ""],
  ["unknown ones", "herald.v2.json, mqtt"],
  ["a known one in other letters", "HERALD.V1.JSON"],
])("an upgrade that offers no known subprotocol is refused: %s", async (_, protocol) => {
  const node = testNode();
  const raw = await refused(node, { protocol });
  expectRefusal(raw, { status: 400, code: "protocol.invalid", retryable: false });
  expect(raw.body).toContain("herald.v1.json, herald.v1.msgpack");
});

test.each([
  ["herald.v1.json", "herald.v1.json"],
  ["herald.v1.msgpack", "herald.v1.msgpack"],
  ["herald.v1.msgpack, herald.v1.json", "herald.v1.msgpack"],
  ["herald.v9.json,herald.v1.json,herald.v1.msgpack", "herald.v1.json"],
  ["mqtt\r\nSec-WebSocket-Protocol: herald.v1.msgpack", "herald.v1.msgpack"],
])("of %s the first known one is taken", async (protocol, chosen) => {
  const raw = await taken(testNode(), { protocol });
  expect(raw.head).toMatch(new RegExp(`\r\nSec-WebSocket-Protocol: ${chosen}(\r\n|$)`, "i"));
});

test("no extension is taken, whatever is offered", async () => {
  const headers = { "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits" };
  const raw = await taken(testNode(), { headers });
  expect(raw.head).not.toMatch(/extensions/i);
});

test.each(["8", "0", "14", "13.0", undefined])("version %s is refused", async (version) => {
  const raw = await refused(testNode(), { headers: { "Sec-WebSocket-Version": version } });
  expectRefusal(raw, { status: 426, code: "protocol.invalid", retryable: false });
  expect(raw.head.split("\r\n")).toEqual(
    expect.arrayContaining([
      ...["Sec-WebSocket-Version: 13", "Upgrade: websocket", "Connection: Upgrade"],
    ]),
  );
});

test("connections beyond those of an address are refused, and others are not", async () => {
  const node = testNode({ limits: { connectionsPerAddress: 2 } });
  const [first] = [await taken(node), await taken(node)];
  const raw = await refused(node, {});
  expectRefusal(raw, { status: 503, code: "gateway.busy", retryable: true });
  expect(raw.body).toContain("address");
  await taken(node, { localAddress: "127.0.0.2" });
  // A place is free again once its connection has gone.
  first.destroy();
  await until(() => node.gateway.connections === 2);
  await taken(node);
});

test("an address cannot pass itself off as another by a header", async () => {
  const node = testNode({ limits: { connectionsPerAddress: 1 } });
  await taken(node);
  const headers = { "X-Forwarded-For": "198.51.100.7", Forwarded: "for=198.51.100.7" };
  expect((await refused(node, { headers })).status).toBe(503);
});

test("connections beyond those of the node are refused", async () => {
  const node = testNode({ limits: { connectionsMax: 2 } });
  await taken(node, { localAddress: "127.0.0.2" });
  await taken(node, { localAddress: "127.0.0.3" });
  const raw = await refused(node, {});
  expectRefusal(raw, { status: 503, code: "gateway.busy", retryable: true });
  expect(raw.body).toContain("node");
});

test("refused upgrades leave nothing behind that counts", async () => {
  const node = testNode({ limits: { connectionsPerAddress: 1 } });
  for (let round = 0; round < 5; round += 1) await refused(node, { protocol: "other" });
  await taken(node);
  for (let round = 0; round < 5; round += 1) await refused(node, {});
  expect(node.gateway.connections).toBe(1);
});

test("a node that drains refuses upgrades", async () => {
  const node = testNode();
  await node.gateway.drain(1000);
  const raw = await refused(node, {});
  expectRefusal(raw, { status: 503, code: "node.draining", retryable: true });
});

test("those for whom there is no room are each told another time to come", async () => {
  const node = testNode({ limits: { connectionsMax: 1 } });
  await taken(node);
  const crowd = await Promise.all(Array.from({ length: 20 }, () => refused(node, {})));
  const waits = crowd.map(({ body }) => {
    const { error } = JSON.parse(body) as { error: { retryAfterMs: number } };
    return error.retryAfterMs;
  });
  expect(new Set(waits).size).toBeGreaterThan(10);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(2_500);
  expect(Math.max(...waits)).toBeLessThanOrEqual(7_500);
});

test.each([
  ["no Connection", { Connection: undefined }],
  ["another Connection", { Connection: "keep-alive" }],
  ["no Upgrade", { Upgrade: undefined }],
  ["an Upgrade to something else", { Upgrade: "h2c" }],
  ["no key", { "Sec-WebSocket-Key": undefined }],
  ["a key that is too short", { "Sec-WebSocket-Key": "c2hvcnQ=" }],
  ["a key that is too long", { "Sec-WebSocket-Key": "A".repeat(25) }],
  ["nothing of it", { Connection: undefined, Upgrade: undefined, "Sec-WebSocket-Key": undefined }],
])("what is no WebSocket handshake is refused with what one has: %s", async (_, headers) => {
  const node = testNode();
  const raw = await refused(node, { headers });
  expectRefusal(raw, { status: 400, code: "protocol.invalid", retryable: false });
  expect(raw.body).toContain("Connection: Upgrade, Upgrade: websocket");
  expect(node.gateway.connections).toBe(0);
});

test.each(["keep-alive, UPGRADE", "keep-alive\r\nConnection: upgrade"])(
  "a handshake is answered as the example of RFC 6455 is: Connection: %j",
  async (connection) => {
    const raw = await taken(testNode(), {
      headers: {
        Connection: connection,
        Upgrade: "WebSocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
    });
    expect(raw.head).toMatch(/^HTTP\/1\.1 101 /);
    const headers = raw.head.split("\r\n").slice(1);
    expect(headers).toContain("Upgrade: websocket");
    expect(headers).toContain("Connection: Upgrade");
    expect(headers).toContain("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  },
);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}
