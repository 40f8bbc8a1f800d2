/** Boards over UDP against a real node: registration, requests, introduction, and kill -9. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import type { Frame } from "../../clients/udp/src/channel-client.ts";
import type { UdpDevice, UdpDeviceOptions } from "../../clients/udp/src/device.ts";
import { udpNetwork } from "../../clients/udp/src/network.ts";
import { type Registered, registerBoard } from "../../clients/udp/src/register.ts";
import { freeUdpPort } from "../testkit/free-udp-port.ts";
import { connectUdp } from "../testkit/udp.ts";
import { type NodeProcess, ROOT, startNode, temporaryFolder } from "./herald.ts";

const FACTORY = { id: "factory", secret: Buffer.alloc(32, 9) };
const LAMP = { mac: "02:00:5e:10:00:01", serial: "S-1", model: "lamp-2", name: "" };

test("feature 'UDP address lookup for P2P': a board and a phone are introduced", async () => {
  const { node, port } = await udpNode();
  const board = await register(port);
  expect(await register(port)).toEqual(board);
  await post(node, `/v1/boards/${board.board}/bind`, { user: "ann" });
  await expect(register(port)).rejects.toThrow("relation.refused");

  const pushes: Frame[] = [];
  const lamp = await boardOf(port, board, {
    onFrame({ type, request, payload }) {
      if (type === "message") lamp.answer(request as number, { got: payload });
    },
    onPush: (push) => pushes.push(push),
  });
  const phonePushes: Frame[] = [];
  const phone = await phoneOf(node, port, "ann", (push) => {
    if (push["topic"] === "herald.peer") phonePushes.push(push);
  });
  const to = `board:${board.board}`;
  const answer = await phone.request({ type: "send", to, payload: "on?", answerWithinMs: 5000 });
  expect(answer).toMatchObject({ type: "answer", payload: { got: "on?" } });

  const command = { do: "peer", of: to };
  const found = await phone.request({ type: "command", command });
  expect(found).toMatchObject({ type: "done", result: { device: "board", address: "127.0.0.1" } });
  await lamp.request({ type: "ping" });
  const told = pushes.find(({ topic }) => topic === "herald.peer");
  expect(told).toMatchObject({ payload: { peer: "user:ann", address: "127.0.0.1" } });

  const old = await get(node, `/api/device/udpaddr?deviceId=${board.board}`);
  const { address, port: at } = found["result"] as { address: string; port: number };
  expect(old).toEqual({ status: 0, deviceAddr: `${address}:${at}` });

  const introduced = await post(node, `/v1/boards/${board.board}/introduce`, { user: "ann" });
  expect(introduced).toMatchObject({ board: { port: at }, user: { device: "phone" } });
  await Promise.all([lamp.request({ type: "ping" }), phone.request({ type: "ping" })]);
  expect(pushes.filter(({ topic }) => topic === "herald.peer").length).toBe(2);
  expect(phonePushes).toMatchObject([{ payload: { peer: to, port: at } }]);

  await post(node, `/v1/boards/${board.board}/unbind`, {});
  expect(await phone.request({ type: "command", command })).toMatchObject({
    ...{ type: "error", code: "route.forbidden" },
  });
  lamp.close();
  phone.close();
  await node.end("SIGTERM");
});

test("a board learns that its node was killed, and gets what waited from the next", async () => {
  const cwd = temporaryFolder();
  const first = await udpNode(cwd);
  const board = await register(first.port);
  const pushes: unknown[] = [];
  const states: string[] = [];
  let stateChanged = (): void => {};
  let pushed = (): void => {};
  await boardOf(first.port, board, {
    keepAliveMs: 200,
    onPush: ({ payload }) => {
      pushes.push(payload);
      pushed();
    },
    onState: (state, why) => {
      states.push(`${state}: ${why}`);
      stateChanged();
    },
  });
  await post(first.node, "/v1/push", pushTo(board, "one"));
  await until(
    () => pushes.length === 1,
    (again) => {
      pushed = again;
    },
  );
  await first.node.end("SIGKILL");
  const second = await udpNode(cwd, first.port);
  await until(
    () => states.length >= 3,
    (again) => {
      stateChanged = again;
    },
  );
  expect(states).toEqual(["connected: new", "waiting: reset", "connected: recovered"]);
  await post(second.node, "/v1/push", pushTo(board, "two"), first.token);
  await until(
    () => pushes.length === 2,
    (again) => {
      pushed = again;
    },
  );
  expect(pushes).toEqual(["one", "two"]);
  await second.node.end("SIGTERM");
});

test("examples/board-udp.ts registers, keeps what it was given, and answers", async () => {
  const { node, port } = await udpNode();
  const file = join(temporaryFolder(), "board.json");
  const first = example(port, file);
  expect(await once(createInterface({ input: first.stderr! }), "line")).toEqual(["connected: new"]);
  first.kill("SIGINT");
  await once(first, "exit");
  const second = example(port, file);
  const [continued] = await once(createInterface({ input: second.stderr! }), "line");
  expect(continued).toBe("connected: continued");
  const { board } = JSON.parse(readFileSync(file, "utf8")) as Registered;
  await post(node, `/v1/boards/${board}/bind`, { user: "ann" });
  const phone = await phoneOf(node, port, "ann");
  const to = `board:${board}`;
  const on = await phone.request({ type: "send", to, payload: { on: true }, answerWithinMs: 5000 });
  expect(on).toMatchObject({ type: "answer", payload: { on: true } });
  second.kill("SIGINT");
  await once(second, "exit");
  phone.close();
  await node.end("SIGTERM");
});

interface Started {
  readonly node: NodeProcess;
  readonly port: number;
  readonly token: string | undefined;
}

async function udpNode(cwd = temporaryFolder(), known?: number): Promise<Started> {
  const port = known ?? (await freeUdpPort());
  const provisioning = [{ id: FACTORY.id, secret: FACTORY.secret.toString("base64url") }];
  const env = {
    HERALD_UDP_ENABLED: "true",
    HERALD_UDP_PORT: String(port),
    HERALD_UDP_PROVISIONING: JSON.stringify(provisioning),
  };
  const node = await startNode([], { cwd, env });
  return { node, port, token: node.places.adminToken };
}

function register(port: number): Promise<Registered> {
  return registerBoard({ network: udpNetwork("127.0.0.1", port), ...FACTORY, board: LAMP });
}

function boardOf(port: number, { board, secret }: Registered, options: Partial<UdpDeviceOptions>) {
  const key = { type: "device", principal: `board:${board}`, device: "board" } as const;
  return connectUdp(port, { ...options, key, secret: Buffer.from(secret, "base64url") });
}

async function phoneOf(
  node: NodeProcess,
  port: number,
  user: string,
  onPush: (push: Frame) => void = () => {},
): Promise<UdpDevice> {
  const made = await post(node, "/v1/tokens", {
    kind: "device",
    user,
    device: "phone",
    ttlMs: 60_000,
  });
  const secret = Buffer.from((made as { udpSecret: string }).udpSecret, "base64url");
  const key = { type: "device", principal: user, device: "phone" } as const;
  return connectUdp(port, { key, secret, onPush });
}

function pushTo({ board }: Registered, payload: unknown): object {
  return { to: [`board:${board}`], topic: "news", payload };
}

async function post(node: NodeProcess, path: string, body: object, token = node.places.adminToken) {
  const { status, text, body: answer } = await node.call("POST", path, token, body);
  if (status >= 300) throw new Error(`${path}: ${text}`);
  return answer;
}

async function get(node: NodeProcess, path: string): Promise<unknown> {
  return (await node.call("GET", path, node.places.adminToken)).body;
}

/** Resolves once the condition holds; it is looked at whenever `again` is called. */
function until(condition: () => boolean, listen: (again: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (condition()) resolve();
    };
    listen(look);
    look();
  });
}

function example(port: number, file: string): ChildProcess {
  const child = spawn(
    process.execPath,
    [join(ROOT, "examples", "board-udp.ts"), "127.0.0.1", String(port), file],
    {
      env: {
        ...process.env,
        HERALD_PROVISIONING_ID: FACTORY.id,
        HERALD_PROVISIONING_SECRET: FACTORY.secret.toString("base64url"),
      },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}
