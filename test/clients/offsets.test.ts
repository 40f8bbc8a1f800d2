import { describe, expect, test } from "vitest";
import { Offsets } from "../../clients/js/src/offsets.ts";
import { type Random, seededRandom } from "../../src/core/random.ts";

const WORLDS = 300;
const STEPS = 400;

describe("in random worlds of pushes, failures, drops, lost acks, expiry and restarts", () => {
  for (const part of [0, 1, 2]) {
    test(`nothing is handled twice or taken for handled when it was not (${part})`, () => {
      for (let seed = part * WORLDS; seed < (part + 1) * WORLDS; seed += 1) {
        const world = new World(seededRandom(seed));
        for (let step = 0; step < STEPS; step += 1) world.step();
        world.settle();
        expect(world.problems, `seed ${seed}`).toEqual([]);
      }
    });
  }
});

test("a device that has received nothing claims nothing", () => {
  expect(new Offsets().handledUpTo).toBeUndefined();
  expect(new Offsets({ received: 4, open: [0] }).handledUpTo).toBeUndefined();
  expect(new Offsets({ received: 4, open: [] }).handledUpTo).toBe(4);
  expect(new Offsets({ received: 9, open: [7, 3] }).handledUpTo).toBe(2);
});

test("a late ack of something that has failed counts", () => {
  const offsets = new Offsets();
  offsets.receive(1);
  offsets.failed(1);
  expect(offsets.unhandled).toBe(1);
  offsets.handled(1);
  expect([offsets.unhandled, offsets.waiting, offsets.judge(1)]).toEqual([0, 0, "handled"]);
});

test("of several that failed, each that is passed over is settled, and only then", () => {
  const offsets = new Offsets({ received: 8, open: [2, 6] });
  offsets.connected();
  offsets.receive(2);
  offsets.handled(2);
  expect(offsets.handledUpTo).toBe(5);
  offsets.receive(9);
  offsets.handled(9);
  expect(offsets.handledUpTo).toBe(9);
});

/** A server that keeps what is not acked, a device that handles it, and bad luck between them. */
class World {
  readonly problems: string[] = [];
  readonly #random: Random;
  /** What the server keeps, ascending. */
  #kept: number[] = [];
  #next = 0;
  /** What is on its way on this connection. */
  #wire: number[] = [];
  #waiting: number[] = [];
  #offsets = new Offsets();
  readonly #handled = new Set<number>();
  readonly #gone = new Set<number>();

  constructor(random: Random) {
    this.#random = random;
    this.#connect();
  }

  step(): void {
    const luck = this.#random();
    if (luck < 0.3) this.#publish();
    else if (luck < 0.65) this.#arrive();
    else if (luck < 0.92) this.#handle(this.#random() < 0.2);
    else if (luck < 0.94) this.#expire();
    else if (luck < 0.98) this.#connect();
    else this.#restart();
    this.#check();
  }

  /** Lets everything arrive and succeed. */
  settle(): void {
    for (let round = 0; round < 2; round += 1) {
      this.#connect();
      while (this.#wire.length > 0) this.#arrive();
      while (this.#waiting.length > 0) this.#handle(false);
    }
    for (let offset = 0; offset < this.#next; offset += 1) {
      const isSettled = this.#handled.has(offset) || this.#gone.has(offset);
      if (!isSettled) this.problems.push(`${offset} was lost`);
    }
  }

  #publish(): void {
    // A number is left out where another device has handled the push meanwhile.
    if (this.#random() < 0.2) this.#gone.add(this.#next++);
    this.#kept.push(this.#next);
    this.#wire.push(this.#next);
    this.#next += 1;
  }

  #arrive(): void {
    const offset = this.#wire.shift();
    if (offset === undefined) return;
    const verdict = this.#offsets.receive(offset);
    if (verdict === "new") this.#waiting.push(offset);
    if (verdict === "handled") {
      if (!this.#handled.has(offset)) this.problems.push(`${offset} was taken for handled`);
      this.#ack(offset);
    }
    if (verdict === "open" && !this.#waiting.includes(offset)) {
      this.problems.push(`${offset} was taken for open`);
    }
  }

  #handle(fails: boolean): void {
    const offset = this.#waiting.shift();
    if (offset === undefined) return;
    if (fails) return this.#offsets.failed(offset);
    if (this.#handled.has(offset)) this.problems.push(`${offset} was handled twice`);
    this.#handled.add(offset);
    this.#offsets.handled(offset);
    this.#ack(offset);
  }

  /** One ack in three is lost. */
  #ack(offset: number): void {
    if (this.#random() < 0.67) this.#kept = this.#kept.filter((kept) => kept !== offset);
  }

  #expire(): void {
    const index = Math.floor(this.#random() * this.#kept.length);
    const [offset] = this.#kept.splice(index, 1);
    if (offset !== undefined) this.#gone.add(offset);
  }

  #connect(): void {
    this.#wire = [...this.#kept];
    this.#offsets.connected();
  }

  #restart(): void {
    this.#offsets = new Offsets(structuredClone(this.#offsets.save()));
    this.#waiting = [];
    this.#connect();
  }

  #check(): void {
    const upTo = this.#offsets.handledUpTo ?? -1;
    for (const offset of this.#kept) {
      if (offset > upTo) break;
      if (!this.#handled.has(offset)) this.problems.push(`${offset} is below ${upTo}`);
    }
    if (this.#offsets.waiting !== this.#waiting.length) this.problems.push("waiting is wrong");
  }
}
