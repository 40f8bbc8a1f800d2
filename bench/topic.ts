/**
 * One publisher, 10 000 subscribers of one topic, all over real sockets.
 *
 * `deliveriesPerSecond`: five publications at once, until everybody has them.
 * `p99Ms`: from the publisher's write to a subscriber's read, at a steady pace that makes
 * `pacedPerSecond` deliveries. The limit is uWebSockets.js' own pub/sub with the same bytes. All
 * sockets are in one other process, which is half of the work on two cores.
 */
import { type Child, startChild } from "./load/child.ts";
import { hellosOf, openLoad } from "./load/devices.ts";
import { alternate, type BenchReport, report, runDirectly } from "./report.ts";

const SUBSCRIBERS = 10_000;
const ROUNDS = 9;
const BURST = 5;
const PACED = { count: 60, everyMs: 96 };
const TOPIC = "news";
const PAYLOAD = JSON.stringify({ title: "It begins", body: "x".repeat(64) });
const PUBLISH = Buffer.from(`{"type":"publish","id":1,"topic":"${TOPIC}","payload":${PAYLOAD}}`);
/** A publication as ours is, for the limit. */
const FRAME = Buffer.from(
  `{"type":"publication","topic":"${TOPIC}","offset":100,"payload":${PAYLOAD},"from":"user:u-1"}`,
);

interface Published {
  readonly seconds: number;
  readonly delivered: number;
  readonly p99Ms: number;
}

export async function run(): Promise<BenchReport> {
  let lost = 0;
  let p99Ms = Number.NaN;
  const burst = async (load: Child, frame: Uint8Array): Promise<number> => {
    const question = { type: "publish", frame, count: BURST, everyMs: 0 };
    const { seconds, delivered } = await load.ask<Published>(question);
    lost += SUBSCRIBERS * BURST - delivered;
    return delivered / seconds;
  };
  const ours = await openHerald();
  const uws = await openUws();
  await burst(ours.load, PUBLISH);
  await burst(uws.load, FRAME);
  const perSecond = await alternate(ROUNDS, {
    ours: () => burst(ours.load, PUBLISH),
    uws: () => burst(uws.load, FRAME),
  });
  const paced = await ours.load.ask<Published>({ type: "publish", frame: PUBLISH, ...PACED });
  lost += SUBSCRIBERS * PACED.count - paced.delivered;
  p99Ms = paced.p99Ms;
  for (const { server, load } of [ours, uws]) {
    await load.stop();
    await server.stop();
  }
  return report("topic", {
    figures: {
      deliveriesPerSecond: perSecond.ours,
      ...{ pacedPerSecond: paced.delivered / paced.seconds, p99Ms, lost },
    },
    peers: { uwsDeliveriesPerSecond: perSecond.uws },
    ratios: { ofLimit: perSecond.ours / perSecond.uws },
    goals: {
      "figures.deliveriesPerSecond": ">= 100_000",
      "figures.pacedPerSecond": ">= 100_000",
      "figures.p99Ms": "< 150",
      "figures.lost": "== 0",
    },
  });
}

async function openHerald() {
  const server = await startChild(new URL("./servers/herald.ts", import.meta.url));
  const grants = { subscribe: [TOPIC], publish: [TOPIC] };
  const hellos = await hellosOf(server, SUBSCRIBERS + 1, grants);
  const load = await openLoad(server, { count: SUBSCRIBERS + 1, hellos });
  const frame = Buffer.from(`{"type":"subscribe","id":1,"topic":"${TOPIC}"}`);
  await load.ask({ type: "join", frame, count: SUBSCRIBERS });
  return { server, load };
}

async function openUws() {
  const server = await startChild(new URL("./servers/uws-topic.ts", import.meta.url));
  const load = await openLoad(server, { count: SUBSCRIBERS + 1, hellos: undefined });
  await load.ask({ type: "join", frame: Buffer.from("subscribe"), count: SUBSCRIBERS });
  return { server, load };
}

await runDirectly(import.meta, run);
