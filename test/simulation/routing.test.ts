/**
 * Phones, boards, families and topics, in random order from a seed, on a node whose connections
 * are the gateway's own: sends with and without answers, drops, resumes, half-open connections,
 * slow readers, full mailboxes, changes of relations, and topics that end.
 */
import { expect, test } from "vitest";
import { sessionKind } from "../../src/actors/session/messages.ts";
import { type TopicMessage, topicKind } from "../../src/actors/topic/messages.ts";
import { userKind } from "../../src/actors/user/messages.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { noMetrics } from "../../src/core/metrics.ts";
import { seededRandom } from "../../src/core/random.ts";
import type { Result } from "../../src/core/result.ts";
import { Hub } from "../../src/gateways/websocket/hub.ts";
import type { WebSocketOptions } from "../../src/gateways/websocket/options.ts";
import { WS_LIMITS } from "../testkit/device-node.ts";
import { reachDesk } from "../testkit/reach-desk.ts";
import { type SessionNode, sessionNode } from "../testkit/session-node.ts";
import { Bonds } from "./bonds.ts";
import { Switchboard } from "./switchboard.ts";
import { TalkingDevice } from "./talking-device.ts";

const SEEDS = 40;
const STEPS = 600;
const USERS = ["ann", "bob", "cid", "zed"];
const BOARDS = ["b1", "b2", "b3"];
const DEVICES = [
  ...["ann/phone", "ann/tablet", "bob/phone", "cid/phone", "zed/phone"],
  ...["board:b1/it", "board:b2/it", "board:b3/it", "board:b3/spare"],
];
const TOPICS = ["calm", "lossy", "latest", "brief"];
const ROLES = ["owner", "owner", "member", "guest", undefined] as const;
/** Of a session. */
const MAILBOX_MAX = 2_000;

test.each(Array.from({ length: SEEDS }, (_, index) => index + 1))(
  "with seed %i each send has one end, and topics have no hole that is not told",
  async (seed) => {
    const world = new World(seed);
    for (let step = 1; step <= STEPS; step++) {
      await world.step();
      if (step % 100 === 0) await world.rest();
      expect(world.complaints).toEqual([]);
    }
    await world.end();
  },
);

test("all that a simulation is about has happened in the seeds above", async () => {
  const world = new World(0);
  for (let step = 1; step <= 4_000; step++) await world.step();
  await world.rest();
  expect(world.complaints).toEqual([]);
  const happened = world.happened();
  const absent = Object.entries(happened).filter(([, times]) => times === 0);
  expect(absent, JSON.stringify(happened)).toEqual([]);
});

class World {
  readonly #random;
  readonly #node: SessionNode;
  readonly #bonds: Bonds;
  readonly #board: Switchboard;
  readonly #hub: Hub;
  readonly #devices: TalkingDevice[];
  readonly #published = new Map<string, string>();
  #payloads = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#node = sessionNode({
      seed: Math.floor(this.#random() * 1e9),
      session: { graceMs: 5_000, requestsMax: 3, subscriptionsMax: 3 },
      topic: { historyMax: 40, historyMs: 20_000 },
      topicOf: (name) => {
        if (name === "lossy") return { slow: "drop-oldest", historyMax: 6 };
        if (name === "latest") return { slow: "coalesce" };
        return name === "brief" ? { historyMax: 0 } : {};
      },
    });
    const { clock, system } = this.#node;
    const limits = { ...WS_LIMITS, framesPerSecond: 0, unsentBytesMax: 60_000 };
    this.#hub = new Hub({
      ...{ clock, logger: silentLogger, metrics: noMetrics, random: this.#random },
      limits: { ...limits, heldPublicationsMax: 5 },
      findSession: (id: string) => system.find(sessionKind, id),
    } as unknown as WebSocketOptions);
    this.#bonds = new Bonds(reachDesk(system), USERS, BOARDS);
    for (const board of BOARDS) this.#bonds.bind("ann", board, "owner");
    this.#bonds.bind("cid", "b3", "owner");
    this.#bonds.join("bob", "member");
    this.#bonds.join("cid", "guest");
    this.#bonds.publish();
    this.#board = new Switchboard(this.#bonds);
    this.#devices = DEVICES.map((name) => {
      return new TalkingDevice(name.split("/")[0]!, name, this.#board, this.#random);
    });
  }

  get complaints(): readonly string[] {
    return this.#board.complaints;
  }

  happened(): Record<string, number> {
    const sum = (of: (device: TalkingDevice) => number) =>
      this.#devices.reduce((total, device) => total + of(device), 0);
    const { answersLate, answersStray, lost } = this.#node.tally.routes;
    const wanted = ["sent", "answer", "route.offline", "route.forbidden", "route.timeout"];
    const ends = [...wanted, "route.too-many"];
    return {
      ...Object.fromEntries(ends.map((end) => [end, this.#board.ends[end] ?? 0])),
      ...{ answersLate, answersStray, lost },
      recoveries: sum(({ subscriptions }) => subscriptions.recoveries),
      holes: sum(({ subscriptions }) => subscriptions.holes),
    };
  }

  async step(): Promise<void> {
    const device = this.#pick(this.#devices);
    const chance = this.#random();
    if (chance < 0.14) device.connect(this.#node, this.#hub);
    else if (chance < 0.16) device.drop(this.#pick(["good-bye", "lost", "lost", "silent"]));
    else if (chance < 0.36) this.#send(device);
    else if (chance < 0.46) this.#answer(device);
    else if (chance < 0.6) this.#subscribe(device);
    else if (chance < 0.78) this.#publish(device);
    else if (chance < 0.83) device.socket?.pause();
    else if (chance < 0.86) device.resume();
    else if (chance < 0.9) await this.#advance(this.#random() * 2_000);
    else if (chance < 0.93) this.#relate();
    else if (chance < 0.97) this.#flood(device);
    else if (chance < 0.975) this.#endTopic();
    for (const other of this.#devices) if (this.#random() < 0.8) other.read();
    if (this.#random() < 0.5) await this.#settle();
  }

  /** Lets everything that was begun come to its end, with everybody connected and reading. */
  async rest(): Promise<void> {
    for (let round = 0; round < 15; round++) {
      for (const device of this.#devices) {
        device.connect(this.#node, this.#hub);
        device.resume();
        device.read();
      }
      await this.#advance(1_000);
    }
    expect(this.complaints).toEqual([]);
    expect(this.#board.silent()).toEqual([]);
    expect(this.#node.tally.routes.pending).toBe(0);
    for (const device of this.#devices) await this.#checkTopics(device);
  }

  /** Everybody leaves, and nothing of them is left. */
  async end(): Promise<void> {
    for (const device of this.#devices) device.drop("lost");
    await this.#advance(200_000);
    const { system, tally } = this.#node;
    expect(system.count(sessionKind)).toBe(0);
    expect(system.count(userKind)).toBe(0);
    expect(system.count(topicKind)).toBe(0);
    expect(tally.routes.pending).toBe(0);
    expect(this.#hub.connections).toBe(0);
    expect(this.complaints).toEqual([]);
  }

  async #checkTopics(device: TalkingDevice): Promise<void> {
    expect(device.subscriptions.isWaiting, `${device.name} waits`).toBe(false);
    for (const [topic, place] of device.subscriptions.places) {
      const found = this.#node.system.ask<TopicMessage, Result<{ epoch: string; offset: number }>>(
        this.#node.system.entity(topicKind, topic),
        (replyTo) => ({ type: "history", replyTo }),
        { deadlineMs: 1_000 },
      );
      await this.#settle();
      const answer = await found;
      if (!answer.ok) throw answer.error;
      const { epoch, offset } = answer.value;
      expect({ name: device.name, topic, ...place }).toEqual({
        ...{ name: device.name, topic, epoch, offset },
      });
    }
    for (const [at, payload] of device.subscriptions.seen) {
      expect(this.#published.get(at) ?? payload, `${device.name} ${at}`).toBe(payload);
      this.#published.set(at, payload);
    }
  }

  #send(device: TalkingDevice): void {
    const { sessionId } = this.#pick(this.#devices);
    const to = this.#pick([
      ...["boards", "boards", "phones", "phones", "family:ann", "family:cid", "user:nobody"],
      ...USERS.map((user) => `user:${user}`),
      ...BOARDS.map((board) => `board:${board}`),
      ...[`session:${sessionId || "none"}`, `session:${sessionId || "none"}`],
    ]);
    const chance = this.#random();
    const answerWithinMs = 50 + Math.floor(this.#random() * 4_000);
    if (chance < 0.5) this.#board.send(device, to, { answerWithinMs });
    else if (chance < 0.7) this.#board.send(device, to, { keepMs: 1_000_000 });
    else this.#board.send(device, to, {});
  }

  /** Answers what it owes, mostly; now and then twice, or something that nobody asked. */
  #answer(device: TalkingDevice): void {
    if (this.#random() < 0.05) {
      const request = Math.floor(this.#random() * 20);
      device.request({ type: "answer", request, payload: { isGuess: true } });
      return;
    }
    if (device.owed.length === 0) return;
    const at = Math.floor(this.#random() * device.owed.length);
    const { request, key } = device.owed[at]!;
    if (this.#random() < 0.9) device.owed.splice(at, 1);
    const said = this.#random() < 0.8 ? { payload: { answers: key } } : { error: "it is broken" };
    device.request({ type: "answer", request, ...said });
  }

  #subscribe(device: TalkingDevice): void {
    const topic = this.#pick(TOPICS);
    if (this.#random() < 0.2) {
      const id = device.request({ type: "unsubscribe", topic });
      if (id !== undefined) device.subscriptions.leaves(topic);
      return;
    }
    const since = this.#random() < 0.8 ? device.subscriptions.since(topic) : undefined;
    const presence = this.#random() < 0.3;
    const id = device.request({ type: "subscribe", topic, presence, ...since });
    if (id !== undefined) device.subscriptions.asks(topic, id, since);
  }

  #publish(device: TalkingDevice): void {
    const topic = this.#pick(TOPICS);
    const many = this.#random() < 0.2 ? 8 : 1;
    for (let n = 0; n < many; n += 1) {
      this.#payloads += 1;
      const text = "x".repeat(Math.floor(this.#random() ** 3 * 12_000));
      device.request({ type: "publish", topic, payload: [this.#payloads, text] });
    }
  }

  #relate(): void {
    const role = this.#pick(ROLES);
    if (this.#random() < 0.5) this.#bonds.bind(this.#pick(USERS), this.#pick(BOARDS), role);
    else this.#bonds.join(this.#pick(USERS), role);
    this.#bonds.publish();
  }

  /** Publishes by the back end while a session's mailbox has room for few of them, or none. */
  #flood({ session }: TalkingDevice): void {
    const topic = this.#pick(TOPICS);
    for (let n = 0; n < 4; n += 1) {
      const payload = JSON.stringify([++this.#payloads, "flood"]);
      const to = this.#node.system.entity(topicKind, topic);
      to.send({ type: "publish", payload, from: undefined });
    }
    const room = Math.floor(this.#random() * 4);
    for (let n = 0; n < MAILBOX_MAX - room; n += 1) {
      session?.send({ type: "ack", offsets: [], upTo: -1 });
    }
  }

  #endTopic(): void {
    const topic = this.#node.system.find(topicKind, this.#pick(TOPICS));
    if (topic !== undefined) this.#node.system.stopActor(topic);
  }

  async #settle(): Promise<void> {
    await this.#node.settle();
    this.#board.settled();
  }

  async #advance(ms: number): Promise<void> {
    await this.#node.advance(ms);
    this.#board.settled();
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)]!;
  }
}
