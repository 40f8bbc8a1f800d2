/** A device over UDP in bad weather, over WebSocket, and back, while its node is killed. */
import { expect, onTestFinished, test } from "vitest";
import { connect, type SavedState } from "../../clients/js/src/index.ts";
import { type Place, UdpDevice } from "../../clients/udp/src/device.ts";
import { udpNetwork } from "../../clients/udp/src/network.ts";
import { BadDatagrams } from "./bad-datagrams.ts";
import { freePort, type NodeProcess, startNode, temporaryFolder } from "./herald.ts";

const BOARD = "b-1";

test("nothing is lost or repeated with 10 % lost, 20 % late, and another address", async () => {
  const home = await Home.open();
  const relay = await BadDatagrams.open(home.port, 7);
  const got = new Got();
  const device = await home.device({ network: relay.network, onPush: got.add });
  const all = Array.from({ length: 300 }, (_, n) => n);
  const answers = all.map((n) => device.request({ type: "upload", kind: "state", payload: n }));
  for (const n of all) {
    await home.push(n);
    if (n === 100 || n === 200) await relay.move();
  }
  const told = await Promise.all(answers);
  await got.has(all.length);
  await device.request({ type: "ping" });
  expect(got.all).toEqual(all);
  expect(told.every(({ type }) => type === "uploaded")).toBe(true);
  expect(await home.uploads()).toEqual(all);
  expect(Math.min(...Object.values(relay.counts))).toBeGreaterThan(2);
  await home.node.end("SIGTERM");
});

test("a session goes from UDP to WebSocket and back, through a kill of its node", async () => {
  const home = await Home.open();
  const got = new Got();
  const device = await home.device({ onPush: got.add });
  await home.push("udp");
  await got.has(1);
  await device.request({ type: "ping" });
  device.drop();
  await home.push("between");
  await home.push("x".repeat(3000));

  let saved = stateOf(device.place);
  const kept = new Got();
  const client = connect({
    url: home.node.places.websocket,
    credential: await home.credential(),
    device: "board",
    storage: {
      load: () => saved,
      save: (state) => {
        if (state.received > saved.received) kept.add(state.received);
        saved = state;
      },
    },
    onPush: ({ payload }) => got.add(payload),
    onError: () => {},
  });
  onTestFinished(() => client.close());
  const replaced = new Promise<void>((resolve) => {
    client.on("state", (state) => state === "closed" && resolve());
  });
  await got.has(3);
  await home.restart();
  await home.push("after the kill");
  await got.has(4);
  // Kept, and so confirmed: of what is not, nobody knows yet that it was handled.
  while (saved.received < 4) await kept.has(kept.all.length + 1);

  const place = { resume: saved.resume, offset: saved.received, open: saved.open };
  await home.device({ onPush: got.add, place });
  await replaced;
  await home.push("udp again");
  await got.has(5);
  expect(got.all).toEqual(["udp", "between", "x".repeat(3000), "after the kill", "udp again"]);
  await home.node.end("SIGTERM");
});

test("a device that misses what is too large over UDP gets it over WebSocket alone", async () => {
  const home = await Home.open();
  const got = new Got();
  const device = await home.device({ onPush: got.add });
  for (const payload of ["one", "x".repeat(3000), "three"]) await home.push(payload);
  await got.has(2);
  await device.request({ type: "ping" });
  device.drop();
  const client = connect({
    url: home.node.places.websocket,
    credential: await home.credential(),
    device: "board",
    storage: { load: () => stateOf(device.place), save: () => {} },
    onPush: ({ payload }) => got.add(payload),
  });
  onTestFinished(() => client.close());
  await got.has(3);
  await client.ping();
  expect(got.all).toEqual(["one", "three", "x".repeat(3000)]);
  await home.node.end("SIGTERM");
});

/** What came, by whatever transport, in order. */
class Got {
  readonly all: unknown[] = [];
  #waiting: (() => void) | undefined = undefined;

  readonly add = (payload: unknown): void => {
    this.all.push(payload);
    this.#waiting?.();
  };

  has(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = () => this.all.length >= count && resolve();
      this.#waiting();
    });
  }
}

/** The place of a device over UDP as the SDK for WebSocket keeps it. */
function stateOf({ resume, offset, open = [] }: Place): SavedState {
  const known = resume === undefined ? {} : { resume };
  return { version: 1, device: "board", received: offset, open, ...known };
}

type Environment = Readonly<Record<string, string>>;

/** A node with one board, whose pushes and uploads are counted. */
class Home {
  readonly port: number;
  readonly #cwd: string;
  readonly #env: Environment;
  readonly #token: string;
  node: NodeProcess;

  private constructor(node: NodeProcess, cwd: string, port: number, env: Environment) {
    this.node = node;
    this.port = port;
    this.#cwd = cwd;
    this.#env = env;
    this.#token = node.places.adminToken!;
  }

  static async open(): Promise<Home> {
    const cwd = temporaryFolder();
    const port = await freePort();
    const env = {
      HERALD_UDP_ENABLED: "true",
      HERALD_UDP_PORT: `${port}`,
    };
    // Chosen here: a port that the node itself has chosen it could not take again at once.
    const args = ["--port", `${await freePort()}`];
    const home = new Home(await startNode(args, { cwd, env }), cwd, port, env);
    await home.call("PUT", `/v1/boards/${BOARD}`, { name: "Lamp" });
    await home.call("GET", "/v1/uploads?consumer=crm");
    return home;
  }

  async restart(): Promise<void> {
    const { port } = new URL(this.node.url);
    await this.node.end("SIGKILL");
    this.node = await startNode(["--port", port], { cwd: this.#cwd, env: this.#env });
  }

  async call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const answer = await this.node.call(method, path, this.#token, body);
    expect(answer.status, answer.text).toBeLessThan(300);
    return answer.body as Record<string, unknown>;
  }

  push(payload: unknown): Promise<unknown> {
    return this.call("POST", "/v1/push", { to: [`board:${BOARD}`], topic: "n", payload });
  }

  async credential(): Promise<string> {
    const wanted = { kind: "board", board: BOARD, ttlMs: 600_000 };
    return (await this.call("POST", "/v1/tokens", wanted))["token"] as string;
  }

  async uploads(): Promise<unknown[]> {
    const { items } = await this.call("GET", "/v1/uploads?consumer=crm&limit=1000");
    const payloads = (items as { payload: number }[]).map(({ payload }) => payload);
    return payloads.sort((one, other) => one - other);
  }

  async device(options: {
    readonly onPush: (payload: unknown) => void;
    readonly place?: Place;
    readonly network?: ReturnType<typeof udpNetwork>;
  }): Promise<UdpDevice> {
    const { secret } = await this.call("GET", `/v1/boards/${BOARD}/secret`);
    const { onPush, place, network = udpNetwork("127.0.0.1", this.port) } = options;
    return new Promise((resolve) => {
      const device = new UdpDevice({
        key: { type: "device", principal: `board:${BOARD}`, device: "board" },
        secret: Buffer.from(secret as string, "base64url"),
        ...{ network, place },
        // What goes to an address that the device has left is lost until the device speaks.
        keepAliveMs: 300,
        onPush: (push) => onPush(push["payload"]),
        onState: (state) => state === "connected" && resolve(device),
      });
      onTestFinished(() => device.drop());
    });
  }
}
