/**
 * Users, devices, pushes, drops, restarts and a failing store, in random order from a seed.
 *
 * Every promise of the protocol is checked by the devices themselves; now and then everything is
 * brought to rest, and what was accepted has to be accounted for, item by item.
 */
import { expect, test } from "vitest";
import { ledgerGap, type Outcome } from "../../src/core/ledger.ts";
import { seededRandom } from "../../src/core/random.ts";
import { memoryStores } from "../../src/persistence/memory/memory-stores.ts";
import type { InboxStore, NewInboxItem } from "../../src/persistence/ports/inbox.ts";
import { GatedInbox } from "../testkit/gated-inbox.ts";
import { item, type SessionNode, sessionNode } from "../testkit/session-node.ts";
import { VirtualClock } from "../testkit/virtual-clock.ts";
import { SimulatedDevice } from "./simulated-device.ts";

const SEEDS = 60;
const STEPS = 250;
const USERS = ["ann", "bob", "cid"];

test.each(Array.from({ length: SEEDS }, (_, index) => index + 1))(
  "with seed %i every promise holds",
  async (seed) => {
    const world = new World(seed);
    for (let step = 1; step <= STEPS; step++) {
      await world.step();
      if (step % 50 === 0) await world.rest();
      expect(world.complaints()).toEqual([]);
    }
    await world.crashed();
  },
);

/** One node after another on one store, with its users' devices. */
class World {
  readonly #random;
  readonly #clock = new VirtualClock();
  readonly #inner: InboxStore;
  readonly #devices: SimulatedDevice[];
  readonly #perUserMax: number;
  /** Every item that the store took, by user and offset. */
  readonly #recorded = new Map<string, NewInboxItem>();
  readonly #outcomes = new Map<string, Outcome>();
  readonly #unsent: NewInboxItem[][] = [];
  #node: SessionNode;
  #ids = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#perUserMax = seed % 3 === 0 ? 12 : 1_000;
    this.#inner = this.#recording(
      memoryStores({ inboxPerUserMax: this.#perUserMax, clock: this.#clock }).inbox,
    );
    this.#devices = USERS.flatMap((user) =>
      ["phone", "tablet"].map((name) => new SimulatedDevice(user, name, this.#random)),
    );
    this.#node = this.#start();
  }

  complaints(): string[] {
    return this.#devices.flatMap(({ complaints }) => complaints);
  }

  /** Throws when an actor has crashed. */
  async crashed(): Promise<void> {
    await this.#node.settle();
  }

  async step(): Promise<void> {
    const device = this.#pick(this.#devices);
    const chance = this.#random();
    if (chance < 0.3) this.#push();
    else if (chance < 0.45) device.connect(this.#node);
    else if (chance < 0.52) device.drop();
    else if (chance < 0.75) device.read(1 + Math.floor(this.#random() * 6));
    else if (chance < 0.88) await this.#confirm(device);
    else if (chance < 0.94) await this.#node.advance(this.#random() * 2_000);
    else if (chance < 0.97) this.#breakOrMend();
    else if (chance < 0.99) this.#holdOrRelease();
    else await this.#restart();
    // Otherwise several things happen at once, also within one round of the clerk.
    if (this.#random() < 0.4) await this.#node.settle();
  }

  /** Brings everything to rest: all devices connect, read and confirm all; then checks. */
  async rest(): Promise<void> {
    this.#mend();
    await this.#node.advance(20_000);
    for (const batch of this.#unsent.splice(0)) void this.#append(batch);
    for (let round = 0; round < 60; round++) {
      for (const device of this.#devices) {
        device.connect(this.#node);
        device.read(1_000);
        device.confirm(true);
      }
      await this.#node.advance(200);
    }
    await this.#check();
  }

  async #check(): Promise<void> {
    expect(this.complaints()).toEqual([]);
    const ledger = await this.#node.store.ledger("push");
    expect(ledgerGap(ledger)).toBe(0);
    expect(ledger).toMatchObject({ accepted: this.#recorded.size, pending: 0 });
    const heads = await this.#inner.read(USERS, this.#clock.now());
    for (const device of this.#devices) {
      const { head } = heads[USERS.indexOf(device.user)]!;
      expect(device.welcomed).toBe(true);
      expect(device.missing(head, (offset) => this.#excused(device.user, offset))).toEqual([]);
    }
    for (const key of this.#recorded.keys()) {
      const [user, offset] = [key.split(":")[0]!, Number(key.split(":")[1])];
      const received = this.#devices.some((one) => one.user === user && one.seen.has(offset));
      const outcome = this.#outcomes.get(key);
      // Written without confirmation means given to a connection, which may have died with it.
      if (!received && outcome !== "delivered") {
        expect(this.#letGo(key), `${key} ended as ${outcome}`).toBe(true);
      }
    }
  }

  /** Whether a device need not get it: confirmed by another one, or too late. */
  #excused(user: string, offset: number): boolean {
    const key = `${user}:${offset}`;
    return this.#outcomes.get(key) === "acked" || this.#isExpired(key);
  }

  /** Whether nobody needs to have got it: too late, or shed by the limit of the inbox. */
  #letGo(key: string): boolean {
    return this.#isExpired(key) || (this.#perUserMax < 1_000 && !this.#outcomes.has(key));
  }

  #isExpired(key: string): boolean {
    return this.#recorded.get(key)!.expiresAt <= this.#clock.now();
  }

  #start(): SessionNode {
    return sessionNode({
      clock: this.#clock,
      seed: Math.floor(this.#random() * 1e9),
      store: new GatedInbox(this.#inner),
      session: { graceMs: 5_000, retainedMax: 8, chunkPushes: 3, chunkBytes: 32_768 },
      clerk: { batchMax: 7, expireMax: 5, untouchedMax: 2 },
    });
  }

  /** Ends the node, half of the time as kill -9 would: what it had not stored is gone. */
  async #restart(): Promise<void> {
    await this.#node.settle();
    if (this.#random() < 0.5) this.#node.store.down.add("all");
    this.#node.store.release();
    for (const device of this.#devices) device.drop();
    await this.#node.system.stop({ deadlineMs: 0 });
    this.#node = this.#start();
  }

  /** The device counts what it confirmed as confirmed, so the session has to know, too. */
  async #confirm(device: SimulatedDevice): Promise<void> {
    device.confirm(false);
    await this.#node.settle();
  }

  #breakOrMend(): void {
    const { down, answersLost } = this.#node.store;
    if (down.size + answersLost.size > 0) return this.#mend();
    if (this.#random() < 0.3) answersLost.add(this.#pick(["read", "append", "settle"] as const));
    else down.add(this.#pick(["read", "append", "settle", "all"] as const));
  }

  #mend(): void {
    this.#node.store.down.clear();
    this.#node.store.answersLost.clear();
    this.#node.store.release();
  }

  #holdOrRelease(): void {
    this.#node.store.release();
    if (this.#random() < 0.6) this.#node.store.hold();
  }

  #push(): void {
    const count = 1 + Math.floor(this.#random() * 4);
    const batch = Array.from({ length: count }, () => {
      const expiresAt = this.#clock.now() + (this.#random() < 0.1 ? 1_500 : 36_000_000);
      const ack = this.#random() < 0.7;
      return item(this.#pick(USERS), `m${++this.#ids}`, { ack, expiresAt });
    });
    void this.#append(batch);
    // A sender that is in doubt sends again.
    if (this.#random() < 0.1) void this.#append(batch);
  }

  async #append(batch: NewInboxItem[]): Promise<void> {
    await this.#node.desk.append(batch).catch(() => this.#unsent.push(batch));
  }

  /** Notes what the store took and, of the first settlement of each item, its outcome. */
  #recording(store: InboxStore): InboxStore {
    const { append, settle } = store;
    return {
      ...store,
      append: async (items) => {
        const appended = await append(items);
        items.forEach((one, index) => {
          const { offset, fresh } = appended[index]!;
          if (fresh) this.#recorded.set(`${one.user}:${offset}`, one);
        });
        return appended;
      },
      settle: async (settlements, at) => {
        for (const { user, offset, outcome } of settlements) {
          const settled = await settle([{ user, offset, outcome }], at);
          if (settled === 1) this.#outcomes.set(`${user}:${offset}`, outcome);
        }
        return settlements.length;
      },
    };
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)]!;
  }
}
