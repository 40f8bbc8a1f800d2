/** A credential expires: whoever has refreshed it in time stays connected, and nobody else does. */
import { expect, test } from "vitest";
import { connect } from "../../clients/js/src/index.ts";
import type { PageConnection } from "../gateways/websocket/page-client.ts";
import { PageNode } from "./page-node.ts";

const TTL_MS = 3_000;
/** Until then a connection whose credential has expired has ended; see docs/protocol.md. */
const WITHIN_MS = 10_000;

test("a device outlives its credential by a refresh, and only by a good one", async () => {
  const node = await PageNode.start();
  const fresh = await node.credential("ada");
  await node.ask("PUT", "/v1/boards/bob", { name: "Not the user bob" });
  const refused = [
    fresh,
    await node.boardCredential("bob"),
    await node.credential("bob", { device: "another" }),
    `${await node.credential("bob")}x`,
    "not a credential",
  ];
  const brief = (user: string) => node.credential(user, { ttlMs: TTL_MS });
  const stays = await node.login(await brief("ada"));
  const goes = await node.login(await brief("bob"));
  const begun = performance.now();
  // It is told until when it has time.
  const toldMs = goes.connection.of("welcome")[0]!["expiresInMs"];
  expect(toldMs).toBeGreaterThan(0);
  expect(toldMs).toBeLessThanOrEqual(TTL_MS);
  const refreshed = await refresh(stays.connection, 7, fresh);
  expect(refreshed).toEqual({ type: "refreshed", id: 7, expiresInMs: expect.any(Number) });
  expect(refreshed!["expiresInMs"]).toBeGreaterThan(TTL_MS);
  for (const [id, credential] of refused.entries()) {
    expect(await refresh(goes.connection, id, credential), String(id)).toMatchObject({
      ...{ type: "error", code: "auth.invalid", id },
    });
  }
  await node.push("ada", 1);
  await stays.pushes(1);

  const { code, kick } = await goes.connection.closed();
  expect(performance.now() - begun).toBeLessThan(TTL_MS + WITHIN_MS);
  expect(goes.connection.of("error").at(-1)).toMatchObject({ code: "auth.expired" });
  expect(code).toBe(4203);
  expect(kick).toMatchObject({ reason: "credential-expired", reconnect: false });

  // Once one has ended that expired later, everybody has been looked at.
  const later = await node.login(await node.credential("eve", { ttlMs: TTL_MS }));
  expect((await later.connection.closed()).code).toBe(4203);
  await node.push("ada", 2);
  const pushes = await stays.pushes(2);
  expect(pushes.map(({ offset, redelivered }) => [offset, redelivered])).toEqual([
    [1, undefined],
    [2, undefined],
  ]);
  expect(stays.connection.of("error")).toEqual([]);
  await node.process.end("SIGTERM");
});

test("the SDK with a credential function outlives the first one on one connection", async () => {
  const node = await PageNode.start();
  const left = [await node.credential("ada", { ttlMs: TTL_MS }), await node.credential("ada")];
  const errors: Error[] = [];
  const client = connect({
    ...{ url: `ws://127.0.0.1:${node.port}`, device: "sdk", random: () => 0 },
    credential: () => left.shift()!,
    onError: (error) => errors.push(error),
  });
  await client.whenConnected();
  // Two that expire one after the other, and later than the client's first.
  for (const user of ["bob", "eve"]) {
    const device = await node.login(await node.credential(user, { ttlMs: TTL_MS }));
    expect((await device.connection.closed()).code).toBe(4203);
  }
  await client.ping();
  expect({ left, connects: client.counters.connects, errors }).toEqual({
    ...{ left: [], connects: 1, errors: [] },
  });
  await client.close();
  await node.process.end("SIGTERM");
});

test("a credential of a secret that was replaced refreshes no connection", async () => {
  const node = await PageNode.start();
  await node.ask("PUT", "/v1/boards/lamp", { name: "Lamp" });
  const before = await node.boardCredential("lamp");
  const lamp = await node.login(before);
  await node.ask("POST", "/v1/boards/lamp/rotate-secret", {});
  expect((await lamp.connection.closed()).code).toBe(4201);

  const again = await node.login(await node.boardCredential("lamp"));
  expect(await refresh(again.connection, 1, before)).toMatchObject({
    ...{ type: "error", code: "auth.invalid", id: 1 },
  });
  const after = await node.boardCredential("lamp");
  expect(await refresh(again.connection, 2, after)).toMatchObject({ type: "refreshed" });
  await node.process.end("SIGTERM");
});

async function refresh(connection: PageConnection, id: number, credential: string) {
  connection.send({ type: "refresh", id, credential });
  const isAnswer = (frame: { readonly [name: string]: unknown }) => frame["id"] === id;
  await connection.raw.until(() => connection.frames.some(isAnswer));
  return connection.frames.find(isAnswer);
}
