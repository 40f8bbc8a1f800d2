import { expect, test } from "vitest";
import { CHRONICLE_LIMITS, Chronicle, type ChronicleEvent } from "../../src/core/chronicle.ts";

const connected = (session: string): ChronicleEvent => ({
  ...{ type: "connected", session, device: "phone", resumed: false },
  from: { transport: "websocket", address: "192.0.2.7" },
});

test("the last events of a principal are kept, the oldest first", () => {
  const chronicle = new Chronicle({ ...CHRONICLE_LIMITS, eventsMax: 3 });
  for (let n = 1; n <= 5; n += 1) chronicle.note("ann", connected(`s-${n}`), n);
  expect(chronicle.read("ann").map(({ at }) => at)).toEqual([3, 4, 5]);
  expect(chronicle.read("bob")).toEqual([]);
});

test("who was quiet for longest is forgotten first", () => {
  const chronicle = new Chronicle({ ...CHRONICLE_LIMITS, principalsMax: 2 });
  chronicle.note("ann", connected("a"), 1);
  chronicle.note("bob", connected("b"), 2);
  chronicle.note("ann", connected("a2"), 3);
  chronicle.note("eve", connected("e"), 4);
  expect(["ann", "bob", "eve"].map((who) => chronicle.read(who).length)).toEqual([2, 0, 1]);
});

test("a session that has ended is still known to have been somebody's", () => {
  const chronicle = new Chronicle();
  chronicle.note("ann", connected("s-1"), 1);
  expect(chronicle.ownerOf("s-1")).toBe("ann");
  expect(chronicle.ownerOf("s-2")).toBeUndefined();
});

test("a trace has what is noted while it lasts, and nothing of others", () => {
  const chronicle = new Chronicle();
  const trace = chronicle.startTrace("ann", 100, 0)!;
  const heard: number[] = [];
  const stop = trace.follow(({ n }) => heard.push(n));
  chronicle.note("ann", connected("s-1"), 10);
  chronicle.note("bob", connected("s-2"), 20);
  stop();
  chronicle.note("ann", connected("s-3"), 99);
  chronicle.note("ann", connected("s-4"), 100);
  expect(trace.lines.map(({ session }) => session)).toEqual(["s-1", "s-3"]);
  expect(heard).toEqual([1]);
  expect(chronicle.traceOf("ann", 100)).toBeUndefined();
  expect(chronicle.lastTrace("ann")).toBe(trace);
});

test("as many are traced at once as may be, and one that is over makes room", () => {
  const chronicle = new Chronicle({ ...CHRONICLE_LIMITS, tracesMax: 2 });
  chronicle.startTrace("ann", 100, 0);
  chronicle.startTrace("bob", 200, 0);
  expect(chronicle.startTrace("eve", 300, 50)).toBeUndefined();
  expect(chronicle.startTrace("ann", 150, 50)?.until).toBe(150);
  expect(chronicle.startTrace("eve", 300, 150)).toBeDefined();
  expect(chronicle.traceOf("bob", 150)).toBeDefined();
});

test("a trace keeps the last thousand lines", () => {
  const trace = new Chronicle().startTrace("ann", 1_000_000, 0)!;
  const line = { session: "s", way: "in", type: "ping", details: "{}" } as const;
  for (let at = 1; at <= 1_500; at += 1) trace.add({ at, ...line });
  expect([trace.lines.length, trace.lines[0]?.n]).toEqual([1_000, 501]);
});
