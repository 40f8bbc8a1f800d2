/**
 * A reconnect storm: everybody loses the connection at once and comes back with a resume token.
 *
 * `--sessions` devices (15 000), each of a user of its own, twice: once nothing was pushed to them
 * meanwhile, once something was to each. `seconds` is until the last one is welcome, `p99Ms` how
 * long a log-in took from connect to welcome. `reads` are store operations that read, for all
 * reconnects together: a session that waits for its device has what it needs. `firstReads` are
 * those of the first log-ins.
 */
import { startChild } from "./load/child.ts";
import { type BenchOptions, type BenchReport, report, runDirectly } from "./report.ts";

const SESSIONS = 15_000;
const PUSH = 1;

interface Operations {
  readonly reads: number;
  readonly all: number;
}

interface Storm {
  readonly seconds: number;
  readonly p99Ms: number;
}

interface Totals {
  readonly resumes: number;
  readonly acks: number;
  readonly repeats: number;
  readonly wrong: number;
  readonly firstWrong: string;
  readonly here: number;
  readonly lost: number;
  readonly unexplained: number;
}

export async function run({ sessions = SESSIONS }: BenchOptions): Promise<BenchReport> {
  const server = await startChild(new URL("./servers/storm.ts", import.meta.url));
  const load = await startChild(new URL("./load/storm-load.ts", import.meta.url));
  const port = await server.ask<number>({ type: "port" });
  const credentials = await server.ask<string[]>({ type: "credentials", count: sessions });
  await load.ask({ type: "open", port, credentials });
  const { reads: firstReads } = await server.ask<Operations>({ type: "operations" });
  const storm = async (n: number | undefined): Promise<Storm & Operations> => {
    await load.ask({ type: "drop", n });
    while ((await server.ask<number>({ type: "connections" })) > 0);
    if (n !== undefined) await server.ask({ type: "push", n });
    const before = await server.ask<Operations>({ type: "operations" });
    const found = await load.ask<Storm>({ type: "reconnect" });
    const { reads, all } = await server.ask<Operations>({ type: "operations" });
    return { ...found, reads: reads - before.reads, all: all - before.all };
  };
  const quiet = await storm(undefined);
  const pushed = await storm(PUSH);
  const { firstWrong, ...totals } = await load.ask<Totals>({ type: "totals" });
  await load.stop();
  await server.ask({ type: "stop" });
  await server.stop();
  return report("storm", {
    figures: {
      ...{ sessions, ...totals, notResumed: 2 * sessions - totals.resumes },
      ...{ seconds: quiet.seconds, p99Ms: quiet.p99Ms, reads: quiet.reads },
      ...{ pushedSeconds: pushed.seconds, pushedP99Ms: pushed.p99Ms, pushedReads: pushed.reads },
      firstReads,
      operationsPerReconnect: (quiet.all + pushed.all) / (2 * sessions),
    },
    peers: {},
    ratios: {},
    goals: {
      ...{ "figures.seconds": "<= 60", "figures.pushedSeconds": "<= 60" },
      ...{ "figures.reads": "== 0", "figures.pushedReads": "== 0" },
      // That reads are counted at all: who comes for the first time is read.
      "figures.firstReads": "> 0",
      ...{ "figures.lost": "== 0", "figures.repeats": "== 0", "figures.wrong": "== 0" },
      ...{ "figures.notResumed": "== 0", "figures.unexplained": "== 0" },
    },
    ...(firstWrong === "" ? {} : { missing: { firstWrong } }),
  });
}

await runDirectly(import.meta, run);
