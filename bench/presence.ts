/**
 * How soon a phone knows that its board has come or gone, on a whole node with SQLite.
 *
 * `--sessions` devices (2 000) in pairs of a phone, which stays, and its board, which connects and
 * leaves at random for `--minutes` (0.5): up to 300 changes a second, 0.3 for each pair, and no
 * board more often than is announced at once. A board comes with its resume token or without, and
 * leaves by a good-bye or by closing its socket. Milliseconds are from the call that connects,
 * log-in included, or closes, to the announcement at the phone.
 * `missing` were not announced, `twice` again, `wrong` are about what did not happen.
 */

import { startChild } from "./load/child.ts";
import type { OpenPresence, RunPresence } from "./load/presence-load.ts";
import { type BenchOptions, type BenchReport, report, runDirectly } from "./report.ts";

const SESSIONS = 2_000;
const MINUTES = 0.5;
const CHANGES_PER_SECOND = 300;
/** Below what is damped: 4 in 10 seconds. */
const CHANGES_PER_PAIR_AND_SECOND = 0.3;

interface Found {
  readonly figures: Readonly<Record<string, number>>;
  readonly firstWrong: string;
}

export async function run({
  sessions = SESSIONS,
  minutes = MINUTES,
}: BenchOptions): Promise<BenchReport> {
  const pairs = Math.ceil(sessions / 2);
  const server = await startChild(new URL("./servers/soak.ts", import.meta.url));
  const load = await startChild(new URL("./load/presence-load.ts", import.meta.url));
  try {
    const place = await server.ask<{ url: string; token: string }>({ type: "place" });
    await load.ask({ type: "open", ...place, pairs, seed: 1 } satisfies OpenPresence);
    const changesPerSecond = Math.min(CHANGES_PER_SECOND, pairs * CHANGES_PER_PAIR_AND_SECOND);
    const wanted = { type: "run", ms: minutes * 60_000, changesPerSecond } as const;
    const { figures, firstWrong } = await load.ask<Found>(wanted satisfies RunPresence);
    return report("presence", {
      figures: { pairs, ...figures },
      peers: {},
      ratios: {},
      goals: {
        ...{ "figures.p99Ms": "< 100", "figures.announced": "> 0" },
        ...{ "figures.missing": "== 0", "figures.twice": "== 0", "figures.wrong": "== 0" },
      },
      ...(firstWrong === "" ? {} : { missing: { firstWrong } }),
    });
  } finally {
    await load.stop();
    await server.ask({ type: "stop" });
    await server.stop();
  }
}

await runDirectly(import.meta, run);
