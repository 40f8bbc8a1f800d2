/**
 * Everything at once for long: connects, drops, resumes, pushes, sends, topics, by seeded chance.
 *
 * `--sessions` devices (15 000), in pairs of a phone and its board, on a whole node with SQLite,
 * for `--minutes` (60). A tenth of them acts each second (200 at least): a push to it from the back
 * end, a question to the other of its pair, a publication to its topic of 20, a ping, a drop with a
 * resume within 3 seconds, a good-bye. They speak JSON over WebSocket; of each tenth pair the phone
 * changes to MessagePack and back, the board to UDP and back, where a twentieth of the datagrams is
 * lost and a twentieth comes twice. Each end of a connection is one that the device made, or is
 * unexplained. Each push comes and is confirmed, and comes twice only when it says so; each
 * question has one answer or error; publications have no holes. Memory is what is resident after
 * the garbage was collected: with all devices there after a fifth of the time, and at the end.
 * What a busy machine does to it is seen from `longestPauseMs`, for which the node's event loop
 * stood still at most, and from `slowestPushMs` and `slowestLogInMs`, which wait for the store.
 */
import { readFileSync } from "node:fs";
import { type Child, startChild } from "./load/child.ts";
import { type BenchOptions, type BenchReport, report, runDirectly } from "./report.ts";

const SESSIONS = 15_000;
const MINUTES = 60;
const WARM_UP = 0.2;
const ACTIONS_PER_SESSION_AND_SECOND = 0.1;
/** Per second, however few sessions there are. */
const ACTIONS_MIN = 200;
/** Files that a process has open besides its connections. */
const FILES_BESIDE = 200;
const LEDGER_READS_MAX = 100;

export async function run({ sessions = SESSIONS, minutes = MINUTES }: BenchOptions) {
  const count = sessions + (sessions % 2);
  checkFiles(count);
  const server = await startChild(new URL("./servers/soak.ts", import.meta.url));
  const load = await startChild(new URL("./load/soak-load.ts", import.meta.url));
  try {
    return await soak({ server, load, count, minutes });
  } finally {
    await load.stop();
    await server.ask({ type: "stop" });
    await server.stop();
  }
}

interface Soak {
  readonly server: Child;
  readonly load: Child;
  readonly count: number;
  readonly minutes: number;
}

interface Settled {
  readonly figures: Readonly<Record<string, number>>;
  readonly unexplained: Readonly<Record<string, number>>;
  readonly firstWrong: string;
  readonly refused: number;
  readonly silent: number;
  readonly lost: number;
  readonly here: number;
}

async function soak({ server, load, count, minutes }: Soak): Promise<BenchReport> {
  const place = await server.ask<{ url: string; token: string }>({ type: "place" });
  const { open } = await load.ask<{ open: number }>({
    ...{ type: "open", sessions: count, seed: 1 },
    ...place,
  });
  if (open !== count) throw new Error(`${open} devices of ${count} are connected`);
  const actionsPerSecond = Math.max(ACTIONS_MIN, count * ACTIONS_PER_SESSION_AND_SECOND);
  const work = async (part: number): Promise<Settled> => {
    await load.ask({ type: "run", ms: part * minutes * 60_000, actionsPerSecond });
    return load.ask({ type: "settle" });
  };
  await work(WARM_UP);
  const warm = await server.ask<number>({ type: "memory" });
  const warmHeap = await server.ask<number>({ type: "heap" });
  const settled = await work(1 - WARM_UP);
  const longestPauseMs = await server.ask<number>({ type: "longestPauseMs" });
  const end = await server.ask<number>({ type: "memory" });
  const endHeap = await server.ask<number>({ type: "heap" });
  const ledger = await ledgerOf(place);
  const { figures, unexplained, firstWrong, ...counted } = settled;
  return report("soak", {
    figures: {
      ...{ sessions: count, minutes, ...figures, ...counted, away: count - settled.here },
      ...{ unexplainedCloses: sum(Object.values(unexplained)), ...byCode(unexplained) },
      ...{ ...ledger, longestPauseMs },
      ...{ warmBytes: warm, endBytes: end, warmHeapBytes: warmHeap, endHeapBytes: endHeap },
    },
    peers: {},
    ratios: { memory: end / warm, heap: endHeap / warmHeap },
    goals: {
      ...none("unexplainedCloses", "away", "lost", "repeats", "holes", "silent", "wrong"),
      ...none("refused", "pending", "ledgerGap", "notAcked"),
      "ratios.memory": "<= 1.15",
    },
    ...(firstWrong === "" ? {} : { missing: { firstWrong } }),
  });
}

function none(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`figures.${name}`, "== 0"]));
}

/** How many ended with each close code. */
function byCode(closes: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(closes).map(([code, n]) => [`unexplained${code}`, n]));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** What the ledger says of all messages, once confirmations on their way are in it. */
async function ledgerOf({ url, token }: { readonly url: string; readonly token: string }) {
  for (let read = 1; ; read += 1) {
    const response = await fetch(`${url}/v1/ledger`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const { accepted, ...ends } = (await response.json()) as Record<string, number>;
    const pending = ends["pending"]!;
    if (pending > 0 && read < LEDGER_READS_MAX) continue;
    const ledgerGap = accepted! - sum(Object.values(ends));
    const { acked = 0, delivered = 0 } = ends;
    return { accepted: accepted!, pending, ledgerGap, notAcked: accepted! - acked - delivered };
  }
}

/** Node.js raises its soft limit to the hard one by itself; that one only the shell can raise. */
function checkFiles(sessions: number): void {
  const limits = readFileSync("/proc/self/limits", "utf8");
  const [, hard] = /^Max open files\s+\S+\s+(\S+)/m.exec(limits) ?? [];
  const needed = sessions + FILES_BESIDE;
  if (hard === undefined || hard === "unlimited" || Number(hard) >= needed) return;
  const found = `${sessions} sessions need ${needed} open files, and ${hard} are allowed`;
  throw new Error(`${found}: raise the limit (ulimit -Hn ${needed}), or give fewer --sessions`);
}

await runDirectly(import.meta, run);
