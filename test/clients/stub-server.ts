import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { Packr } from "msgpackr";
import { type WebSocket, WebSocketServer } from "ws";
import type { HeraldClient } from "../../clients/js/src/client.ts";
import type { ClientState, StateDetail } from "../../clients/js/src/events.ts";
import { connect } from "../../clients/js/src/index.ts";
import type { ClientOptions } from "../../clients/js/src/options.ts";
import type { ClientFrame, ServerFrame } from "../../src/gateways/protocol/frames.ts";
import { VirtualClock } from "../testkit/virtual-clock.ts";

const packr = new Packr({ useRecords: false, int64AsType: "number" });

type Welcome = Extract<ServerFrame, { type: "welcome" }>;
type PushFrame = Extract<ServerFrame, { type: "push" }>;

/** Things that arrive, and those who wait for them; first come, first served. */
class Arrivals<Thing> {
  readonly #things: Thing[] = [];
  readonly #waiters: ((thing: Thing) => void)[] = [];

  add(thing: Thing): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#things.push(thing);
    else waiter(thing);
  }

  next(): Promise<Thing> {
    const thing = this.#things.shift();
    if (thing !== undefined) return Promise.resolve(thing);
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  get count(): number {
    return this.#things.length;
  }
}

/** The server's end of one connection: says only what the test tells it to. */
export class StubConnection {
  readonly protocol: string;
  /** The code with which the client closed, once it has. */
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  readonly #frames = new Arrivals<ClientFrame>();

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.protocol = socket.protocol;
    this.closed = once(socket, "close").then(([code]) => code as number);
    socket.on("error", () => {});
    socket.on("message", (data: Buffer, isBinary) => {
      this.#frames.add(isBinary ? packr.unpack(data) : JSON.parse(data.toString()));
    });
  }

  /** The next frame of the client. */
  frame(): Promise<ClientFrame> {
    return this.#frames.next();
  }

  /** Frames that nobody has asked for yet. */
  get unread(): number {
    return this.#frames.count;
  }

  send(frame: ServerFrame): void {
    this.raw(this.protocol.endsWith("json") ? JSON.stringify(frame) : packr.pack(frame));
  }

  raw(data: string | Uint8Array): void {
    this.#socket.send(data);
  }

  /** Reads the hello and answers it. */
  async login(fields: Partial<Welcome> = {}): Promise<ClientFrame & { type: "hello" }> {
    const hello = await this.frame();
    if (hello.type !== "hello") throw new Error(`the first frame is ${hello.type}`);
    this.send({
      type: "welcome",
      session: "s_1",
      resume: "token-1",
      heartbeatMs: 60_000,
      recovered: true,
      head: 1_000_000,
      limits: { frameBytes: 65_536, framesPerSecond: 500 },
      ...fields,
    });
    return hello;
  }

  push(offset: number | undefined, fields: Partial<PushFrame> = {}): void {
    const at = offset === undefined ? {} : { offset };
    const ids = { id: `p_${offset ?? "volatile"}`, topic: "news", payload: { n: offset ?? null } };
    this.send({ type: "push", ...ids, ack: true, expiresAt: 4_102_444_800_000, ...at, ...fields });
  }

  /** The connection breaks without a word. */
  drop(): void {
    this.#socket.terminate();
  }

  close(code: number, reason = ""): void {
    this.#socket.close(code, reason);
  }
}

/** A real WebSocket server that plays Herald by a test's script. */
export class StubServer {
  readonly port: number;
  readonly #server: WebSocketServer;
  readonly #connections = new Arrivals<StubConnection>();
  readonly #clients: HeraldClient[] = [];

  constructor(server: WebSocketServer) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (socket) => this.#connections.add(new StubConnection(socket)));
  }

  static async start(port = 0): Promise<StubServer> {
    const handleProtocols = (offered: Set<string>): string | false => [...offered][0] ?? false;
    const server = new WebSocketServer({ host: "127.0.0.1", port, handleProtocols });
    await once(server, "listening");
    return new StubServer(server);
  }

  /** Stays the same after the server has stopped. */
  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** The next connection, in the order of their coming. */
  accept(): Promise<StubConnection> {
    return this.#connections.next();
  }

  /** Connections that nobody has accepted yet. */
  get waiting(): number {
    return this.#connections.count;
  }

  /** A client of this server on virtual time; the longest back-off is what jitter gives. */
  client(options: Partial<ClientOptions> = {}): { client: HeraldClient; clock: VirtualClock } {
    const clock = new VirtualClock();
    const client = connect({
      url: this.url,
      credential: "a.b.c",
      device: "phone",
      clock,
      random: () => 1,
      onError: () => {},
      ...options,
    });
    this.#clients.push(client);
    return { client, clock };
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) void client.close();
    for (const socket of this.#server.clients) socket.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Resolves when the client is in that state, with the detail. */
export function reached(client: HeraldClient, state: ClientState): Promise<StateDetail> {
  if (client.state === state) return Promise.resolve(client.detail);
  return new Promise((resolve) => {
    const remove = client.on("state", (entered, detail) => {
      if (entered !== state) return;
      remove();
      resolve(detail);
    });
  });
}

/** A promise for the moment when `count` things have been added to it. */
export function collector<Thing>(count: number): {
  readonly things: Thing[];
  readonly full: Promise<Thing[]>;
  readonly add: (thing: Thing) => void;
} {
  const things: Thing[] = [];
  const { promise, resolve } = Promise.withResolvers<Thing[]>();
  const add = (thing: Thing): void => {
    things.push(thing);
    if (things.length === count) resolve(things);
  };
  return { things, full: promise, add };
}

/** What was sent before has been received, on both sides, when this resolves; acks are skipped. */
export async function synced(client: HeraldClient, connection: StubConnection): Promise<void> {
  await client.whenConnected();
  const pong = client.ping();
  let frame = await connection.frame();
  while (frame.type !== "ping") frame = await connection.frame();
  connection.send({ type: "pong", id: frame.id });
  await pong;
}
