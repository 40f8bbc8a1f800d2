import type { Ref } from "../../src/actors/kernel/actor.ts";
import type { SessionMessage } from "../../src/actors/session/messages.ts";
import type { Random } from "../../src/core/random.ts";
import { jsonCodec } from "../../src/gateways/protocol/json.ts";
import { Connection, type Socket } from "../../src/gateways/websocket/connection.ts";
import type { Hub } from "../../src/gateways/websocket/hub.ts";
import type { SessionNode } from "../testkit/session-node.ts";
import { FakeSocket, type Wire } from "./fake-socket.ts";
import { SimulatedSubscriptions } from "./simulated-subscriptions.ts";

const ALL = { subscribe: ["*"], publish: ["*"] };
const FOREVER = 2 ** 30;

/** What the devices of a simulation tell the world that judges them. */
export interface Judge {
  /** The server has written it to this session's connection, whether it arrives or not. */
  written(device: TalkingDevice, frame: Wire): void;
  /** The device has read it. */
  read(device: TalkingDevice, frame: Wire): void;
  complain(what: string): void;
}

/** A question of another device that was read, and not answered yet. */
interface Owed {
  readonly request: number;
  readonly key: string;
}

/** A device with a connection as the gateway has it, on a socket of the simulation. */
export class TalkingDevice {
  readonly principal: string;
  readonly name: string;
  readonly subscriptions: SimulatedSubscriptions;
  readonly owed: Owed[] = [];
  session: Ref<SessionMessage> | undefined;
  sessionId = "";
  socket: FakeSocket | undefined;
  isWelcome = false;
  readonly #judge: Judge;
  readonly #random: Random;
  #connection: Connection | undefined;
  #ids = 0;

  constructor(principal: string, name: string, judge: Judge, random: Random) {
    this.principal = principal;
    this.name = name;
    this.#judge = judge;
    this.#random = random;
    this.subscriptions = new SimulatedSubscriptions((what) => {
      judge.complain(`${principal}/${name} ${what}`);
    });
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** Continues its session if that lives, or begins one. */
  connect(node: SessionNode, hub: Hub): void {
    if (this.#connection !== undefined) return;
    const alive = this.session !== undefined && node.system.snapshot(this.session) !== undefined;
    if (!alive || this.#random() < 0.1) {
      this.session = node.openSession(this.principal, this.name);
      this.sessionId = this.session.path.split("/").at(-1)!;
      this.owed.length = 0;
    }
    const socket = new FakeSocket((frame) => this.#judge.written(this, frame));
    const address = hub.addresses.take(this.sessionId)!;
    const connection = new Connection(hub, jsonCodec, address, {
      hasBegun: true,
      receive: () => {},
      welcome: (it) => {
        it.welcomed(FOREVER);
        it.write('{"type":"welcome"}');
      },
    });
    connection.opened(socket as unknown as Socket);
    connection.joins(this.sessionId, this.session!);
    this.session!.send({ type: "attach", connection, offset: -1, grants: ALL });
    this.#connection = connection;
    this.socket = socket;
    this.isWelcome = false;
    this.subscriptions.connected();
  }

  /** The connection is gone with what was not read; the server hears of it unless `silent`. */
  drop(how: "good-bye" | "lost" | "silent"): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    if (how !== "silent") connection.closed(how === "lost" ? 1006 : 1000, new ArrayBuffer(0));
    this.socket = undefined;
    this.subscriptions.dropped();
  }

  /** Sends a frame; undefined when it is not connected, or the server has hung up. */
  request(frame: object): number | undefined {
    if (this.#connection === undefined || !this.isWelcome) return undefined;
    if (this.socket!.hasEnded) return undefined;
    const id = ++this.#ids;
    const bytes = new TextEncoder().encode(JSON.stringify({ id, ...frame }));
    this.#connection.receive(bytes.buffer, false);
    return id;
  }

  /** Looks at everything that has arrived. */
  read(): void {
    const { socket } = this;
    if (socket === undefined) return;
    for (const frame of socket.arrived.splice(0)) {
      if (frame.type === "welcome") this.isWelcome = true;
      if (frame.type === "message" && frame["request"] !== undefined) this.#owes(frame);
      this.subscriptions.read(frame);
      this.#judge.read(this, frame);
    }
    if (socket.hasEnded && socket.arrived.length === 0) {
      this.#connection = undefined;
      this.socket = undefined;
      this.subscriptions.dropped();
    }
  }

  /** Reads on after a pause. */
  resume(): void {
    if (this.socket === undefined || this.socket.isReading) return;
    this.socket.resume();
    this.#connection?.drained();
  }

  #owes(frame: Wire): void {
    const { key } = frame["payload"] as { readonly key: string };
    this.owed.push({ request: frame["request"] as number, key });
  }
}
