import { type Arena, pause, type Shown } from "./arena.ts";
import { LedgerWatch } from "./ledger-watch.ts";
import type { Verdict } from "./protocol.ts";

/** One thing that is done to a campaign while it sends, again and again. */
export interface Fault {
  /**
   * Does it once. What it returns is when the node could begin to recover; undefined when the
   * campaign was over before it could be done.
   */
  strike(arena: Arena, campaign: string, over: Promise<unknown>): Promise<Struck | undefined>;
}

export interface Struck {
  /** From when on the recovery is counted, in milliseconds since the Unix epoch. */
  readonly at: number;
  /** Messages that still went after a pause; undefined where nothing was paused. */
  readonly sentAfterPause?: number;
}

/** What one or more campaigns under a fault came to. */
export interface Trial {
  readonly faults: number;
  readonly campaigns: number;
  readonly messages: number;
  readonly duplicates: number;
  readonly missing: number;
  readonly unknown: number;
  /** Missing, and not among those that the node itself calls unknown or refused. */
  readonly silentlyLost: number;
  readonly recoveryMs: readonly number[];
  readonly sentAfterPause: number;
  readonly pauseBound: number;
  readonly operations: number;
  readonly sendingMs: number;
  /** How often the ledger was read, and had to add up. */
  readonly observations: number;
  /** What was not as it has to be, for people. */
  readonly faulty: readonly string[];
}

export const NOTHING: Trial = {
  faults: 0,
  campaigns: 0,
  messages: 0,
  duplicates: 0,
  missing: 0,
  unknown: 0,
  silentlyLost: 0,
  recoveryMs: [],
  sentAfterPause: 0,
  pauseBound: 0,
  operations: 0,
  sendingMs: 0,
  observations: 0,
  faulty: [],
};

export function add(a: Trial, b: Trial): Trial {
  return {
    faults: a.faults + b.faults,
    campaigns: a.campaigns + b.campaigns,
    messages: a.messages + b.messages,
    duplicates: a.duplicates + b.duplicates,
    missing: a.missing + b.missing,
    unknown: a.unknown + b.unknown,
    silentlyLost: a.silentlyLost + b.silentlyLost,
    recoveryMs: [...a.recoveryMs, ...b.recoveryMs],
    sentAfterPause: Math.max(a.sentAfterPause, b.sentAfterPause),
    pauseBound: Math.max(a.pauseBound, b.pauseBound),
    operations: a.operations + b.operations,
    sendingMs: a.sendingMs + b.sendingMs,
    observations: a.observations + b.observations,
    faulty: [...a.faulty, ...b.faulty],
  };
}

export interface TrialOptions {
  readonly campaign: string;
  readonly members: readonly string[];
  readonly fault: Fault | undefined;
  /** Faults at most; fewer when the campaign ends before. */
  readonly faults: number;
  /** Between two faults it sends for up to this long. */
  readonly sendingMsMax: number;
  /** How it begins: `start` unless told otherwise. */
  readonly command?: "start" | "resume";
}

/** Runs a created campaign to its end, breaking it on the way, and asks the judge. */
export async function runTrial(arena: Arena, options: TrialOptions): Promise<Trial> {
  const { campaign: id, members, command = "start" } = options;
  const operationsBefore = arena.node.operations;
  const ledgers = new LedgerWatch(members.length);
  const first = arena.sink.next();
  await arena.command(id, command);
  const startedAt = (await first).at;
  const over = arena.ended(id, (shown) => ledgers.see(shown));
  const struck = await strikeOften(arena, options, over);
  const shown = await over;
  const sendingMs = Math.max(1, Date.now() - startedAt);
  const verdict = await arena.judge(shown.campaign, members);
  const lost = await silentlyLost(arena, shown, verdict);
  // The process says its figures often, not at once.
  await pause(120);
  arena.step(`judged ${id}`);
  return {
    ...struck,
    campaigns: 1,
    messages: members.length,
    duplicates: verdict.duplicates,
    missing: verdict.missing.length,
    unknown: shown.progress.ledger.unknown,
    silentlyLost: lost,
    pauseBound: shown.progress.pauseBound,
    operations: arena.node.operations - operationsBefore,
    sendingMs,
    observations: ledgers.observations,
    faulty: [...faultsOf(shown, verdict), ...ledgers.faulty],
  };
}

type Strikes = Pick<Trial, "faults" | "recoveryMs" | "sentAfterPause">;

async function strikeOften(
  arena: Arena,
  { campaign, fault, faults: most, sendingMsMax }: TrialOptions,
  over: Promise<Shown>,
): Promise<Strikes> {
  let isOver = false;
  over.then(
    () => {
      isOver = true;
    },
    // Whoever waits for it is told.
    () => {},
  );
  let faults = 0;
  let sentAfterPause = 0;
  const recoveryMs: number[] = [];
  while (fault !== undefined && faults < most && !isOver) {
    await pause(arena.random() * sendingMsMax);
    if (isOver) break;
    const struck = await fault.strike(arena, campaign, over);
    if (struck === undefined) break;
    faults += 1;
    arena.step(`${faults} of ${most} faults, ${campaign}`);
    sentAfterPause = Math.max(sentAfterPause, struck.sentAfterPause ?? 0);
    const next = await Promise.race([arena.sink.next(), over.then(() => undefined)]);
    if (next !== undefined) recoveryMs.push(Math.max(0, next.at - struck.at));
  }
  return { faults, recoveryMs, sentAfterPause };
}

/** Whom the judge misses and the node does not flag, name by name. */
async function silentlyLost(
  arena: Arena,
  { campaign }: Shown,
  { missing }: Verdict,
): Promise<number> {
  if (missing.length === 0) return 0;
  const unflagged = new Set(missing);
  for await (const { member, state } of arena.results(campaign.id)) {
    if (state !== "delivered" && state !== "handed") unflagged.delete(member);
  }
  return unflagged.size;
}

function faultsOf({ campaign }: Shown, verdict: Verdict): readonly string[] {
  const { state, why } = campaign;
  const found: string[] = [];
  if (state !== "finished") found.push(`the campaign ended as ${state}: ${why}`);
  if (verdict.strangers > 0) found.push(`${verdict.strangers} messages to strangers`);
  return found;
}
