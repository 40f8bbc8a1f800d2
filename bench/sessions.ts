/**
 * Memory of an idle connection, in resident bytes of the server's process.
 *
 * 10 000 devices of as many users log in and stay silent. What the process has grown by, after its
 * garbage was collected, is divided by their number: socket, gateway, session and user actor
 * together. The peers hold as many idle sockets: bare uWebSockets.js and `ws`. Each server is
 * warmed up by connections that come and go, so that what is paid once is not counted.
 */
import { type Child, startChild } from "./load/child.ts";
import { hellosOf, openLoad } from "./load/devices.ts";
import { type BenchReport, report, runDirectly } from "./report.ts";

const CONNECTIONS = 10_000;
const WARM_UP = 500;

export async function run(): Promise<BenchReport> {
  const ours = await bytesPerConnection("herald");
  const uws = await bytesPerConnection("uws");
  const ws = await bytesPerConnection("ws");
  return report("sessions", {
    figures: { bytesPerSession: ours, sessions: CONNECTIONS },
    peers: { uwsBytesPerSocket: uws, wsBytesPerSocket: ws },
    ratios: { overUws: ours / uws, ofWs: ours / ws },
    goals: { "figures.bytesPerSession": "<= 5000" },
  });
}

async function bytesPerConnection(name: "herald" | "uws" | "ws"): Promise<number> {
  const server = await startChild(new URL(`./servers/${name}.ts`, import.meta.url));
  const hellos = name === "herald" ? await hellosOf(server, CONNECTIONS + WARM_UP) : undefined;
  // By users of their own: their sessions stay for a while, and are in both measurements.
  await comeAndGo(server, hellos?.slice(CONNECTIONS));
  const before = await server.ask<number>({ type: "memory" });
  const load = await openLoad(server, { count: CONNECTIONS, hellos });
  const after = await server.ask<number>({ type: "memory" });
  const open = await server.ask<number>({ type: "connections" });
  if (open !== CONNECTIONS) throw new Error(`${open} connections of ${CONNECTIONS} are open`);
  await load.stop();
  await server.stop();
  return (after - before) / CONNECTIONS;
}

async function comeAndGo(server: Child, hellos: readonly Uint8Array[] | undefined): Promise<void> {
  const load = await openLoad(server, { count: WARM_UP, hellos });
  await load.stop();
  while ((await server.ask<number>({ type: "connections" })) > 0);
}

await runDirectly(import.meta, run);
