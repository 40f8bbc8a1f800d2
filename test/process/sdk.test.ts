import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket as WsWebSocket } from "ws";
import {
  type ClientOptions,
  connect,
  type HeraldClient,
  type Push,
  type SavedState,
} from "../../clients/js/src/index.ts";
import { type NodeProcess, startNode, temporaryFolder } from "./herald.ts";
import { Relay } from "./relay.ts";

/** Pushes that have arrived, and a wait for the next ones. */
class Received {
  readonly pushes: Push[] = [];
  #wanted = 0;
  #reached: (() => void) | undefined;

  readonly add = (push: Push): void => {
    this.pushes.push(push);
    if (this.pushes.length >= this.#wanted) this.#reached?.();
  };

  get offsets(): (number | undefined)[] {
    return this.pushes.map(({ offset }) => offset);
  }

  /** Resolves when there are `count` in all. */
  async until(count: number): Promise<void> {
    if (this.pushes.length >= count) return;
    this.#wanted = count;
    await new Promise<void>((resolve) => {
      this.#reached = resolve;
    });
  }
}

for (const encoding of ["json", "msgpack"] as const) {
  describe(`the SDK in ${encoding} against a node`, () => {
    test("receives what is pushed, and what it handled is acked in the ledger", async () => {
      const node = await startNode([]);
      const received = new Received();
      const client = await login(node, { encoding, onPush: received.add });
      const data = { list: [1, -1, 2 ** 40, 1.5, "🚀"], none: null };
      expect((await client.ping(data)).data).toEqual(data);
      const payload = { text: "näher 🚀", list: [1, 2.5, -3, 2 ** 33, { deep: [true, null] }] };
      await push(node, payload);
      await received.until(1);
      expect(received.pushes[0]).toMatchObject({ topic: "news", offset: 1, payload });
      expect(received.pushes[0]!.redelivered).toBe(false);
      await client.close();
      await acked(node, 1);
      expect(await ledger(node)).toMatchObject({ accepted: 1, acked: 1, pending: 0 });
      await node.end("SIGINT");
    });

    test("receives text of every range of Unicode as it was sent", async () => {
      const node = await startNode([]);
      const received = new Received();
      const client = await login(node, { encoding, onPush: received.add });
      const texts = ["plain", "Grüße ÿ", "Łódź", "漢字", "🚀", "\u0000\u001f\u007f\u0080"];
      for (const text of texts) {
        expect((await client.ping(text)).data).toBe(text);
        await push(node, text);
      }
      await received.until(texts.length);
      expect(received.pushes.map(({ payload }) => payload)).toEqual(texts);
      await client.close();
      await node.end("SIGINT");
    });

    test("resumes through dropped connections: everything once, in order", async () => {
      const node = await startNode([]);
      const relay = await relayTo(node);
      const received = new Received();
      const client = await login(node, { encoding, url: relay.url, onPush: received.add });
      for (let round = 1; round <= 5; round += 1) {
        await push(node, { round });
        await received.until(2 * round - 1);
        relay.drop();
        await push(node, { round, while: "away" });
        await received.until(2 * round);
        expect(client.detail.recovered).toBe(true);
      }
      expect(received.offsets).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      await client.close();
      await acked(node, 10);
      expect(await ledger(node)).toMatchObject({ accepted: 10, acked: 10 });
      await node.end("SIGINT");
    });
  });
}

test("a node that is killed and started again gives what was not acked, only that", async () => {
  const cwd = temporaryFolder();
  const first = await startNode([], { cwd });
  const relay = await relayTo(first);
  const received = new Received();
  const client = await login(first, { url: relay.url, ackMode: "manual", onPush: received.add });
  for (let n = 1; n <= 4; n += 1) await push(first, { n });
  await received.until(4);
  for (const handled of received.pushes.slice(0, 2)) handled.ack();
  await acked(first, 2);
  await first.end("SIGKILL");

  const second = await startNode([], { cwd });
  const admin = first.places.adminToken!;
  relay.redirect(second.url);
  await client.whenConnected();
  await push(second, { n: 5 }, admin);
  await received.until(5);
  // 3 and 4 were repeated, but the program has them already: it gets only what is new.
  expect(received.offsets).toEqual([1, 2, 3, 4, 5]);
  expect(client.counters.repeated).toBe(2);
  for (const handled of received.pushes) handled.ack();
  await acked(second, 5, admin);
  await client.close();
  await second.end("SIGINT");
});

test("a second run of a program continues from its storage", async () => {
  const node = await startNode([]);
  const relay = await relayTo(node);
  let saved: SavedState | undefined;
  const storage = {
    load: () => saved,
    save: (state: SavedState) => {
      saved = state;
    },
  };
  const first = new Received();
  const handled = await login(node, { url: relay.url, storage, onPush: first.add });
  await push(node, { n: 1 });
  await first.until(1);
  await acked(node, 1);
  const offset = saved?.received;
  // Not closed: the process is simply gone, as far as the node can see.
  relay.close();
  await push(node, { n: 2 });
  const second = new Received();
  const client = await login(node, { storage, onPush: second.add });
  await second.until(1);
  expect(offset).toBe(1);
  expect(client.detail.recovered).toBe(true);
  expect(second.offsets).toEqual([2]);
  await client.close();
  await handled.close();
  await node.end("SIGINT");
});

test("a device that logs in a second time replaces the first, which stays away", async () => {
  const node = await startNode([]);
  const first = await login(node, {});
  const closed = Promise.withResolvers<unknown>();
  first.on("state", (state, { code }) => closed.resolve({ state, code }));
  const second = await login(node, {});
  expect(await closed.promise).toEqual({ state: "closed", code: 4200 });
  await second.close();
  await node.end("SIGINT");
});

test("an expired credential is replaced by a fresh one, once, without anybody's help", async () => {
  const node = await startNode([]);
  const minted: string[] = [];
  const credential = async (): Promise<string> => {
    minted.push(await mint(node, minted.length === 0 ? 1000 : 3_600_000));
    if (minted.length === 1) await expired(minted[0]!);
    return minted.at(-1)!;
  };
  const client = await login(node, { credential });
  expect(minted.length).toBe(2);
  await client.close();
  await node.end("SIGINT");
});

test("a node that stops sends its devices away, and they come back to the next one", async () => {
  const cwd = temporaryFolder();
  const first = await startNode([], { cwd });
  const relay = await relayTo(first);
  const client = await login(first, { url: relay.url });
  const waiting = Promise.withResolvers<number | undefined>();
  client.on("state", (state, { code }) => state === "waiting" && waiting.resolve(code));
  await first.end("SIGTERM");
  expect(await waiting.promise).toBe(4100);
  const second = await startNode([], { cwd });
  relay.redirect(second.url);
  expect(await client.whenConnected()).toMatchObject({ session: expect.any(String) });
  await client.close();
  await second.end("SIGINT");
});

test("two thousand clients live in one process, in less than 100 KB each", async () => {
  const env = {
    HERALD_WEBSOCKET_CONNECTIONS_PER_ADDRESS: "10000",
    HERALD_WEBSOCKET_ADDRESS_CONNECTS_PER_SECOND: "0",
  };
  const node = await startNode([], { env });
  const users = Array.from({ length: 2_000 }, (_, n) => `u-${n}`);
  const credentials = await mintAll(node, users);
  const received = new Received();
  const before = process.memoryUsage().rss;
  const clients = credentials.map((credential) =>
    open({ url: node.url, credential, webSocket: WsWebSocket, onPush: received.add }),
  );
  await Promise.all(clients.map((client) => client.whenConnected()));
  const bytesEach = (process.memoryUsage().rss - before) / clients.length;
  for (let at = 0; at < users.length; at += 1000) {
    await push(node, { n: at }, node.places.adminToken!, users.slice(at, at + 1000));
  }
  await received.until(2_000);
  await acked(node, 2_000);
  expect(bytesEach).toBeLessThan(100_000);
  await Promise.all(clients.map((client) => client.close()));
  expect(await ledger(node)).toMatchObject({ accepted: 2_000, acked: 2_000 });
  await node.end("SIGINT");
});

/** A client that is closed when the test has finished. */
function open(options: Partial<ClientOptions> & Pick<ClientOptions, "url" | "credential">) {
  const backoff = { minMs: 20, maxMs: 200, factor: 2 };
  const client = connect({ device: "phone", backoff, onError: () => {}, ...options });
  onTestFinished(() => client.close());
  return client;
}

async function login(node: NodeProcess, options: Partial<ClientOptions>): Promise<HeraldClient> {
  const credential = options.credential ?? (await mint(node, 3_600_000));
  const client = open({ url: node.url, ...options, credential });
  await client.whenConnected();
  return client;
}

async function relayTo(node: NodeProcess): Promise<Relay> {
  const relay = await Relay.start(node.url);
  onTestFinished(() => relay.close());
  return relay;
}

async function mint(node: NodeProcess, ttlMs: number, user = "ann"): Promise<string> {
  const body = { kind: "device", user, ttlMs };
  const answer = await node.call("POST", "/v1/tokens", node.places.adminToken, body);
  return (answer.body as { token: string }).token;
}

async function mintAll(node: NodeProcess, users: readonly string[]): Promise<string[]> {
  const tokens: string[] = [];
  for (let at = 0; at < users.length; at += 50) {
    const some = users.slice(at, at + 50);
    tokens.push(...(await Promise.all(some.map((user) => mint(node, 3_600_000, user)))));
  }
  return tokens;
}

/** Resolves when the time in the credential has passed: its own clock is the machine's. */
async function expired(credential: string): Promise<void> {
  const claims = Buffer.from(credential.split(".")[1]!, "base64url").toString();
  const { exp } = JSON.parse(claims) as { exp: number };
  while (Date.now() <= exp * 1000) await new Promise((resolve) => setImmediate(resolve));
}

async function push(
  node: NodeProcess,
  payload: unknown,
  token: string = node.places.adminToken!,
  users: readonly string[] = ["ann"],
): Promise<void> {
  const { status, text } = await node.call("POST", "/v1/push", token, {
    to: users.map((user) => `user:${user}`),
    topic: "news",
    payload,
  });
  expect(status, text).toBe(200);
}

async function ledger(node: NodeProcess, token = node.places.adminToken): Promise<unknown> {
  return (await node.call("GET", "/v1/ledger", token)).body;
}

/** Resolves when that many are acked. */
async function acked(node: NodeProcess, count: number, token?: string): Promise<void> {
  for (;;) {
    const { acked } = (await ledger(node, token)) as { acked: number };
    if (acked >= count) return;
  }
}
