import { expect, test } from "vitest";
import { Chronicle } from "../../../src/core/chronicle.ts";
import { HTTP_LIMITS } from "../../../src/gateways/http/api.ts";
import { streamTrace } from "../../../src/gateways/http/devices/trace-events.ts";
import type { EventSink } from "../../../src/gateways/http/route.ts";
import { VirtualClock } from "../../testkit/virtual-clock.ts";

/** A reader that takes what is written while `hasRoom` says so. */
function reader() {
  const closed: (() => void)[] = [];
  const drained: (() => void)[] = [];
  const state = { text: "", hasRoom: true, hasEnded: false };
  const sink: EventSink = {
    write(text) {
      state.text += text;
      return state.hasRoom;
    },
    end() {
      state.hasEnded = true;
      for (const call of closed) call();
    },
    cut: () => {},
    onDrained: (call) => void drained.push(call),
    onClosed: (call) => void closed.push(call),
  };
  return {
    state,
    sink,
    drain() {
      state.hasRoom = true;
      for (const call of drained) call();
    },
    close() {
      for (const call of closed) call();
    },
    lines: () =>
      [...state.text.matchAll(/event: line\ndata: (.*)/g)].map(([, it]) => JSON.parse(it!)),
  };
}

function traced() {
  const clock = new VirtualClock();
  const chronicle = new Chronicle();
  const trace = chronicle.startTrace("ann", clock.now() + 60_000, clock.now())!;
  const say = (session: string) =>
    trace.add({ at: clock.now(), session, way: "in", type: "ping", details: "{}" });
  const api = { chronicle, clock, limits: HTTP_LIMITS };
  const open = (session?: string) => {
    const it = reader();
    streamTrace({ principal: "ann", session }, api)(it.sink);
    return it;
  };
  return { clock, chronicle, say, open };
}

test("a reader gets what was kept and what comes, and the stream ends by itself", () => {
  const { clock, say, open } = traced();
  say("s-1");
  const it = open();
  clock.advance(30_000);
  say("s-2");
  expect(it.lines().map(({ session }) => session)).toEqual(["s-1", "s-2"]);
  expect(it.state.text).toContain(": heartbeat");
  expect(it.state.hasEnded).toBe(false);
  clock.advance(30_000);
  expect(it.state.hasEnded).toBe(true);
  expect(it.state.text).toMatch(/event: end\ndata: \{"until":\d+,"lost":0\}\n\n$/);
  expect(clock.timers).toBe(0);
});

test("a trace that is extended is streamed to its new end", () => {
  const { clock, chronicle, open } = traced();
  const it = open();
  chronicle.startTrace("ann", clock.now() + 90_000, clock.now());
  clock.advance(89_999);
  expect(it.state.hasEnded).toBe(false);
  clock.advance(1);
  expect(it.state.hasEnded).toBe(true);
});

test("a reader that is behind is told how many lines it has missed", () => {
  const { clock, say, open } = traced();
  const it = open();
  it.state.hasRoom = false;
  for (let n = 0; n < 5; n += 1) say("s-1");
  it.drain();
  say("s-2");
  expect(it.lines().map(({ n }) => n)).toEqual([1, 6]);
  clock.advance(60_000);
  expect(it.state.text).toContain('"lost":4');
});

test("who asks for one session gets its lines alone", () => {
  const { say, open } = traced();
  const it = open("s-2");
  say("s-1");
  say("s-2");
  expect(it.lines().map(({ session }) => session)).toEqual(["s-2"]);
});

test("a reader that leaves is forgotten, timer and all", () => {
  const { clock, say, open } = traced();
  const it = open();
  it.close();
  say("s-1");
  expect(it.state.text).toBe("");
  expect(clock.timers).toBe(0);
});
