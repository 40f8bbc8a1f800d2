/** What the replaced device proxy did, row by row, on a whole node over real sockets. */
import { expect, onTestFinished, test } from "vitest";
import { message, read, SECRET } from "../gateways/classic/bytes.ts";
import { ClassicSocket } from "../gateways/classic/socket.ts";
import { startWholeNode } from "../gateways/http/whole-node.ts";
import { Device } from "../process/device.ts";

const CLASSIC = { classic: { enabled: true, secret: SECRET } };

/** A node that stops with the test. */
async function start(config: Readonly<Record<string, object>> = {}) {
  const node = await startWholeNode(config);
  onTestFinished(() => node.stop());
  return {
    ...node,
    /** A board of this user, stored. */
    async bind(board: string, user: string) {
      await node.call("PUT", `/v1/boards/${board}`, {});
      await node.call("POST", `/v1/boards/${board}/bind`, { user });
    },
    classic: () => ClassicSocket.open(Number(new URL(node.url).port)),
  };
}

/** The events of status that a device was told, in their order. */
function eventsOf(device: Device): string[] {
  return device.pushes
    .filter(({ topic }) => topic === "herald.status")
    .map(({ payload }) => (payload as { event: string }).event);
}

test("feature 'WS login, heartbeat, kick': a phone is let in, alive, and told to go", async () => {
  const { call, login, classic } = await start(CLASSIC);
  const ann = await login({ user: "ann" });
  await ann.ping();
  const kick = ann.next(({ type }) => type === "kick");
  await call("POST", "/v1/users/ann/kick", { reason: "the password was changed" });
  expect(await kick).toMatchObject({ message: expect.stringContaining("password was changed") });
  expect(await ann.closed).toBe(4201);

  const old = await classic();
  expect(await old.login(4096n, { clock: Date.now() })).toEqual([0, 1]);
  await old.heartbeat();
  await call("POST", "/v1/users/4096/kick", { reason: "gone" });
  expect((await old.nextMessage()).messageId).toBe(0x36);
  await old.closed;
});

test("feature 'Binary frame codec + CRC-8': what is whole passes, and nothing else", async () => {
  const { bind, classic } = await start(CLASSIC);
  await bind("17", "4096");
  const [board, phone] = [await classic(), await classic()];
  await board.login(-17n, { clock: Date.now() });
  await phone.login(4096n, { clock: Date.now() });
  const whole = message({ destination: -17n, source: 4096n, body: Buffer.from("on?") });
  const broken = Buffer.from(whole);
  broken[38]! ^= 1;
  expect(() => read(broken)).toThrow("check");
  phone.send(broken);
  phone.send(whole);
  const isMessage = async (): Promise<string> => {
    const { messageId, body } = await board.nextMessage();
    return messageId === 0x36 ? isMessage() : body.toString();
  };
  expect(await isMessage()).toBe("on?");
  await board.heartbeat();
  expect(board.left).toBe(0);
  await phone.heartbeat();
});

test("feature '15 phones per user / multi-login (Gree) / single login (dev)': chosen", async () => {
  const sessionsOf = async (phones: string, count: number) => {
    const node = await start({ login: { phones } });
    const credential = async () =>
      (await node.call("POST", "/v1/tokens", { kind: "device", user: "ann", ttlMs: 60_000 })).token;
    const all: Device[] = [];
    let refused = 0;
    for (let index = 0; index < count; index += 1) {
      const tried = Device.login(node.websocket, await credential(), true, `phone-${index}`);
      await tried.then(
        (device) => all.push(device),
        () => {
          refused += 1;
        },
      );
    }
    const { items } = await node.call("GET", "/v1/devices?user=ann");
    return { here: items.length as number, refused };
  };
  expect(await sessionsOf("many", 17)).toEqual({ here: 17, refused: 0 });
  expect(await sessionsOf("up-to", 17)).toEqual({ here: 15, refused: 2 });
  expect(await sessionsOf("newest", 3)).toEqual({ here: 1, refused: 0 });
});

test("feature 'Online/offline events': each once, to whom it concerns", async () => {
  const { bind, login } = await start();
  await bind("lamp", "ann");
  const [ann, zoe] = [await login({ user: "ann" }), await login({ user: "zoe" })];
  const next = (event: string) =>
    ann.next(
      ({ type, payload }) => type === "push" && (payload as { event?: string }).event === event,
    );
  for (let round = 0; round < 2; round += 1) {
    const online = next("device.online");
    const lamp = await login({ board: "lamp" });
    await online;
    const offline = next("device.offline");
    lamp.close();
    await offline;
  }
  await ann.ping();
  await zoe.ping();
  const [on, off] = ["device.online", "device.offline"];
  const isPresence = (event: string) => event === on || event === off;
  expect(eventsOf(ann).filter(isPresence)).toEqual([on, off, on, off]);
  expect(eventsOf(zoe)).toEqual([]);
});

test("feature 'Msgbus cluster routing': no route is lost or doubled by who moves", async () => {
  const { bind, login } = await start();
  const names = Array.from({ length: 8 }, (_, index) => String(index));
  for (const name of names) await bind(`b-${name}`, `u-${name}`);
  const phones = await Promise.all(names.map((name) => login({ user: `u-${name}` })));
  const got = new Map<string, number>();
  const boardOf = async (name: string): Promise<Device> => {
    const board = await login({ board: `b-${name}` });
    board.onFrame = ({ type, payload }) => {
      if (type !== "message") return;
      const id = String(payload);
      got.set(id, (got.get(id) ?? 0) + 1);
    };
    return board;
  };
  const sent: string[] = [];
  const outcomes: unknown[] = [];
  await Promise.all(
    names.map(async (name, index) => {
      for (let round = 0; round < 6; round += 1) {
        const board = await boardOf(name);
        for (let n = 0; n < 5; n += 1) {
          const id = `${name}-${round}-${n}`;
          sent.push(id);
          const to = `board:b-${name}`;
          outcomes.push(await phones[index]!.ask({ type: "send", to, payload: id }));
        }
        await board.ping();
        board.close();
        await board.closed;
      }
    }),
  );
  expect(outcomes).toHaveLength(sent.length);
  for (const outcome of outcomes) expect(outcome).toMatchObject({ type: "sent", reached: 1 });
  expect([...got.keys()].sort()).toEqual(sent.sort());
  expect(new Set(got.values())).toEqual(new Set([1]));
});

test("feature 'Service discovery + health': probes tell, and who stops says so", async () => {
  const node = await startWholeNode();
  const status = async (path: string) => (await fetch(node.url + path)).status;
  expect([await status("/healthz"), await status("/readyz")]).toEqual([200, 200]);
  const ann = await node.login({ user: "ann" });
  const kick = ann.next(({ type }) => type === "kick");
  const stopped = node.stop();
  expect(await kick).toMatchObject({ reason: "draining", reconnect: true });
  expect(await ann.closed).toBe(4100);
  await stopped;
});

test("feature 'Push from back end': a result for each, and what became of each", async () => {
  const { bind, call, login } = await start();
  await bind("lamp", "ann");
  const [ann, lamp] = [await login({ user: "ann" }), await login({ board: "lamp" })];
  const to = ["user:ann", "board:lamp", "user:away", "board:nobody's"];
  const { id, items } = await call("POST", "/v1/push", { to, topic: "news", payload: { n: 1 } });
  const resultOf = (who: string) => items.find((item: { to: string }) => item.to === who)?.result;
  expect(resultOf("user:ann")).toBe("recorded");
  expect(resultOf("board:lamp")).toBe("recorded");
  expect(resultOf("user:away")).toBe("recorded");
  for (const device of [ann, lamp]) {
    const isNews = ({ topic }: { topic: string }) => topic === "news";
    if (!device.pushes.some(isNews)) await device.next((it) => it["topic"] === "news");
    await device.ping();
    expect(device.pushes.filter(isNews)).toMatchObject([{ payload: { n: 1 } }]);
  }
  const { items: fates } = await call("GET", `/v1/push/${id}`);
  const fateOf = (who: string) => fates.find((item: { to: string }) => item.to === who)?.state;
  expect([fateOf("user:ann"), fateOf("board:lamp")]).toEqual(["acked", "acked"]);
  expect(fateOf("user:away")).toBe("pending");
});

test("feature 'Status console': counters, actors and a page for people", async () => {
  const { call, login, url } = await start();
  await login({ user: "ann" });
  const status = await call("GET", "/v1/status");
  expect(JSON.stringify(status)).toContain('"eventLoop');
  const page = await fetch(`${url}/status`);
  expect(page.headers.get("content-type")).toContain("text/html");
  expect(await page.text()).toContain("<title>");
});

test("feature 'HTTP platform': register, log in, bind in, bind out, list devices", async () => {
  const { call, login } = await start();
  await call("PUT", "/v1/boards/lamp", { name: "Lamp" });
  const lamp = await login({ board: "lamp" });
  await call("POST", "/v1/boards/lamp/bind", { user: "ann" });
  const boards = async () =>
    (await call("GET", "/v1/users/ann/relations")).boards.map((it: { board: string }) => it.board);
  expect(await boards()).toEqual(["lamp"]);
  const rename = { type: "command", command: { do: "rename", name: "Hall" } };
  expect(await lamp.request(rename)).toMatchObject({ type: "done" });
  expect(await call("GET", "/v1/boards/lamp")).toMatchObject({ name: "Hall" });
  await call("POST", "/v1/boards/lamp/unbind", {});
  expect(await boards()).toEqual([]);
});
