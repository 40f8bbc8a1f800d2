/** A real node and a real service of its user, which decides about devices of every transport. */
import { expect, onTestFinished, test } from "vitest";
import { UdpDevice } from "../../clients/udp/src/device.ts";
import { udpNetwork } from "../../clients/udp/src/network.ts";
import { type Registered, registerBoard } from "../../clients/udp/src/register.ts";
import { SECRET as CLASSIC_SECRET } from "../gateways/classic/bytes.ts";
import { ClassicBoard, HTTP, OK, SERVER } from "../gateways/classic/datagrams.ts";
import { ClassicSocket } from "../gateways/classic/socket.ts";
import { freeUdpPort } from "../testkit/free-udp-port.ts";
import { Device } from "./device.ts";
import { startNode } from "./herald.ts";
import { allow, type Decide, PlatformService, SECRET, say } from "./platform-service.ts";

const FACTORY = { id: "factory", secret: Buffer.alloc(32, 9) };
const LAMP = { mac: "02:00:5e:10:00:01", serial: "S-1", model: "lamp-2", name: "Lamp" };
const RENAME = { type: "command", command: { do: "rename", name: "Küche 🎉" } };
const TIMEOUT_MS = 500;
const KEEP_ALIVE_MS = 100;

/** A node with every transport, which asks about each log-in, twice if it must. */
async function start() {
  const service = await PlatformService.start();
  const [udpPort, classicPort] = [await freeUdpPort(), await freeUdpPort()];
  const provisioning = [{ id: FACTORY.id, secret: FACTORY.secret.toString("base64url") }];
  const env = {
    HERALD_PLATFORM_URL: service.url,
    HERALD_PLATFORM_SECRETS: JSON.stringify([SECRET]),
    HERALD_PLATFORM_LOGIN_CACHE_MS: "0",
    HERALD_PLATFORM_ATTEMPTS_MAX: "2",
    HERALD_PLATFORM_TIMEOUT_MS: String(TIMEOUT_MS),
    HERALD_UDP_ENABLED: "true",
    HERALD_UDP_PORT: String(udpPort),
    HERALD_UDP_PROVISIONING: JSON.stringify(provisioning),
    HERALD_CLASSIC_ENABLED: "true",
    HERALD_CLASSIC_SECRET: CLASSIC_SECRET,
    HERALD_CLASSIC_UDP_ENABLED: "true",
    HERALD_CLASSIC_UDP_PORT: String(classicPort),
    HERALD_CLASSIC_REGISTERS: "true",
  };
  const node = await startNode([], { env });
  const token = node.places.adminToken;
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await node.call(method, path, token, body);
    expect(answer.status, answer.text).toBeLessThan(300);
    return answer.body as T;
  };
  const mint = async (who: { user: string } | { board: string }): Promise<string> => {
    const kind = "user" in who ? "device" : "board";
    const wanted = { kind, ...who, ttlMs: 600_000 };
    return (await call<{ token: string }>("POST", "/v1/tokens", wanted)).token;
  };
  const network = udpNetwork("127.0.0.1", udpPort);
  return {
    ...{ service, node, call },
    login: async (who: { user: string } | { board: string }) =>
      Device.login(node.places.websocket, await mint(who)),
    /** What a phone is told that tries to log in. */
    knock: async (user: string) => knock(node.places.websocket, await mint({ user })),
    registerUdp: () => registerBoard({ network, ...FACTORY, board: LAMP }),
    udp: (board: Registered) => new ToldBoard(board, udpPort),
    classicBoard(mark: number): ClassicBoard {
      const board = new ClassicBoard(classicPort, mark);
      onTestFinished(() => board.close());
      return board;
    },
    classicPhone: () => ClassicSocket.open(Number(new URL(node.url).port)),
    async figure(name: string): Promise<string | undefined> {
      const { text } = await node.call("GET", "/metrics", token);
      return new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1];
    },
  };
}

type Frame = { readonly type: string } & Readonly<Record<string, unknown>>;

interface Told {
  readonly type: string;
  readonly code: unknown;
  readonly message: unknown;
  readonly retryAfterMs: unknown;
  /** The close code; undefined when it was let in. */
  readonly closed: number | undefined;
}

/** Logs in, and resolves with the first frame and how it ended. */
async function knock(url: string, credential: string): Promise<Told> {
  const socket = new WebSocket(url, ["herald.v1.json"]);
  const frames: Frame[] = [];
  const done = new Promise<number | undefined>((resolve) => {
    socket.addEventListener("open", () => {
      socket.send(JSON.stringify({ type: "hello", credential, device: "phone" }));
    });
    socket.addEventListener("message", ({ data }) => {
      frames.push(JSON.parse(data as string) as Frame);
      if (frames.at(-1)?.type === "welcome") resolve(undefined);
    });
    socket.addEventListener("close", ({ code }) => resolve(code));
  });
  const closed = await done;
  socket.close();
  const { type, code, message, retryAfterMs } = frames[0]!;
  return { type, code, message, retryAfterMs, closed };
}

/** A board over UDP that connects again by itself, and what it was told. */
class ToldBoard {
  readonly device: UdpDevice;
  readonly frames: Frame[] = [];
  readonly states: string[] = [];
  #waiting: (() => void)[] = [];

  constructor({ board, secret }: Registered, port: number) {
    this.device = new UdpDevice({
      key: { type: "device", principal: `board:${board}`, device: "board" },
      secret: Buffer.from(secret, "base64url"),
      network: udpNetwork("127.0.0.1", port),
      keepAliveMs: KEEP_ALIVE_MS,
      onFrame: (frame) => void this.frames.push(frame),
      onState: (state, why) => {
        this.states.push(`${state}: ${why}`);
        for (const wake of this.#waiting.splice(0)) wake();
      },
    });
    onTestFinished(() => this.device.drop());
  }

  async until(state: string): Promise<void> {
    while (this.states.at(-1) !== state) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

test("feature 'HTTP platform': a service decides about all devices, and says why not", async () => {
  const { service, node, call, login, knock, ...devices } = await start();
  await call("PUT", "/v1/boards/17", {});
  const modern = await login({ board: "17" });
  expect(await modern.ask(RENAME)).toMatchObject({ type: "done" });
  const bind = { type: "command", command: { do: "bind", user: "ann" } };
  expect(await modern.ask(bind)).toMatchObject({ type: "done" });
  expect(service.takeAsks()).toEqual(["login", "rename", "bind"]);
  expect(await call("GET", "/v1/boards/17")).toMatchObject({ name: "Küche 🎉", owner: "ann" });

  const registered = await devices.registerUdp();
  const lamp = devices.udp(registered);
  await lamp.until("connected: new");
  expect(await lamp.device.request(RENAME)).toMatchObject({ type: "done" });
  expect(service.takeAsks()).toEqual(["register", "login", "rename"]);

  const old = devices.classicBoard(7);
  await old.connect("Lampe");
  expect((await old.rename("Kitchen")).code).toBe(OK);
  const phone = await devices.classicPhone();
  expect(await phone.login(4096n, { clock: Date.now() })).toEqual([0, 1]);
  expect(service.takeAsks()).toEqual(["register", "login", "rename", "login"]);

  service.decide = (_, response) => say(response, 200, { allow: false, reason: "not paid" });
  const refused = { type: "error", code: "platform.refused", message: "not paid" };
  expect(await knock("eve")).toMatchObject({ ...refused, closed: 4202 });
  expect(await modern.ask({ type: "command", command: { do: "unbind" } })).toMatchObject(refused);
  expect(await call("GET", "/v1/boards/17")).toMatchObject({ owner: "ann" });
  await expect(devices.registerUdp()).rejects.toThrow("platform.refused: not paid");
  const again = devices.udp(registered);
  await again.until("closed: unauthorized");
  expect(again.frames).toMatchObject([refused]);
  const other = devices.classicBoard(8);
  await other.open();
  expect((await other.register("Lampe")).code).toBe(SERVER);
  const refusedPhone = await devices.classicPhone();
  expect(await refusedPhone.login(8192n, { clock: Date.now() })).toEqual([10]);
  expect(service.strangers).toBe(0);
  expect((await node.end("SIGTERM")).status).toBe(0);
});

/** What is wrong with a service, how often it is asked all the same, and what is said of it. */
const TROUBLES: readonly [title: string, decide: Decide, tries: number, words: string][] = [
  ["lags", () => {}, 2, `no answer within ${TIMEOUT_MS} ms`],
  ["fails", (_, response) => say(response, 500, { allow: true }), 2, "status 500"],
  ["resets", (_, response) => response.socket?.resetAndDestroy(), 2, "ECONNRESET"],
  ["floods", (_, response) => response.end(Buffer.alloc(9_000_000, " ")), 2, "65536 bytes"],
  ["says else", (_, response) => say(response, 200, { allow: "yes" }), 1, 'boolean, got "yes"'],
  ["says no JSON", (_, response) => response.end("<html>"), 1, "is no JSON"],
  ["sends away", (_, response) => response.writeHead(302, { location: "/" }).end(), 1, "302"],
];

test("a service in trouble lets nobody in, and devices are told when to come again", async () => {
  const { service, node, call, login, knock, classicPhone } = await start();
  await call("PUT", "/v1/boards/lamp", { name: "Lamp" });
  const lamp = await login({ board: "lamp" });
  const failed = { type: "error", code: "platform.failed", retryAfterMs: 1000 };
  for (const [title, decide, tries, words] of TROUBLES) {
    service.takeAsks();
    service.decide = decide;
    const message = expect.stringContaining(words);
    expect(await knock(`by-${tries}`), title).toMatchObject({ ...failed, message, closed: 4103 });
    expect(await lamp.ask(RENAME), title).toMatchObject({ ...failed, message });
    const ids = service.questions.map(({ ask, id }) => `${ask} ${id}`);
    expect([ids.length, new Set(ids).size], title).toEqual([2 * tries, 2]);
    // So many good answers that half of the last twenty are never bad.
    service.decide = allow;
    for (let n = 0; n < 6; n += 1) {
      expect(await knock(`${n}-${title}`), title).toMatchObject({ type: "welcome" });
    }
  }
  // A signature that is too old by its clock is a stranger's: it answers with status 401.
  service.aheadMs = 301_000;
  expect(await knock("skewed")).toMatchObject({ ...failed, closed: 4103 });
  expect(service.strangers).toBe(1);
  service.aheadMs = 299_000;
  expect(await knock("skewed")).toMatchObject({ type: "welcome" });
  expect(await call("GET", "/v1/boards/lamp")).toMatchObject({ name: "Lamp" });

  // One that fails once is asked again, with the same id: the device has only waited.
  service.takeAsks();
  service.decide = (question, response) => {
    const isFirst = service.questions.length === 1;
    return isFirst ? say(response, 503, {}) : allow(question, response);
  };
  expect(await knock("patient")).toMatchObject({ type: "welcome" });
  const [first, second] = service.questions;
  expect(second).toEqual(first);

  // A node that stops waits for no answer.
  service.decide = () => {};
  const waiting = await classicPhone();
  const told = waiting.login(4096n, { clock: Date.now() }).catch(() => [9]);
  expect((await node.end("SIGTERM")).status).toBe(0);
  expect(await told).toEqual([9]);
});

test("a service that is down is left alone, and devices come in when it is back", async () => {
  const { service, node, knock, figure, registerUdp, udp, classicBoard } = await start();
  const registered = await registerUdp();
  const old = classicBoard(7);
  await old.connect("Lampe");
  await service.die();
  const lamp = udp(registered);
  await lamp.until("waiting: busy");
  // Two tries each, until five have failed: then nobody is asked about any more.
  let told: Told;
  do {
    told = await knock("ann");
    expect(told).toMatchObject({ type: "error", code: "platform.failed", closed: 4103 });
    expect(told.retryAfterMs).toBeGreaterThan(0);
  } while (!String(told.message).includes("left alone"));
  expect((await old.rename("Kitchen")).code).toBe(HTTP);
  expect(await figure("herald_platform_open")).toBe("1");
  service.takeAsks();
  await service.listen();
  // The board comes again by itself, as it was told; its question tries the service.
  await lamp.until("connected: new");
  expect(service.takeAsks()).toEqual(["login"]);
  expect(await figure("herald_platform_open")).toBe("0.5");
  expect(await knock("ann")).toMatchObject({ type: "welcome" });
  expect(await knock("bob")).toMatchObject({ type: "welcome" });
  expect(await figure("herald_platform_open")).toBe("0");
  expect((await old.rename("Kitchen")).code).toBe(OK);
  const { status, stderr } = await node.end("SIGTERM");
  expect(status).toBe(0);
  const warning = stderr.split("\n").find((line) => line.includes("left alone"));
  expect(warning).toMatch(/"level":"warn".*"reason":"ECONN/);
});
