import type { Trial } from "./trial.ts";

/** One line of the crash matrix. */
export interface Row {
  readonly fault: string;
  readonly guarantee: string;
  readonly faults: number;
  readonly campaigns: number;
  readonly messages: number;
  readonly duplicates: number;
  readonly missing: number;
  readonly unknown: number;
  readonly silentlyLost: number;
  /** The longest, in seconds; undefined where there was nothing to recover from. */
  readonly recoverySeconds: number | undefined;
  readonly sentAfterPause: number | undefined;
  readonly pauseBound: number;
  readonly operationsPerMessage: number;
  readonly messagesPerSecond: number;
  /** How often the ledger was read while the row was done; each time it had to add up. */
  readonly observations: number;
  /** What the guarantee forbids, and happened; empty when the row is as it has to be. */
  readonly broken: readonly string[];
}

const RECOVERY_SECONDS_MAX = 5;

export function rowOf(
  { fault, guarantee }: { readonly fault: string; readonly guarantee: string },
  trial: Trial,
): Row {
  const { messages, recoveryMs, faults } = trial;
  const slowest = recoveryMs.length === 0 ? undefined : Math.max(...recoveryMs) / 1000;
  const row = {
    fault,
    guarantee,
    faults,
    campaigns: trial.campaigns,
    messages,
    duplicates: trial.duplicates,
    missing: trial.missing,
    unknown: trial.unknown,
    silentlyLost: trial.silentlyLost,
    recoverySeconds: slowest === undefined ? undefined : round(slowest, 2),
    sentAfterPause: fault.startsWith("pause") ? trial.sentAfterPause : undefined,
    pauseBound: trial.pauseBound,
    operationsPerMessage: round(trial.operations / Math.max(1, messages), 4),
    messagesPerSecond: Math.round((messages * 1000) / Math.max(1, trial.sendingMs)),
    observations: trial.observations,
  };
  return { ...row, broken: [...brokenBy(row), ...trial.faulty] };
}

/** What each guarantee forbids. */
function brokenBy(row: Omit<Row, "broken">): string[] {
  const { guarantee, duplicates, missing, silentlyLost, recoverySeconds } = row;
  const broken: string[] = [];
  if (silentlyLost > 0) broken.push(`${silentlyLost} silently lost`);
  if (row.messages === 0) broken.push("nothing was sent");
  if (guarantee !== "at-least-once" && duplicates > 0) broken.push(`${duplicates} duplicates`);
  if (guarantee !== "at-most-once" && missing > 0) broken.push(`${missing} missing`);
  if ((recoverySeconds ?? 0) > RECOVERY_SECONDS_MAX) broken.push(`${recoverySeconds} s to recover`);
  if ((row.sentAfterPause ?? 0) > row.pauseBound) {
    broken.push(`${row.sentAfterPause} sent after a pause that promised ${row.pauseBound}`);
  }
  return broken;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
