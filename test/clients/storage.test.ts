import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  localStorageState,
  type SavedState,
  type StateStorage,
} from "../../clients/js/src/index.ts";
import { reached, type StubConnection, StubServer, synced } from "./stub-server.ts";

let server: StubServer;
beforeEach(async () => {
  server = await StubServer.start();
});
afterEach(() => server.stop());

/** A storage that works at once, as localStorage does. */
function memory(saved?: unknown): StateStorage & { saved: unknown; saves: number } {
  return {
    saved,
    saves: 0,
    load() {
      return this.saved;
    },
    save(state) {
      this.saved = structuredClone(state);
      this.saves += 1;
    },
  };
}

/** A JWT of this user, unsigned: the SDK only reads whose it is. */
function jwtOf(user: string): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "HS256" })}.${part({ sub: user })}.signature`;
}

/** Handles the pushes with these offsets in a first run of the program, and ends that run. */
async function firstRun(storage: StateStorage, offsets: number[], failing?: number): Promise<void> {
  const { client, clock } = server.client({
    storage,
    credential: jwtOf("ann"),
    onPush: ({ offset }) => {
      if (offset === failing) throw new Error("failed");
    },
  });
  const connection = await server.accept();
  await connection.login({ resume: "token-of-ann" });
  for (const offset of offsets) connection.push(offset);
  await synced(client, connection);
  clock.advance(50);
  connection.drop();
  await reached(client, "waiting");
}

describe("a program that starts again", () => {
  test("continues its session where it was", async () => {
    const storage = memory();
    await firstRun(storage, [3, 4]);
    server.client({ storage, credential: jwtOf("ann") });
    expect(await (await server.accept()).login()).toMatchObject({
      resume: "token-of-ann",
      offset: 4,
    });
  });

  test("acks what the run before handled, without handling it again", async () => {
    const storage = memory();
    await firstRun(storage, [3, 4]);
    const handled: (number | undefined)[] = [];
    const { client, clock } = server.client({
      storage,
      credential: jwtOf("ann"),
      onPush: ({ offset }) => void handled.push(offset),
    });
    const connection = await server.accept();
    await connection.login();
    for (const offset of [3, 4, 5]) connection.push(offset, { redelivered: true });
    await synced(client, connection);
    clock.advance(50);
    expect(await connection.frame()).toEqual({ type: "ack", offsets: [3, 4, 5] });
    expect(handled).toEqual([5]);
  });

  test("handles what the run before failed on", async () => {
    const storage = memory();
    await firstRun(storage, [3, 4, 5], 4);
    const handled: (number | undefined)[] = [];
    const { client } = server.client({
      storage,
      credential: jwtOf("ann"),
      onPush: ({ offset }) => void handled.push(offset),
    });
    const connection = await server.accept();
    expect(await connection.login()).toMatchObject({ offset: 3 });
    connection.push(4, { redelivered: true });
    connection.push(5, { redelivered: true });
    await synced(client, connection);
    expect(handled).toEqual([4]);
  });

  test("begins afresh for another user or another device", async () => {
    const storage = memory();
    await firstRun(storage, [3, 4]);
    const other = server.client({ storage: memory(storage.saved), credential: jwtOf("bob") });
    const connection = await server.accept();
    expect(await connection.login()).toEqual({
      type: "hello",
      credential: jwtOf("bob"),
      device: "phone",
    });
    await other.client.whenConnected();
    server.client({ storage, credential: jwtOf("ann"), device: "tablet" });
    expect(await (await server.accept()).login()).not.toHaveProperty("resume");
  });
});

describe("the order of things", () => {
  test("an ack is sent only after the state that knows of it has been saved", async () => {
    const saves: { state: SavedState; done: () => void }[] = [];
    const saved = Promise.withResolvers<void>();
    const storage: StateStorage = {
      load: async () => undefined,
      save: (state) =>
        new Promise((done) => {
          saves.push({ state, done });
          if (saves.length === 2) saved.resolve();
        }),
    };
    const { client, clock } = server.client({ storage, onPush: () => {} });
    const connection = await server.accept();
    await connection.login();
    await client.whenConnected();
    saves[0]!.done();
    connection.push(8);
    await synced(client, connection);
    clock.advance(50);
    await saved.promise;
    expect(saves[1]!.state).toMatchObject({ received: 8, open: [], resume: "token-1" });
    await synced(client, connection);
    expect(connection.unread).toBe(0);
    saves[1]!.done();
    expect(await connection.frame()).toEqual({ type: "ack", offsets: [8] });
  });

  test("close saves and acks what was handled, before it says good-bye", async () => {
    const storage = memory();
    const { client } = server.client({ storage, onPush: () => {} });
    const connection = await server.accept();
    await connection.login();
    connection.push(8);
    await synced(client, connection);
    void client.close();
    expect(storage.saved).toMatchObject({ received: 8, open: [] });
    expect(await connection.frame()).toEqual({ type: "ack", offsets: [8] });
    expect(await connection.closed).toBe(1000);
  });
});

test("a storage that fails or holds nonsense is told, and does not stop anything", async () => {
  const broken: StateStorage = {
    load: () => {
      throw new Error("no disk");
    },
    save: () => Promise.reject(new Error("disk full")),
  };
  const told = Promise.withResolvers<void>();
  const errors: string[] = [];
  const onError = ({ message }: Error): void => {
    errors.push(message);
    if (errors.length === 3) told.resolve();
  };
  const { client, clock } = server.client({ storage: broken, onError, onPush: () => {} });
  const connection = await server.accept();
  await connection.login();
  connection.push(1);
  await synced(client, connection);
  clock.advance(50);
  expect(await connection.frame()).toEqual({ type: "ack", offsets: [1] });
  await told.promise;
  expect(errors).toEqual([
    "the state could not be loaded: no disk",
    "the state could not be saved: disk full",
    "the state could not be saved: disk full",
  ]);
});

test("what is not a state of this version is not used", async () => {
  const right = { version: 1, device: "phone", received: 4, open: [], resume: "token" };
  const wrong = [7, "x", [], { ...right, version: 2 }, { ...right, open: ["1"] }, { version: 1 }];
  for (const saved of wrong) {
    const told = Promise.withResolvers<string>();
    server.client({ storage: memory(saved), onError: ({ code }) => told.resolve(code) });
    expect(await (await server.accept()).login()).not.toHaveProperty("resume");
    expect(await told.promise).toBe("client.storage");
  }
});

test("localStorageState keeps the state as JSON under its key", async () => {
  const items = new Map<string, string>();
  const store = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
  };
  await firstRun(localStorageState("herald", store), [6]);
  expect(JSON.parse(items.get("herald")!)).toEqual({
    version: 1,
    user: "ann",
    device: "phone",
    resume: "token-of-ann",
    received: 6,
    open: [],
  });
  server.client({ storage: localStorageState("herald", store), credential: jwtOf("ann") });
  const connection: StubConnection = await server.accept();
  expect(await connection.login()).toMatchObject({ offset: 6 });
});
