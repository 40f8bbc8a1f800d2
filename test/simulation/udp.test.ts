/**
 * Devices over UDP on virtual time and a network that reorders 20 %, loses 10 %, repeats 5 %, and
 * gives each device another address every 30 seconds; now and then it is gone for longer than the
 * server waits, so that the device opens another channel and continues its session.
 *
 * Whatever was acknowledged, in either direction, is there once.
 */
import { expect, test } from "vitest";
import { UdpDevice } from "../../clients/udp/src/device.ts";
import type { Ref } from "../../src/actors/kernel/actor.ts";
import { externalRef } from "../../src/actors/kernel/external.ts";
import type { ConnectionMessage, SessionMessage } from "../../src/actors/session/messages.ts";
import { every } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { noMetrics } from "../../src/core/metrics.ts";
import { type Random, seededRandom } from "../../src/core/random.ts";
import { resumeTokens } from "../../src/gateways/auth/resume-tokens.ts";
import { UdpCounts } from "../../src/gateways/udp/counts.ts";
import { Exchange } from "../../src/gateways/udp/exchange.ts";
import { secretOf, UDP_LIMITS } from "../gateways/udp/udp-node.ts";
import { item, sessionNode } from "../testkit/session-node.ts";
import { BadNetwork } from "./bad-network.ts";

const SEEDS = 30;
const SECONDS = 200;
const OUTAGE_SECONDS = 55;
const PRINCIPALS = ["board:b1", "board:b2"];

test.each(Array.from({ length: SEEDS }, (_, index) => index + 1))(
  "nothing that was acknowledged is lost or repeated, seed %i",
  async (seed) => {
    const world = new World(seed);
    for (let second = 1; second <= SECONDS; second += 1) await world.second(second);
    await world.rest();
    world.check();
  },
);

class World {
  readonly #random: Random;
  readonly #node;
  readonly #network: BadNetwork;
  readonly #counts = new UdpCounts(noMetrics);
  readonly #devices: { device: UdpDevice; principal: string; move: () => void }[] = [];
  /** Offsets that `onPush` was called with, by principal. */
  readonly #seen = new Map<string, number[]>();
  readonly #pushed = new Map<string, number>();
  /** Uploads as the sessions got them, and as the devices were told that they are there. */
  readonly #uploads: string[] = [];
  readonly #answered: string[] = [];
  readonly #asked: string[] = [];
  readonly #sessions = new Map<string, Ref<SessionMessage>>();
  #ids = 0;
  /** In every second world; longer than the server waits. */
  readonly #outageAt: number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#outageAt = seed % 2 === 0 ? SECONDS : 35 + Math.floor(this.#random() * 80);
    this.#node = sessionNode({ seed, session: { graceMs: 120_000 } });
    this.#network = new BadNetwork(this.#node.clock, this.#random);
    this.#network.weather = { loss: 0.1, duplication: 0.05, reordering: 0.2 };
    const { system, clock } = this.#node;
    const exchange = new Exchange(
      {
        ...{ host: "", port: 0, system, clock, random: this.#random, logger: silentLogger },
        ...{ provisioning: [], resetSecret: Buffer.alloc(32), metrics: noMetrics },
        limits: UDP_LIMITS,
        openSession: ({ id, user, device }) => this.#open(id, user, device),
        findSession: (id) => this.#sessions.get(id),
        resumeTokens: resumeTokens(Buffer.alloc(32)),
        deviceKey: async (principal, device) => ({
          ...{ secret: secretOf(principal, device), grants: undefined },
        }),
        // As the node names its sessions.
        newId: () => `s${this.#sessions.size + 1}`,
      },
      this.#counts,
      (bytes, port) => this.#network.send(bytes, port),
    );
    every(1000, clock, () => exchange.tick());
    this.#network.attach((datagram, from) => exchange.receive(datagram, from));
    for (const principal of PRINCIPALS) this.#devices.push(this.#device(principal));
  }

  async second(number: number): Promise<void> {
    if (number % 30 === 0) for (const { move } of this.#devices) move();
    this.#network.isDown = number > this.#outageAt && number <= this.#outageAt + OUTAGE_SECONDS;
    for (const { device, principal } of this.#devices) {
      const pushes = Math.floor(this.#random() * 4);
      for (let n = 0; n < pushes; n += 1) this.#push(principal);
      const uploads = Math.floor(this.#random() * 3);
      for (let n = 0; n < uploads; n += 1) this.#upload(device, principal);
    }
    await this.#node.advance(1000);
  }

  /** Lets what is on its way come to its end, still in bad weather. */
  async rest(): Promise<void> {
    this.#network.isDown = false;
    const isAtRest = (): boolean =>
      this.#devices.every(({ device, principal }) => {
        const isPushed = this.#seen.get(principal)?.length === this.#pushed.get(principal);
        return isPushed && device.isSettled;
      });
    for (let second = 0; second < 200 && !isAtRest(); second += 1) await this.#node.advance(1000);
    await this.#node.advance(10_000);
    expect(isAtRest()).toBe(true);
  }

  check(): void {
    for (const principal of PRINCIPALS) {
      const count = this.#pushed.get(principal) ?? 0;
      const all = Array.from({ length: count }, (_, index) => index + 1);
      expect(this.#seen.get(principal) ?? []).toEqual(all);
    }
    expect([...this.#answered].sort()).toEqual([...this.#asked].sort());
    expect([...this.#uploads].sort()).toEqual([...this.#asked].sort());
    expect(this.#network.moves).toBeGreaterThan(4);
    expect(this.#counts.moved).toBeGreaterThan(2);
    expect(this.#counts.dropped.repeated).toBeGreaterThan(10);
  }

  #push(principal: string): void {
    this.#ids += 1;
    this.#pushed.set(principal, (this.#pushed.get(principal) ?? 0) + 1);
    void this.#node.desk.append([item(principal, `m${this.#ids}`, { expiresAt: 1e15 })]);
  }

  #upload(device: UdpDevice, principal: string): void {
    this.#ids += 1;
    const key = `${principal} ${this.#ids}`;
    this.#asked.push(key);
    void device
      .request({ type: "upload", kind: "state", payload: { at: this.#ids }, key })
      .then(({ type }) => this.#answered.push(type === "uploaded" ? key : `${type} for ${key}`));
  }

  #device(principal: string) {
    let move = (): void => {};
    const device = new UdpDevice({
      key: { type: "device", principal, device: "board" },
      secret: secretOf(principal, "board"),
      network: this.#network.open((moves) => {
        move = moves;
      }),
      clock: this.#node.clock,
      random: this.#random,
      randomBytes: (length) => Buffer.from(Array.from({ length }, () => this.#random() * 256)),
      onPush: ({ offset }) => {
        const seen = this.#seen.get(principal) ?? [];
        this.#seen.set(principal, [...seen, offset as number]);
      },
    });
    return { device, principal, move: () => move() };
  }

  /** A session as it is, with a back end that notes each upload and answers it. */
  #open(id: string, user: string, device: string): Ref<SessionMessage> {
    const inner = this.#node.openSession(user, device);
    let connection: Ref<ConnectionMessage> | undefined;
    const session = externalRef<SessionMessage>(`/sessions/${id}`, (message) => {
      if (message.type === "attach") connection = message.connection;
      if (message.type !== "request" || message.request.type !== "upload") {
        return inner.send(message);
      }
      const { id: request, key } = message.request;
      this.#uploads.push(key!);
      const answer = { type: "frame", frame: { type: "uploaded", id: request } } as const;
      this.#node.clock.after(5, () => connection?.send(answer));
      return true;
    });
    this.#sessions.set(id, session);
    return session;
  }
}
