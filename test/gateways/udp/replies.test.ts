import { describe, expect, test } from "vitest";
import type { ServerFrame } from "../../../src/gateways/protocol/frames.ts";
import { Peers } from "../../../src/gateways/udp/peers.ts";
import { REPLAY_WINDOW, Received } from "../../../src/gateways/udp/received.ts";
import { Replies } from "../../../src/gateways/udp/replies.ts";

let channels = 0;

/** A request as it comes by a channel that was not there before. */
const request = (id: number, text: string, channel = `c${++channels}`, waitsMs = 0) => ({
  ...{ id, bytes: Buffer.from(text), channel, waitsMs },
});
const done = (id: number): ServerFrame => ({ type: "done", id });

describe("a request that comes again", () => {
  test("is not passed on again while its answer is on its way, and then has it", () => {
    const replies = new Replies();
    expect(replies.begin("s", request(1, "a"), 0)).toEqual({ type: "new" });
    expect(replies.begin("s", request(1, "a"), 100)).toEqual({ type: "pending" });
    replies.end("s", 1, done(1));
    const answered = { type: "answered", answer: done(1) };
    expect(replies.begin("s", request(1, "a"), 200)).toEqual(answered);
  });

  test("is a new one in another session, and when it says something else", () => {
    const replies = new Replies();
    replies.begin("s", request(1, "a"), 0);
    replies.end("s", 1, done(1));
    expect(replies.begin("t", request(1, "a"), 0).type).toBe("new");
    expect(replies.begin("s", request(1, "b"), 0).type).toBe("new");
  });

  test("is tried again after an error, and after half a minute without an answer", () => {
    const replies = new Replies();
    replies.begin("s", request(1, "a"), 0);
    replies.end("s", 1, { type: "error", code: "mailbox.full", message: "", id: 1 });
    expect(replies.begin("s", request(1, "a"), 10).type).toBe("new");
    expect(replies.begin("s", request(1, "a"), 30_009).type).toBe("pending");
    expect(replies.begin("s", request(1, "a"), 30_010).type).toBe("new");
  });

  test("that waits for somebody's answer is not done again while it may come", () => {
    const replies = new Replies();
    replies.begin("s", request(1, "a", "c", 120_000), 0);
    expect(replies.begin("s", request(1, "a"), 149_999).type).toBe("pending");
    expect(replies.begin("s", request(1, "a"), 150_000).type).toBe("new");
  });

  test("is a new one when its answer lies more than ten minutes back", () => {
    const replies = new Replies();
    for (const id of [1, 2]) {
      replies.begin("s", request(id, "a"), 0);
      replies.end("s", id, done(id));
    }
    replies.begin("s", request(3, "a"), 600_000);
    expect(replies.begin("s", request(1, "a"), 600_000).type).toBe("answered");
    replies.begin("s", request(4, "a"), 700_000);
    expect(replies.begin("s", request(2, "a"), 700_000).type).toBe("new");
    expect(replies.begin("s", request(4, "a"), 1_300_000).type).toBe("new");
  });

  test("on the channel that it came by before is meant again", () => {
    const replies = new Replies();
    expect(replies.begin("s", request(1, "a", "first"), 0).type).toBe("new");
    expect(replies.begin("s", request(1, "a", "first"), 0).type).toBe("new");
    replies.end("s", 1, done(1));
    expect(replies.begin("s", request(1, "a", "next"), 0).type).toBe("answered");
    expect(replies.begin("s", request(1, "a", "next"), 0).type).toBe("new");
  });

  test("is remembered among 64 of its session, of which the first answered goes first", () => {
    const replies = new Replies();
    for (let id = 1; id <= 64; id += 1) replies.begin("s", request(id, "a"), 0);
    for (const id of [3, 2, 64]) replies.end("s", id, done(id));
    replies.begin("s", request(65, "a"), 0);
    replies.begin("s", request(66, "a"), 0);
    expect(replies.begin("s", request(1, "a"), 0).type).toBe("pending");
    expect(replies.begin("s", request(64, "a"), 0).type).toBe("answered");
    expect(replies.begin("s", request(3, "a"), 0).type).toBe("new");
  });
});

describe("the replay window", () => {
  test("takes each number once, down to 1023 below the newest", () => {
    const received = new Received();
    received.add(5000);
    expect(received.isFresh(5000)).toBe(false);
    expect(received.isFresh(5000 - REPLAY_WINDOW + 1)).toBe(true);
    expect(received.isFresh(5000 - REPLAY_WINDOW)).toBe(false);
    received.add(4999);
    expect(received.isFresh(4999)).toBe(false);
    expect(received.isFresh(4998)).toBe(true);
  });

  test("forgets what it had when the numbers have come around its ring", () => {
    const received = new Received();
    for (let number = 1; number <= REPLAY_WINDOW; number += 1) received.add(number);
    received.add(REPLAY_WINDOW + 500);
    expect(received.isFresh(REPLAY_WINDOW + 100)).toBe(true);
    expect(received.ranges()).toEqual([
      { low: 1524, high: 1524 },
      { low: 501, high: 1024 },
    ]);
  });

  test("tells what has come as ranges, newest first, whatever the words it is kept in", () => {
    const has = (number: number): boolean => number % 97 !== 0 && number % 31 !== 5;
    const received = new Received();
    for (let number = 1; number <= 700; number += 1) if (has(number)) received.add(number);
    const told = new Set<number>();
    let above = Number.POSITIVE_INFINITY;
    for (const { low, high } of received.ranges()) {
      expect(high).toBeLessThan(above - 1);
      expect(low).toBeLessThanOrEqual(high);
      for (let number = low; number <= high; number += 1) told.add(number);
      above = low;
    }
    const lowest = Math.min(...told);
    for (let number = 700; number >= Math.max(1, lowest); number -= 1) {
      expect(told.has(number), String(number)).toBe(has(number));
    }
  });
});

test("a principal's devices have an address each, of which the one that came last is shown", () => {
  const peers = new Peers();
  const place = { address: "192.0.2.1", port: 1, since: 1 };
  peers.put("ann", "u1", { ...place, device: "phone" });
  peers.put("ann", "u2", { ...place, device: "pad", port: 2 });
  expect(peers.find("ann")).toEqual({ ...place, device: "pad", port: 2 });
  expect(peers.find("ann", "phone")).toEqual({ ...place, device: "phone" });
  peers.put("ann", "u1", { ...place, device: "phone", port: 3 });
  expect(peers.find("ann")).toMatchObject({ device: "phone", port: 3 });
  peers.remove("ann", "u1");
  peers.remove("ann", "u2");
  expect(peers.find("ann")).toBeUndefined();
});
