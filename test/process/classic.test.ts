/** Classic boards and phones against a real node, with devices of today beside them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { message, read, SECRET, statusOf } from "../gateways/classic/bytes.ts";
import { ClassicBoard, OK, replyOf, SERVER } from "../gateways/classic/datagrams.ts";
import { ClassicSocket } from "../gateways/classic/socket.ts";
import { freeUdpPort } from "../testkit/free-udp-port.ts";
import { Device } from "./device.ts";
import { type NodeProcess, ROOT, startNode, temporaryFolder } from "./herald.ts";

const USER = 4096n;
const WS_BOARD = -17n;
const ON = { messageId: 0x40, body: Buffer.from("on").toString("base64") };

interface Upload {
  readonly from: string;
  readonly kind: string;
  readonly payload: unknown;
}

test("feature 'WS login, heartbeat, kick': classic and new devices are one home", async () => {
  const { node, call, socket } = await start();
  await call("PUT", "/v1/boards/17", { name: "Lamp" });
  const old = await socket(USER);
  await call("POST", "/v1/boards/17/bind", { user: "4096" });
  expect(statusOf(await old.nextMessage())).toMatchObject({ type: 7, id: WS_BOARD });
  const phone = await newPhone(node, "4096");
  const online = phone.next(isStatus("device.online"));
  const lamp = await socket(WS_BOARD);
  expect((await online)["payload"]).toMatchObject({ about: "board:17" });
  expect(statusOf(await old.nextMessage())).toMatchObject({ type: 9, id: WS_BOARD });
  // It was bound while it was away.
  expect(statusOf(await lamp.nextMessage())).toMatchObject({ type: 7, id: WS_BOARD });
  await lamp.heartbeat();

  const ask = { type: "send", to: "board:17", topic: "classic", payload: ON };
  const answer = phone.request({ ...ask, answerWithinMs: 10_000 });
  const asked = await lamp.nextMessage();
  // His name is a number, so that a classic board knows him by it.
  expect(asked).toMatchObject({ messageId: 0x40, source: USER, destination: WS_BOARD });
  lamp.send(message({ ...asked, isAck: true, source: WS_BOARD, destination: USER }));
  expect(await answer).toMatchObject({ type: "answer", payload: { messageId: 0x40 } });

  const state = { opcode: 2, messageId: 0x30, time: 1, source: WS_BOARD, body: Buffer.from("up") };
  lamp.send(message(state));
  expect(await lamp.nextMessage()).toMatchObject({ isAck: true, messageId: 0x30 });
  const uploads = await call("GET", "/v1/uploads?consumer=crm");
  expect((uploads as { items: Upload[] }).items).toMatchObject([
    { from: "board:17", kind: "state", payload: { messageId: 0x30, body: "dXA=" } },
  ]);

  const offline = phone.next(isStatus("device.offline"));
  lamp.close();
  expect((await offline)["payload"]).toMatchObject({ about: "board:17" });
  expect(statusOf(await old.nextMessage())).toMatchObject({ type: 10, id: WS_BOARD });
  await call("POST", "/v1/boards/17/unbind", {});
  expect(statusOf(await old.nextMessage())).toMatchObject({ type: 8, id: WS_BOARD });
  await call("POST", "/v1/users/4096/kick", { reason: "password changed" });
  const { type, payload } = statusOf(await old.nextMessage());
  expect([type, payload.toString()]).toEqual([13, "password changed"]);
  expect(await old.closed).toBe(4201);
  expect(old.left).toBe(0);
  expect((await node.end("SIGTERM")).status).toBe(0);
});

test("feature 'UDP session/register/login/rename/heartbeat': a classic board", async () => {
  const { node, call, board, socket } = await start();
  const lamp = board(7);
  await lamp.connect("Lampe");
  const id = `${-lamp.id}`;
  expect(await call("GET", `/v1/boards/${id}`)).toMatchObject({ name: "Lampe" });
  await call("POST", `/v1/boards/${id}/bind`, { user: "4096" });
  // The board is told, too: of old by 0x36, and its phone as well.
  expect(statusOf(await lamp.delivered())).toMatchObject({ type: 7, id: lamp.id });
  const old = await socket(USER);
  expect(statusOf(await old.nextMessage())).toMatchObject({ type: 7, id: lamp.id });
  const phone = await newPhone(node, "4096");
  expect((await lamp.heartbeat()).code).toBe(OK);
  expect((await lamp.rename("Kitchen")).code).toBe(OK);
  expect(await call("GET", `/v1/boards/${id}`)).toMatchObject({ name: "Kitchen" });

  const ask = { type: "send", to: `board:${id}`, topic: "classic", payload: ON };
  const answer = phone.request({ ...ask, answerWithinMs: 10_000 });
  const asked = await lamp.delivered();
  await lamp.forward({ ...asked, isAck: true, destination: USER, body: Buffer.from("lit") });
  const told = (await answer)["payload"] as { readonly body: string };
  expect(Buffer.from(told.body, "base64").toString()).toBe("lit");
  expect((await lamp.upload(0x31, "smoke")).code).toBe(OK);
  const uploads = await call("GET", "/v1/uploads?consumer=crm");
  expect((uploads as { items: Upload[] }).items).toMatchObject([{ kind: "alarm" }]);

  const offline = phone.next(isStatus("device.offline"));
  expect((await lamp.ask(lamp.bytesOf(0xe6, lamp.sid))).code).toBe(OK);
  expect((await offline)["payload"]).toMatchObject({ about: `board:${id}` });
  expect(statusOf(await old.nextMessage())).toMatchObject({ type: 10, id: lamp.id });
  // What belongs to somebody cannot be registered again by whoever says to be it.
  await lamp.open();
  expect((await lamp.register("Mine")).code).toBe(SERVER);
  phone.close();
  expect((await node.end("SIGTERM")).status).toBe(0);
});

test("0xE4 unbinds a board, and 0xE6 with a number takes what is behind it offline", async () => {
  const { node, call, board } = await start();
  const lamp = board(7);
  await lamp.connect("Hub");
  const id = `${-lamp.id}`;
  await call("POST", `/v1/boards/${id}/bind`, { user: "4096" });
  expect(statusOf(await lamp.delivered())).toMatchObject({ type: 7, id: lamp.id });
  const phone = await newPhone(node, "4096");
  // The same board by today's protocol, which has words for what is behind it.
  const token = await call("POST", "/v1/tokens", { kind: "board", board: id, ttlMs: 60_000 });
  const { websocket } = node.places;
  const hub = await Device.login(websocket, (token as { token: string }).token, true, "hub");
  const online = phone.next(isStatus("device.online"));
  await hub.request({ type: "command", command: { do: "sub-online", sub: "-18" } });
  expect((await online)["payload"]).toMatchObject({ about: `board:${id}`, sub: "-18" });

  const bulb = Buffer.alloc(8);
  bulb.writeBigInt64LE(-18n);
  const offline = phone.next(isStatus("device.offline"));
  const gone = await lamp.ask(lamp.bytesOf(0xe6, Buffer.concat([lamp.sid, bulb])));
  expect([gone.code, gone.rest.equals(lamp.sid)]).toEqual([OK, true]);
  expect((await offline)["payload"]).toMatchObject({ about: `board:${id}`, sub: "-18" });
  expect((await lamp.heartbeat()).code).toBe(OK);

  const unbound = phone.next(isStatus("board.unbound"));
  const body = Buffer.concat([lamp.sid, lamp.mac]);
  await lamp.raw(lamp.bytesOf(0xe4, body));
  // The reply and what the board is told of itself come in any order.
  const told = [await lamp.datagram(), await lamp.datagram()];
  const [reply, status] = told.sort((one, other) => (one[0]! & 7) - (other[0]! & 7));
  const left = replyOf(reply!);
  expect([left.code, left.rest.equals(body)]).toEqual([OK, true]);
  expect(statusOf(read(status!.subarray(40)))).toMatchObject({ type: 8, id: lamp.id });
  expect((await unbound)["payload"]).toMatchObject({ about: `board:${id}` });
  // Of a board that belongs to nobody it is true already.
  expect((await lamp.ask(lamp.bytesOf(0xe4, body))).code).toBe(OK);
  hub.close();
  phone.close();
  expect((await node.end("SIGTERM")).status).toBe(0);
});

test("feature '15 phones per user', weakness 5: a killed node locks nobody out", async () => {
  const first = await start();
  for (let slot = 1; slot <= 15; slot += 1) {
    const phone = await ClassicSocket.open(first.port);
    expect(await phone.login(USER, { clock: Date.now(), timeout: slot })).toEqual([0, slot]);
  }
  const lamp = first.board(7);
  await lamp.connect();
  await first.node.end("SIGKILL");
  const second = await start(first.cwd, first.udpPort);
  for (let slot = 1; slot <= 15; slot += 1) {
    const phone = await ClassicSocket.open(second.port);
    expect(await phone.login(USER, { clock: Date.now(), timeout: slot })).toEqual([0, slot]);
  }
  const sixteenth = await ClassicSocket.open(second.port);
  expect(await sixteenth.login(USER, { clock: Date.now(), timeout: 16 })).toEqual([3]);
  // The board is told that its session is gone, and logs in with the cookie that it has.
  expect((await lamp.heartbeat()).code).toBe(SERVER);
  await lamp.open();
  expect((await lamp.login()).code).toBe(OK);
  expect((await second.node.end("SIGTERM")).status).toBe(0);
});

test("examples/board-classic.ts registers, is switched by a phone, and logs in again", async () => {
  const { node, call, udpPort } = await start();
  await call("GET", "/v1/uploads?consumer=crm");
  const file = join(temporaryFolder(), "classic.json");
  const first = example(udpPort, file);
  const login = await first.line();
  const { id } = JSON.parse(readFileSync(file, "utf8")) as { readonly id: string };
  expect(login).toBe(`logged in as ${id}`);
  expect(await first.line()).toBe("state stored");
  const uploads = await call("GET", "/v1/uploads?consumer=crm");
  expect((uploads as { items: Upload[] }).items).toMatchObject([{ kind: "state" }]);

  const board = id.slice(1);
  await call("POST", `/v1/boards/${board}/bind`, { user: "4096" });
  expect(await first.line()).toMatch(/^0x36 from 0/);
  const phone = await newPhone(node, "4096");
  const ask = { type: "send", to: `board:${board}`, topic: "classic", payload: ON };
  const answer = await phone.request({ ...ask, answerWithinMs: 10_000 });
  expect(answer).toMatchObject({ type: "answer", payload: { messageId: 0x40, body: ON.body } });
  expect(await first.line()).toBe("0x40 from 4096: on");
  first.child.kill("SIGINT");
  expect(await once(first.child, "exit")).toEqual([0, null]);

  // The board belongs to somebody by now: with its cookie it need not register.
  const again = example(udpPort, file);
  expect(await again.line()).toBe(`logged in as ${id}`);
  again.child.kill("SIGINT");
  await once(again.child, "exit");
  phone.close();
  await node.end("SIGTERM");
});

function example(port: number, file: string) {
  const args = [join(ROOT, "examples", "board-classic.ts"), "127.0.0.1", String(port), file];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string | undefined> => (await lines.next()).value;
  return { child, line };
}

async function start(cwd = temporaryFolder(), knownPort?: number) {
  const udpPort = knownPort ?? (await freeUdpPort());
  const node = await startNode([], {
    cwd,
    env: {
      HERALD_CLASSIC_ENABLED: "true",
      HERALD_CLASSIC_SECRET: SECRET,
      HERALD_CLASSIC_UDP_ENABLED: "true",
      HERALD_CLASSIC_UDP_PORT: String(udpPort),
      HERALD_CLASSIC_REGISTERS: "true",
    },
  });
  const port = Number(new URL(node.places.http).port);
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await node.call(method, path, node.places.adminToken, body);
    expect(answer.status, answer.text).toBeLessThan(300);
    return answer.body;
  };
  const board = (mark: number): ClassicBoard => {
    const made = new ClassicBoard(udpPort, mark);
    onTestFinished(() => made.close());
    return made;
  };
  const socket = async (id: bigint): Promise<ClassicSocket> => {
    const made = await ClassicSocket.open(port);
    const [code] = await made.login(id, { clock: Date.now() });
    if (code !== 0) throw new Error(`the log-in of ${id} was answered ${code}`);
    return made;
  };
  return { node, cwd, port, udpPort, call, board, socket };
}

async function newPhone(node: NodeProcess, user: string): Promise<Device> {
  const wanted = { kind: "device", user, ttlMs: 60_000 };
  const { body } = await node.call("POST", "/v1/tokens", node.places.adminToken, wanted);
  return Device.login(node.places.websocket, (body as { token: string }).token);
}

function isStatus(event: string) {
  return ({ type, payload }: { readonly type: string; readonly payload?: unknown }) =>
    type === "push" && (payload as { readonly event?: string }).event === event;
}
