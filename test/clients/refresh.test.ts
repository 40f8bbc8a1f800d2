/** A client with a credential function outlives its credentials on one connection. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { HeraldError } from "../../clients/js/src/index.ts";
import { reached, type StubConnection, StubServer, synced } from "./stub-server.ts";

const TIMER_MAX_MS = 2 ** 31 - 1;

let server: StubServer;
beforeEach(async () => {
  server = await StubServer.start();
});
afterEach(() => server.stop());

test("a credential is replaced before it expires, and the connection stays", async () => {
  let minted = 0;
  const { client, clock } = server.client({ credential: async () => `token-${++minted}` });
  const connection = await server.accept();
  await connection.login({ expiresInMs: 100_000, heartbeatMs: 0 });
  await synced(client, connection);
  clock.advance(90_000);
  expect(await refreshOf(connection)).toBe("token-2");
  connection.send({ type: "refreshed", id: 0, expiresInMs: 200_000 });
  await synced(client, connection);
  clock.advance(179_999);
  await synced(client, connection);
  expect(minted).toBe(2);
  clock.advance(1);
  expect(await refreshOf(connection)).toBe("token-3");
  expect(client.counters.connects).toBe(1);

  connection.send({ type: "refreshed", id: 0, expiresInMs: 100_000 });
  await synced(client, connection);
  connection.drop();
  await reached(client, "waiting");
  clock.advance(500);
  expect(await (await server.accept()).login()).toMatchObject({ credential: "token-3" });
});

test("chance decides between three quarters of the time and nine tenths", async () => {
  const asked = { credential: async () => "a.b.c", random: () => 0 };
  const { client, clock } = server.client(asked);
  const connection = await server.accept();
  await connection.login({ expiresInMs: 100_000, heartbeatMs: 0 });
  await synced(client, connection);
  clock.advance(74_999);
  await synced(client, connection);
  expect(connection.unread).toBe(0);
  clock.advance(1);
  expect(await refreshOf(connection)).toBe("a.b.c");
});

test("a credential that is good for a year is replaced when timers end", async () => {
  const { client, clock } = server.client({ credential: () => "a.b.c" });
  const connection = await server.accept();
  await connection.login({ expiresInMs: 365 * 86_400_000, heartbeatMs: 0 });
  await synced(client, connection);
  clock.advance(TIMER_MAX_MS);
  expect(await refreshOf(connection)).toBe("a.b.c");
});

test("a credential that is a string, or good for under a second, just expires", async () => {
  const { clock } = server.client();
  const fixed = await server.accept();
  await fixed.login({ expiresInMs: 100_000, heartbeatMs: 0 });
  const brief = server.client({ credential: () => "a.b.c" });
  const other = await server.accept();
  await other.login({ expiresInMs: 999, heartbeatMs: 0 });
  await brief.client.whenConnected();
  expect([clock.timers, brief.clock.timers]).toEqual([0, 0]);
});

test("a credential function that fails is told, and asked again after 4203", async () => {
  const errors: HeraldError[] = [];
  const answers = [
    async () => "token-1",
    () => Promise.reject(new Error("no network")),
    async () => "token-2",
  ];
  const { client, clock } = server.client({
    credential: () => answers.shift()!(),
    onError: (error) => errors.push(error),
  });
  const first = await server.accept();
  await first.login({ expiresInMs: 100_000, heartbeatMs: 0 });
  await synced(client, first);
  clock.advance(90_000);
  await synced(client, first);
  expect(errors.map(({ code, message }) => `${code}: ${message}`)).toEqual([
    "client.credential: the credential function failed: no network",
  ]);
  first.close(4203, "credential-expired");
  await reached(client, "waiting");
  clock.advance(500);
  expect(await (await server.accept()).login()).toMatchObject({
    ...{ credential: "token-2", resume: "token-1" },
  });
});

test("a credential that the server refuses is told, and not used again", async () => {
  const errors: HeraldError[] = [];
  let minted = 0;
  const { client, clock } = server.client({
    credential: async () => `token-${++minted}`,
    onError: (error) => errors.push(error),
  });
  const first = await server.accept();
  await first.login({ expiresInMs: 100_000, heartbeatMs: 0 });
  await synced(client, first);
  clock.advance(90_000);
  await refreshOf(first);
  first.send({ type: "error", code: "auth.invalid", message: "for another device", id: 0 });
  await synced(client, first);
  expect(errors).toEqual([expect.objectContaining({ code: "auth.invalid" })]);
  expect(errors[0]).toBeInstanceOf(HeraldError);
  first.drop();
  await reached(client, "waiting");
  clock.advance(500);
  expect(await (await server.accept()).login()).toMatchObject({ credential: "token-1" });
});

test("a credential that comes too late is not that of the next connection", async () => {
  const late = Promise.withResolvers<string>();
  const answers = [async () => "token-1", () => late.promise];
  const { client, clock } = server.client({ credential: () => answers.shift()!() });
  const first = await server.accept();
  await first.login({ expiresInMs: 100_000, heartbeatMs: 0 });
  await synced(client, first);
  clock.advance(90_000);
  first.drop();
  await reached(client, "waiting");
  clock.advance(500);
  const second = await server.accept();
  late.resolve("token-2");
  expect(await second.login({ heartbeatMs: 0 })).toMatchObject({ credential: "token-1" });
  await synced(client, second);
  second.drop();
  await reached(client, "waiting");
  clock.advance(1_000);
  expect(await (await server.accept()).login()).toMatchObject({ credential: "token-1" });
});

test("a credential function that returns no text fails, and says what it returned", async () => {
  const errors: string[] = [];
  const { client } = server.client({
    credential: (() => ({ token: "a.b.c" })) as unknown as () => string,
    onError: ({ code, message }) => errors.push(`${code}: ${message}`),
  });
  await reached(client, "waiting");
  expect(errors).toEqual([
    "client.credential: the credential function failed: expected a JWT, got object",
  ]);
});

/** The credential of the next frame, which is a refresh. */
async function refreshOf(connection: StubConnection): Promise<string> {
  const frame = await connection.frame();
  if (frame.type !== "refresh") throw new Error(`${frame.type} came`);
  return frame.credential;
}
