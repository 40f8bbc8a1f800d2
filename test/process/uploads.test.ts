import { expect, test } from "vitest";
import { Device } from "./device.ts";
import { herald, startNode, temporaryFolder } from "./herald.ts";

interface Item {
  readonly offset: number;
  readonly kind: string;
  readonly key: string;
  readonly from: string;
  readonly payload: unknown;
}

interface Read {
  readonly items: readonly Item[];
  readonly upTo: number;
}

/** A node in a folder that outlives it. */
async function start(cwd = temporaryFolder(), knownToken?: string) {
  const node = await startNode([], { cwd });
  const token = knownToken ?? node.places.adminToken!;
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await node.call(method, path, token, body);
    expect(answer.status, answer.text).toBeLessThan(300);
    return answer.body as T;
  };
  const board = async (name: string): Promise<Device> => {
    await call("PUT", `/v1/boards/${name}`, {});
    const wanted = { kind: "board", board: name, ttlMs: 60_000 };
    const { token: credential } = await call<{ token: string }>("POST", "/v1/tokens", wanted);
    return Device.login(node.places.websocket, credential);
  };
  const read = (query: string) => call<Read>("GET", `/v1/uploads?${query}`);
  return { node, token, cwd, call, board, read };
}

test("weakness 1: an upload of a board reaches the back end, and everything goes on", async () => {
  const { node, board, read } = await start();
  const [lamp, door] = [await board("lamp"), await board("door")];
  expect(await lamp.ask({ type: "upload", kind: "state", payload: { on: true } })).toMatchObject({
    type: "uploaded",
  });
  expect(await door.ask({ type: "upload", kind: "alarm", payload: "open" })).toMatchObject({
    type: "uploaded",
  });
  const { items } = await read("consumer=crm");
  expect(items.map(({ from, kind, payload }) => [from, kind, payload])).toEqual([
    ["board:lamp", "state", { on: true }],
    ["board:door", "alarm", "open"],
  ]);
  await lamp.ping();
  for (const device of [lamp, door]) device.close();
  expect((await node.end("SIGTERM")).status).toBe(0);
});

test("Upload queue with topic per msg id: each consumer takes the kinds it wants", async () => {
  const { node, cwd, token, board, read, call } = await start();
  const lamp = await board("lamp");
  for (const kind of ["48", "49", "48", "alarm.fire"]) {
    await lamp.ask({ type: "upload", kind, payload: kind });
  }
  const kindsOf = ({ items }: Read) => items.map(({ kind }) => kind);
  expect(kindsOf(await read("consumer=states&kinds=48"))).toEqual(["48", "48"]);
  expect(kindsOf(await read("consumer=alarms&kinds=49,alarm.fire"))).toEqual(["49", "alarm.fire"]);
  // One who is waiting gets the next at once; another begins again with the first.
  await call("POST", "/v1/uploads/ack", { consumer: "alarms", upTo: 4 });
  const waiting = read("consumer=alarms&kinds=alarm.fire&waitMs=30000");
  await lamp.ask({ type: "upload", kind: "alarm.fire", payload: 2 });
  expect((await waiting).items.map(({ offset }) => offset)).toEqual([5]);
  expect((await read("consumer=late")).items).toHaveLength(5);

  const options = ["--url", node.url, "--token", token];
  const cli = (...args: string[]) => herald(["uploads", ...args, ...options], { cwd });
  expect((await cli("read", "--consumer", "states", "--kinds", "48", "--ack")).stdout).toMatch(
    /1 +\d{4}-.* +board:lamp +48 +"48"\n3 /,
  );
  expect((await cli("ack", "--consumer", "late", "--up-to", "2")).stdout).toContain("behind    3");
  expect((await cli("consumers")).stdout).toMatch(/alarms +4 +1\nlate +2 +3\nstates +5 +0\n/);
  expect((await cli("forget", "late")).stdout).toBe("done\n");
  lamp.close();
  await node.end("SIGTERM");
});

interface Place {
  readonly url: string;
  readonly token: string;
  /** Where the next node is, once it is there. */
  readonly next: Promise<string>;
}

/** Reads, takes note, and acknowledges after that, until it is over; a dead node is waited for. */
async function consume({ url: first, token, next }: Place, isOver: () => boolean): Promise<Item[]> {
  const noted: Item[] = [];
  let url = first;
  let upTo = 0;
  const ask = async (path: string, body?: unknown): Promise<Read | undefined> => {
    const response = await fetch(new URL(path, url), {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch(() => undefined);
    return response?.ok ? ((await response.json().catch(() => undefined)) as Read) : undefined;
  };
  for (;;) {
    const isLast = isOver();
    const read = await ask(`/v1/uploads?consumer=crm&after=${upTo}&waitMs=200`);
    if (read === undefined) {
      url = await next;
      continue;
    }
    noted.push(...read.items);
    upTo = read.upTo;
    await ask("/v1/uploads/ack", { consumer: "crm", upTo });
    if (isLast && read.items.length === 0) return noted;
  }
}

test("a kill -9 loses no upload that was answered, and none is read twice", async () => {
  const first = await start();
  const revived = Promise.withResolvers<string>();
  const uploaded = new Set<string>();
  let isOver = false;
  const { token } = first;
  const place = { url: first.node.url, token, next: revived.promise };
  const consumed = consume(place, () => isOver);
  const keys = Array.from({ length: 600 }, (_, n) => `k-${n}`);
  const upload = async (device: Device, key: string): Promise<void> => {
    const answer = await device
      .ask({ type: "upload", kind: "state", payload: key, key })
      .catch(() => undefined);
    if (answer?.type === "uploaded") uploaded.add(key);
    if (uploaded.size === 150) first.node.child.kill("SIGKILL");
  };
  const lamp = await first.board("lamp");
  // As many at once as fit into a batch, so that the kill comes between being kept and being told.
  for (let n = 0; n < keys.length; n += 20) {
    await Promise.all(keys.slice(n, n + 20).map((key) => upload(lamp, key)));
  }
  await first.node.end("SIGKILL");
  const answered = uploaded.size;
  expect(answered).toBeGreaterThanOrEqual(150);
  expect(answered).toBeLessThan(keys.length);

  const second = await start(first.cwd, first.token);
  revived.resolve(second.node.url);
  const back = await second.board("lamp");
  // The device cannot know which of the others were kept: it sends them all again.
  for (const key of keys.filter((it) => !uploaded.has(it))) await upload(back, key);
  isOver = true;
  const noted = await consumed;
  expect(uploaded.size).toBe(keys.length);
  expect(noted.map(({ key }) => key).sort()).toEqual([...keys].sort());
  expect(noted.map(({ offset }) => offset)).toEqual(keys.map((_, n) => n + 1));
  const { ledger } = await second.call<{ ledger: object }>("GET", "/v1/uploads/consumers");
  expect(ledger).toEqual({ accepted: keys.length, acked: keys.length, waiting: 0, pruned: 0 });
  back.close();
  await second.node.end("SIGTERM");
});
