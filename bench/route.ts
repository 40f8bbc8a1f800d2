/**
 * Phone to board and back: messages per second, both hops counted.
 *
 * 50 phones each keep 16 questions (`send` with `answerWithinMs`, 64 bytes of payload) on their way
 * to a board of their own, which answers. Each hop goes through gateway, decoding, the sessions and
 * principals of both sides with their relations looked at, encoding and flush. The limit is bare
 * uWebSockets.js that sends the same bytes back on 100 sockets, 16 deep; the same for one.
 */
import { type Child, startChild } from "./load/child.ts";
import { alternate, type BenchReport, report, runDirectly } from "./report.ts";

const PAIRS = 50;
const ROUNDS = 5;
const ROUND_MS = 700;
const HOPS = 2;
const DEPTHS = [16, 1] as const;
const PAYLOAD = "0123456789abcdef".repeat(4);

export async function run(): Promise<BenchReport> {
  const ours = await herald();
  const limit = await uws();
  const measured: Record<string, number> = {};
  for (const contender of [ours, limit]) await contender.measure(16);
  for (const depth of DEPTHS) {
    const perSecond = await alternate(ROUNDS, {
      ours: () => ours.measure(depth),
      uws: () => limit.measure(depth),
    });
    measured[`ours${depth}`] = perSecond.ours;
    measured[`uws${depth}`] = perSecond.uws;
  }
  const { stray } = await ours.server.ask<{ stray: number }>({ type: "routes" });
  for (const { server, load } of [ours, limit]) {
    await load.stop();
    await server.stop();
  }
  return report("route", {
    figures: { depth16: measured["ours16"]!, depth1: measured["ours1"]!, stray },
    peers: { uws16: measured["uws16"]!, uws1: measured["uws1"]! },
    ratios: {
      ofLimit16: measured["ours16"]! / measured["uws16"]!,
      ofLimit1: measured["ours1"]! / measured["uws1"]!,
    },
    goals: { "ratios.ofLimit16": ">= 0.3", "figures.stray": "== 0" },
  });
}

interface Contender {
  readonly server: Child;
  readonly load: Child;
  measure(depth: number): Promise<number>;
}

async function herald(): Promise<Contender> {
  const server = await startChild(new URL("./servers/herald-route.ts", import.meta.url));
  const load = await startChild(new URL("./load/route-load.ts", import.meta.url));
  const port = await server.ask<number>({ type: "port" });
  type Pairs = Readonly<Record<"phones" | "boards", readonly string[]>>;
  const credentials = await server.ask<Pairs>({ type: "pairs", count: PAIRS });
  const hellos = (tokens: readonly string[]) =>
    tokens.map((credential) => toBytes({ type: "hello", credential, device: "bench" }));
  const { phones, boards } = credentials;
  await load.ask({ type: "open", port, phones: hellos(phones), boards: hellos(boards) });
  const asks = phones.map((_, index) => {
    const to = `board:${index}`;
    return toBytes({ type: "send", id: 12_345, to, payload: PAYLOAD, answerWithinMs: 60_000 });
  });
  return {
    server,
    load,
    async measure(depth) {
      const question = { type: "route", asks, payload: PAYLOAD, depth, ms: ROUND_MS };
      return HOPS * (await load.ask<{ perSecond: number }>(question)).perSecond;
    },
  };
}

async function uws(): Promise<Contender> {
  const server = await startChild(new URL("./servers/uws.ts", import.meta.url));
  const load = await startChild(new URL("./load/load.ts", import.meta.url));
  const port = await server.ask<number>({ type: "port" });
  const count = PAIRS * HOPS;
  const subprotocol = "herald.v1.json";
  const addresses = ["127.0.0.1"];
  await load.ask({ type: "open", port, count, subprotocol, addresses, hellos: undefined });
  const payload = toBytes({ type: "ping", id: 12_345, data: PAYLOAD });
  return {
    server,
    load,
    async measure(depth) {
      const question = { type: "echo", payload, isBinary: false, depth, ms: ROUND_MS };
      return (await load.ask<{ perSecond: number }>(question)).perSecond;
    },
  };
}

function toBytes(frame: object): Uint8Array {
  return Buffer.from(JSON.stringify(frame));
}

await runDirectly(import.meta, run);
