/**
 * Datagrams per second: encrypted, acknowledged and answered, against a bare echo.
 *
 * Eight devices have 32 datagrams each on their way. Each holds one `ping` frame with 64 bytes of
 * data; it is opened, acknowledged, decoded, passed through UDP session and session, and its `pong`
 * comes back, sealed, in order and once. The peer, a bare `node:dgram` socket, sends datagrams of
 * the same size back as they are. The load is a process of its own.
 */
import { type Child, startChild } from "./load/child.ts";
import { alternate, type BenchReport, report, runDirectly } from "./report.ts";

const DEVICES = 8;
const DEPTH = 32;
const ROUNDS = 5;
const ROUND_MS = 800;

interface Contender {
  readonly server: Child;
  readonly load: Child;
  measure(): Promise<number>;
}

export async function run(): Promise<BenchReport> {
  const ours = await contend("udp");
  const bare = await contend("dgram");
  await ours.measure();
  await bare.measure();
  const medians = await alternate(ROUNDS, { ours: ours.measure, bare: bare.measure });
  for (const { load, server } of [ours, bare]) {
    await load.stop();
    await server.stop();
  }
  return report("udp", {
    figures: { datagramsPerSecond: medians.ours, devices: DEVICES, depth: DEPTH },
    peers: { dgramEchoPerSecond: medians.bare },
    ratios: { ofLimit: medians.ours / medians.bare },
    goals: { "ratios.ofLimit": ">= 0.35" },
  });
}

async function contend(name: "udp" | "dgram"): Promise<Contender> {
  const server = await startChild(new URL(`./servers/${name}.ts`, import.meta.url));
  const load = await startChild(new URL("./load/udp-load.ts", import.meta.url));
  const port = await server.ask<number>({ type: "port" });
  await load.ask({ type: "open", port, count: DEVICES, bare: name === "dgram" });
  const question = { type: "measure", depth: DEPTH, ms: ROUND_MS };
  return { server, load, measure: () => load.ask<number>(question) };
}

await runDirectly(import.meta, run);
