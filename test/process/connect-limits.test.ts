/** Who connects too fast, or has too many connections, is told so; the others notice nothing. */
import { expect, test } from "vitest";
import { RawSocket } from "../testkit/raw-socket.ts";
import { PageNode } from "./page-node.ts";

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly retryAfterMs: number;
}

/** Those who are refused for the rate come back over so long; see docs/operating.md. */
const SPREAD_MS = 10_000;
const PER_SECOND = 2;
const BURST = 10;

test("a crowd is let in at the node's rate, and the others are told when to come", async () => {
  const node = await PageNode.start({
    env: {
      HERALD_WEBSOCKET_CONNECTS_PER_SECOND: String(PER_SECOND),
      HERALD_WEBSOCKET_CONNECTS_BURST: String(BURST),
    },
  });
  const credential = await node.credential("ada");
  const begun = performance.now();
  const crowd = await Promise.all(Array.from({ length: 60 }, () => open(node)));
  const seconds = (performance.now() - begun) / 1000;
  const admitted = crowd.filter(({ status }) => status === 101);
  expect(admitted.length).toBeGreaterThanOrEqual(BURST);
  expect(admitted.length).toBeLessThanOrEqual(BURST + Math.ceil(PER_SECOND * seconds));
  const refusals = crowd.filter(({ status }) => status !== 101).map(refusalOf);
  for (const refusal of refusals) {
    expect(refusal).toMatchObject({ code: "gateway.busy", retryable: true });
    expect(refusal.message).toContain("more connect to the node than");
    expect(refusal.retryAfterMs).toBeLessThanOrEqual(1000 / PER_SECOND + SPREAD_MS);
  }
  const waits = refusals.map(({ retryAfterMs }) => retryAfterMs);
  expect(new Set(waits).size).toBeGreaterThan(refusals.length / 2);

  // Those who are in log in while the others go on knocking.
  const knocking = Promise.all(Array.from({ length: 100 }, () => open(node)));
  for (const [n, socket] of admitted.entries()) {
    socket.sendJson({ type: "hello", credential, device: `d${n}` });
  }
  await Promise.all(admitted.map((socket) => socket.until(() => socket.json.length > 0)));
  expect(new Set(admitted.map(({ json }) => json[0]?.["type"]))).toEqual(new Set(["welcome"]));
  await knocking;

  // At the time that the first was told, at the latest, there is room for one.
  const until = performance.now() + Math.min(...waits);
  let late = 0;
  while ((await open(node)).status !== 101) late = performance.now() - until;
  expect(late).toBeLessThan(5_000);
  expect(await node.figure('herald_ws_upgrades_refused_total{reason="rate"}')).toBeGreaterThan(49);
  await node.process.end("SIGTERM");
});

test("an address that connects too fast is refused, and the one beside it is not", async () => {
  const node = await PageNode.start({
    env: {
      HERALD_WEBSOCKET_ADDRESS_CONNECTS_PER_SECOND: "1",
      HERALD_WEBSOCKET_ADDRESS_CONNECTS_BURST: "3",
    },
  });
  const greedy = await Promise.all(Array.from({ length: 20 }, () => open(node)));
  const refused = greedy.filter(({ status }) => status !== 101);
  expect(refused.length).toBeGreaterThan(10);
  for (const { code, message } of refused.map(refusalOf)) {
    expect([code, message]).toEqual(["gateway.busy", expect.stringContaining("the address")]);
  }
  const beside = await Promise.all([1, 2, 3].map(() => open(node, "127.0.0.2")));
  expect(beside.map(({ status }) => status)).toEqual([101, 101, 101]);
  await node.process.end("SIGTERM");
});

test("an address and a user have as many connections as they may, and no more", async () => {
  const node = await PageNode.start({
    env: {
      HERALD_WEBSOCKET_CONNECTIONS_PER_ADDRESS: "3",
      HERALD_WEBSOCKET_CONNECTIONS_PER_USER: "2",
    },
  });
  const credential = await node.credential("ada");
  const first = await node.login(credential, "d1");
  const second = await node.login(credential, "d2");
  const third = await open(node);
  third.sendJson({ type: "hello", credential, device: "d3" });
  await third.closed();
  expect(third.json).toMatchObject([
    { type: "error", code: "gateway.busy", message: "the user has 2 connections already" },
    { type: "kick", code: 4103, reason: "busy", reconnect: true },
  ]);
  expect(third.json.map(({ retryAfterMs }) => retryAfterMs)).toEqual([
    expect.any(Number),
    third.json[0]!["retryAfterMs"],
  ]);
  expect(third.closeCode).toBe(4103);

  const bob = await node.login(await node.credential("bob"));
  const fourth = await open(node);
  expect(refusalOf(fourth)).toMatchObject({
    code: "gateway.busy",
    message: "the address has as many connections as one may have",
  });
  expect((await open(node, "127.0.0.2")).status).toBe(101);
  for (const device of [first, second, bob]) await device.connection.ping();

  // A place is free once its connection has gone.
  first.drop();
  await until(async () => (await node.figure("herald_ws_connections")) === 3);
  await node.login(credential, "d3");
  await node.process.end("SIGTERM");
});

async function open(node: PageNode, localAddress = "127.0.0.1"): Promise<RawSocket> {
  const { port } = node;
  const socket = await RawSocket.open({ port, protocol: "herald.v1.json", localAddress });
  if (socket.status !== 101) await socket.until(() => socket.body.endsWith("}"));
  return socket;
}

function refusalOf({ status, head, body }: RawSocket): Refusal {
  expect(status).toBe(503);
  const { error } = JSON.parse(body) as { error: Refusal };
  expect(head).toContain(`Retry-After: ${Math.ceil(error.retryAfterMs / 1000)}`);
  return error;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition()));
}
