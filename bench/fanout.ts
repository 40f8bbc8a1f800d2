/**
 * One push to 10 000 connected devices: how fast the last of its frames is written.
 *
 * `pushesPerSecond` counts frames, from the call to the last write, in the server's process; the
 * limit is a bare loop of uWebSockets.js sends of the same bytes to as many sockets. `lost` is what
 * the receivers, a process of their own, did not get of all rounds.
 */
import { startChild } from "./load/child.ts";
import { hellosOf, openLoad } from "./load/devices.ts";
import { alternate, type BenchReport, report, runDirectly } from "./report.ts";

const CONNECTIONS = 10_000;
const ROUNDS = 9;
const RECEIVED_WITHIN_MS = 10_000;
const PAYLOAD = JSON.stringify({ title: "It begins", body: "x".repeat(64) });
/** A frame as ours is, for the limit. */
const FRAME = Buffer.from(
  `{"type":"push","id":"b","topic":"all","ack":false,"expiresAt":1800000000000,` +
    `"payload":${PAYLOAD}}`,
);

export async function run(): Promise<BenchReport> {
  let lost = 0;
  const contend = async (name: "herald" | "uws", question: object) => {
    const server = await startChild(new URL(`./servers/${name}.ts`, import.meta.url));
    const hellos = name === "herald" ? await hellosOf(server, CONNECTIONS) : undefined;
    const load = await openLoad(server, { count: CONNECTIONS, hellos });
    const round = async (): Promise<number> => {
      const tookMs = await server.ask<number>({ type: "fanout", ...question });
      const expected = { type: "received", each: 1, withinMs: RECEIVED_WITHIN_MS };
      const { total } = await load.ask<{ total: number }>(expected);
      lost += CONNECTIONS - total;
      return CONNECTIONS / (tookMs / 1000);
    };
    await round();
    return { server, load, round };
  };
  const ours = await contend("herald", { payload: PAYLOAD });
  const uws = await contend("uws", { bytes: FRAME, isBinary: false });
  const perSecond = await alternate(ROUNDS, { ours: ours.round, uws: uws.round });
  for (const { server, load } of [ours, uws]) {
    await load.stop();
    await server.stop();
  }
  return report("fanout", {
    figures: { pushesPerSecond: perSecond.ours, lost },
    peers: { uwsSendsPerSecond: perSecond.uws },
    ratios: { ofLimit: perSecond.ours / perSecond.uws },
    goals: { "ratios.ofLimit": ">= 0.6", "figures.lost": "== 0" },
  });
}

await runDirectly(import.meta, run);
