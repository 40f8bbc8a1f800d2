import { expect, test } from "vitest";
import { seededRandom } from "../../../src/core/random.ts";
import { type Bucket, payFrame, waitMs } from "../../../src/gateways/websocket/frame-rate.ts";
import { type Member, Roster } from "../../../src/gateways/websocket/roster.ts";
import { UseCounts } from "../../../src/gateways/websocket/use-counts.ts";

class Guest implements Member<Guest> {
  previous: Guest | undefined = undefined;
  next: Guest | undefined = undefined;
  readonly name: number;

  constructor(name: number) {
    this.name = name;
  }
}

test("a roster keeps its order and its size under random comings and goings", () => {
  const random = seededRandom(3);
  const roster = new Roster<Guest>();
  const model: Guest[] = [];
  for (let step = 0; step < 5000; step += 1) {
    if (random() < 0.55 || model.length === 0) {
      const guest = new Guest(step);
      roster.add(guest);
      model.push(guest);
    } else {
      const [guest] = model.splice(Math.floor(random() * model.length), 1);
      roster.remove(guest!);
    }
    expect(roster.size).toBe(model.length);
    expect(roster.first).toBe(model[0]);
  }
  const seen: Guest[] = [];
  for (let guest = roster.first; guest !== undefined; guest = guest.next) seen.push(guest);
  expect(seen).toEqual(model);
});

test("sweeping visits everybody in turn, also while they are removed", () => {
  const roster = new Roster<Guest>();
  for (let name = 0; name < 10; name += 1) roster.add(new Guest(name));
  const seen: number[] = [];
  const visit = (guest: Guest): void => {
    seen.push(guest.name);
    if (guest.name % 3 === 0) roster.remove(guest);
  };
  for (let round = 0; round < 4; round += 1) roster.sweep(3, visit);
  expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  roster.sweep(2, visit);
  expect(seen.slice(10)).toEqual([1, 2]);
  expect(roster.size).toBe(6);
});

test("a rate is kept to the frame, over any pauses", () => {
  const random = seededRandom(5);
  for (const perSecond of [1, 7, 333, 1000, 1500, 1_000_000]) {
    const rate = { perSecond, burst: 10 };
    // Just before the 32 bits of the clock are used up.
    let now = 2 ** 32 - 1000;
    const start = now;
    const bucket: Bucket = { credit: 10_000, creditAt: now | 0 };
    let taken = 0;
    for (let step = 0; step < 2000; step += 1) {
      if (payFrame(bucket, rate, now) === "taken") taken += 1;
      else bucket.credit += 1000;
      now += Math.floor(random() * 3);
    }
    expect(taken).toBeLessThanOrEqual(10 + ((now - start) * perSecond) / 1000);
  }
});

test("after the time that it is told to wait a sender is taken again", () => {
  const rate = { perSecond: 3, burst: 2 };
  const bucket: Bucket = { credit: 2000, creditAt: 0 };
  const verdicts = Array.from({ length: 3 }, () => payFrame(bucket, rate, 0));
  expect(verdicts).toEqual(["taken", "taken", "refused"]);
  const wait = waitMs(bucket, rate);
  expect(payFrame({ ...bucket }, rate, wait - 1)).toBe("refused");
  expect(payFrame(bucket, rate, wait)).toBe("taken");
});

test("what nobody uses is not kept", () => {
  const counts = new UseCounts(2);
  const [first, second] = [counts.take("a"), counts.take("a")];
  expect(first).toBe(second);
  expect(counts.take("a")).toBeUndefined();
  counts.release(first!);
  counts.release(second!);
  expect(counts.take("a")).not.toBe(first);
});
