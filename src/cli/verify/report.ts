import { availableParallelism } from "node:os";
import { table } from "../output.ts";
import type { Extent } from "./extent.ts";
import { RECEIPT_WAIT_MS } from "./protocol.ts";
import type { Row } from "./rows.ts";

/** What a verification found, and where. */
export interface VerifyReport {
  /** The day it was done, in UTC. */
  readonly date: string;
  readonly node: string;
  readonly cores: number;
  readonly extent: Extent;
  readonly seed: number;
  /** What was typed, from `herald` on. */
  readonly command: string;
  readonly seconds: number;
  /** Of the node's process, over all rows. */
  readonly kills: number;
  /** Readings of ledgers, each of which had to add up. */
  readonly observations: number;
  readonly rows: readonly Row[];
  readonly met: boolean;
}

/** What was run: how much, from which seed, by which command, since when (monotonic). */
export type Ran = Pick<VerifyReport, "extent" | "seed" | "command"> & {
  readonly startedAt: number;
};

export function reportOf({ startedAt, ...ran }: Ran, rows: readonly Row[]): VerifyReport {
  const kills = rows
    .filter(({ fault }) => fault.startsWith("kill"))
    .reduce((sum, { faults }) => sum + faults, 0);
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    cores: availableParallelism(),
    ...ran,
    seconds: Math.round((performance.now() - startedAt) / 1000),
    kills,
    observations: rows.reduce((sum, row) => sum + row.observations, 0),
    rows,
    met: rows.length > 0 && rows.every(({ broken }) => broken.length === 0),
  };
}

const HEADER = [
  "guarantee",
  "fault",
  "faults",
  "messages",
  "duplicates",
  "missing",
  "unknown",
  "silently lost",
  "recovery s",
  "after pause",
  "ops/message",
  "messages/s",
  "holds",
];

/** The matrix for a terminal. */
export function describeMatrix(report: VerifyReport): string {
  return [
    table(HEADER, report.rows.map(cells)),
    "",
    ...report.rows.flatMap(({ guarantee, fault, broken }) =>
      broken.map((what) => `  ${guarantee}, ${fault}: ${what}`),
    ),
    `${report.kills} kills of the node in ${report.seconds} s, seed ${report.seed}, ` +
      `the ledger read ${report.observations} times: ${
        report.met ? "every guarantee holds" : "NOT every guarantee holds"
      }.`,
  ].join("\n");
}

/** The page `docs/crash-matrix.md`. */
export function crashMatrixPage(report: VerifyReport): string {
  const { date, node, cores, extent, seed, command, seconds, kills, rows, met } = report;
  const line = (values: readonly string[]): string => `| ${values.join(" | ")} |`;
  const broken = rows.flatMap((row) =>
    row.broken.map((what) => `- **${row.guarantee}, ${row.fault}:** ${what}`),
  );
  return `# The crash matrix

Written by \`herald campaign verify --chaos --write\`. Do not edit it: run it again.

\`${command}\`, seed ${seed}, on ${date}: Node.js ${node}, ${cores} cores,
SQLite, ${seconds} s; **${kills} kill -9 of the node**.
Campaigns of ${extent.members} members at ${extent.rate} messages/s, window 200, 2 windows in
flight, 2 workers, leases of ${extent.leaseMs} ms; where there are receipts, what is in doubt
waits ${RECEIPT_WAIT_MS} ms for its own.
${met ? "Every" : "**Not** every"} guarantee holds.

${line(HEADER)}
${line(HEADER.map((_, index) => (index < 2 ? "---" : "---:")))}
${rows.map((row) => line(cells(row))).join("\n")}
${broken.length === 0 ? "" : `\n${broken.join("\n")}\n`}
The judge is a server of its own process: it writes each message to its own log before it answers,
and counts from that log alone. *Duplicates* are messages beyond the first that a member got; where
the guarantee is \`key\`, the server knows repeated keys, as its documentation promises, and a
repeated request is no second message. *Missing* members got nothing. *Unknown* are those whom the
node flags: they may or may not have got it. *Silently lost* are missing and not flagged, name by
name. *Recovery* is the longest time from the end of a fault until the next message arrived, the
start of a new process included. *After pause* is the most that still arrived after a pause was
answered; the node promises a bound and keeps it. *Operations* are what the campaign asked its store
for, per message. The ledger of each run was read all the while, ${report.observations} times
in all, and had to add up each time.

Rows without a fault ("none", "1 % of answers lost") ran alone; two others ran beside each other,
and those that mostly wait beside them, so their messages per second are no measure of speed. The
seed repeats the pauses between faults and the order of receipts, but not what the machine does.
`;
}

function cells(row: Row): string[] {
  return [
    row.guarantee,
    row.fault,
    String(row.faults),
    String(row.messages),
    String(row.duplicates),
    String(row.missing),
    String(row.unknown),
    String(row.silentlyLost),
    row.recoverySeconds === undefined ? "" : row.recoverySeconds.toFixed(1),
    row.sentAfterPause === undefined ? "" : `${row.sentAfterPause} of ${row.pauseBound}`,
    row.operationsPerMessage.toFixed(4),
    String(row.messagesPerSecond),
    row.broken.length === 0 ? "yes" : "NO",
  ];
}
