/**
 * Request and answer over 100 sockets: messages per second.
 *
 * A `ping` frame with 64 bytes of data goes through gateway, decoding, session actor, encoding and
 * flush, and comes back as `pong`. The peers get the same bytes: bare uWebSockets.js sends them
 * back as they are (the limit), `ws` parses and makes JSON. 16 and 1 are the frames that each
 * socket has on their way. The load is a process of its own.
 */
import { pack } from "msgpackr";
import { type Child, startChild } from "./load/child.ts";
import { alternate, type BenchReport, report, runDirectly } from "./report.ts";

const SOCKETS = 100;
const ROUNDS = 5;
const ROUND_MS = 700;
const DEPTHS = [16, 1] as const;
const DATA = "0123456789abcdef".repeat(4);
const PING = { type: "ping", id: 12_345, data: DATA };
const JSON_PING = Buffer.from(JSON.stringify(PING));

interface Contender {
  readonly server: Child;
  readonly load: Child;
  measure(depth: number): Promise<number>;
}

export async function run(): Promise<BenchReport> {
  const contenders = {
    json: await herald("herald.v1.json"),
    msgpack: await herald("herald.v1.msgpack"),
    uws: await peer("uws"),
    ws: await peer("ws"),
  };
  const measured: Record<string, number> = {};
  for (const contender of Object.values(contenders)) await contender.measure(16);
  for (const depth of DEPTHS) {
    const medians = await alternate(ROUNDS, {
      json: () => contenders.json.measure(depth),
      msgpack: () => contenders.msgpack.measure(depth),
      uws: () => contenders.uws.measure(depth),
      ws: () => contenders.ws.measure(depth),
    });
    for (const [name, value] of Object.entries(medians)) measured[`${name}${depth}`] = value;
  }
  for (const { server, load } of Object.values(contenders)) {
    await load.stop();
    await server.stop();
  }
  return toReport(measured);
}

function toReport(measured: Readonly<Record<string, number>>): BenchReport {
  const [ours16, ours1] = [measured["json16"]!, measured["json1"]!];
  return report("echo", {
    figures: {
      depth16: ours16,
      depth1: ours1,
      msgpack16: measured["msgpack16"]!,
      msgpack1: measured["msgpack1"]!,
    },
    peers: {
      uws16: measured["uws16"]!,
      uws1: measured["uws1"]!,
      ws16: measured["ws16"]!,
      ws1: measured["ws1"]!,
    },
    ratios: {
      ofLimit16: ours16 / measured["uws16"]!,
      overWs16: ours16 / measured["ws16"]!,
      ofLimit1: ours1 / measured["uws1"]!,
    },
    goals: {
      "ratios.ofLimit16": ">= 0.35",
      "ratios.overWs16": ">= 2",
      "ratios.ofLimit1": ">= 0.85",
    },
  });
}

async function herald(subprotocol: string): Promise<Contender> {
  const server = await startChild(new URL("./servers/herald.ts", import.meta.url));
  const credentials = await server.ask<string[]>({ type: "credentials", count: SOCKETS });
  const isBinary = subprotocol.endsWith("msgpack");
  const encode = (frame: unknown): Uint8Array =>
    isBinary ? Buffer.from(pack(frame)) : Buffer.from(JSON.stringify(frame));
  const hellos = credentials.map((credential) =>
    encode({ type: "hello", credential, device: "bench" }),
  );
  return contend(server, { subprotocol, hellos, payload: encode(PING), isBinary });
}

async function peer(name: "uws" | "ws"): Promise<Contender> {
  const server = await startChild(new URL(`./servers/${name}.ts`, import.meta.url));
  const options = { subprotocol: "herald.v1.json", hellos: undefined, isBinary: false };
  return contend(server, { ...options, payload: JSON_PING });
}

interface Wire {
  readonly subprotocol: string;
  readonly hellos: readonly Uint8Array[] | undefined;
  readonly payload: Uint8Array;
  readonly isBinary: boolean;
}

async function contend(server: Child, wire: Wire): Promise<Contender> {
  const load = await startChild(new URL("./load/load.ts", import.meta.url));
  const port = await server.ask<number>({ type: "port" });
  const { subprotocol, hellos, payload, isBinary } = wire;
  const addresses = ["127.0.0.1"];
  await load.ask({ type: "open", port, count: SOCKETS, subprotocol, addresses, hellos });
  return {
    server,
    load,
    async measure(depth) {
      const question = { type: "echo", payload, isBinary, depth, ms: ROUND_MS };
      return (await load.ask<{ perSecond: number }>(question)).perSecond;
    },
  };
}

await runDirectly(import.meta, run);
