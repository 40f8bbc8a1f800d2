import type { Question, Verdict } from "./protocol.ts";

/**
 * One batch as it is written down: the ledger, the id and member of each message, and whether
 * receipts are to be told of them.
 */
export type Logged = readonly [
  ledger: string,
  items: readonly (readonly [id: string, member: string])[],
  tells?: boolean,
];

/**
 * Says from the log what became of a run.
 *
 * A line that is cut short is of a sink that was killed while it wrote: nobody was told that it
 * had been taken.
 */
export function judge(log: string, { ledger, members, knowsKeys }: Question): Verdict {
  const wanted = new Set(members);
  const messages = new Map<string, Set<string> | number>();
  let arrived = 0;
  let strangers = 0;
  for (const line of log.split("\n")) {
    const logged = readLine(line);
    if (logged === undefined || logged[0] !== ledger) continue;
    for (const [id, member] of logged[1]) {
      arrived += 1;
      if (!wanted.has(member)) strangers += 1;
      count(messages, knowsKeys ? id : undefined, member);
    }
  }
  let duplicates = 0;
  for (const got of messages.values()) {
    duplicates += (typeof got === "number" ? got : got.size) - 1;
  }
  return { arrived, duplicates, strangers, missing: members.filter((it) => !messages.has(it)) };
}

/** The ids of the latest messages that receipts are told of: `atLeast`, if there are as many. */
export function latestToTell(log: string, atLeast: number): string[] {
  const batches: string[][] = [];
  let found = 0;
  const lines = log.split("\n");
  for (let at = lines.length - 1; at >= 0 && found < atLeast; at -= 1) {
    const logged = readLine(lines[at]!);
    if (logged?.[2] !== true) continue;
    batches.push(logged[1].map(([id]) => id));
    found += logged[1].length;
  }
  return batches.reverse().flat();
}

function count(
  messages: Map<string, Set<string> | number>,
  key: string | undefined,
  member: string,
): void {
  const got = messages.get(member);
  if (key === undefined) messages.set(member, (typeof got === "number" ? got : 0) + 1);
  else messages.set(member, (got instanceof Set ? got : new Set<string>()).add(key));
}

function readLine(line: string): Logged | undefined {
  if (!line.endsWith("]")) return undefined;
  try {
    return JSON.parse(line) as Logged;
  } catch {
    return undefined;
  }
}
