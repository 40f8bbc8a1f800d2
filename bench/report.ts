import { basename } from "node:path";
import { parseArgs } from "node:util";
import { watched } from "./watchdog.ts";

/** What may be asked of a benchmark; those that do not know an option leave it alone. */
export interface BenchOptions {
  /** How many members there are. */
  readonly members?: number;
  /** How many devices are connected. */
  readonly sessions?: number;
  /** How long it takes; may have a fraction. */
  readonly minutes?: number;
}

/** What may be typed, and how. */
export const BENCH_OPTIONS = {
  members: "how many members, where the bench has any",
  sessions: "how many devices, for those that last",
  minutes: "how long, for those that last",
} as const satisfies Record<keyof BenchOptions, string>;

export type TypedOptions = { readonly [Name in keyof BenchOptions]?: string | undefined };

/** The options as they were typed, or the name of one that makes no sense. */
export function benchOptions(typed: TypedOptions): BenchOptions | keyof BenchOptions {
  const options: Partial<Record<keyof BenchOptions, number>> = {};
  for (const name of Object.keys(BENCH_OPTIONS) as (keyof BenchOptions)[]) {
    const text = typed[name];
    if (text === undefined) continue;
    const value = Number(text);
    const isWhole = name === "minutes" || Number.isSafeInteger(value);
    if (!(value > 0) || !isWhole || value === Number.POSITIVE_INFINITY) return name;
    options[name] = value;
  }
  return options;
}

/** What one benchmark found: our figures, those of its peers in the same run, and the goals. */
export interface BenchReport {
  readonly bench: string;
  /** Ours, by name; the unit is in the bench's own description. */
  readonly figures: Readonly<Record<string, number>>;
  /** The same workloads done by others on the same machine in the same run; null: see `missing`. */
  readonly peers: Readonly<Record<string, number | null>>;
  /** Ours divided by a peer's: the part that does not depend on the machine. */
  readonly ratios: Readonly<Record<string, number>>;
  /** Conditions by dotted path, as `{ "ratios.oneActor": ">= 20" }`. */
  readonly goals: Readonly<Record<string, string>>;
  /** Why a peer was not measured, by its name. */
  readonly missing?: Readonly<Record<string, string>>;
  /** Whether all goals are met. */
  readonly met: boolean;
}

type Parts = Pick<BenchReport, "figures" | "peers" | "ratios" | "goals" | "missing">;

/** Puts a report together and checks the goals. A goal about a missing figure is not met. */
export function report(bench: string, parts: Parts): BenchReport {
  const met = Object.entries(parts.goals).every(([path, condition]) => {
    return holds(valueAt(parts, path), condition);
  });
  return {
    bench,
    figures: rounded(parts.figures),
    peers: rounded(parts.peers),
    ratios: rounded(parts.ratios),
    goals: parts.goals,
    ...(parts.missing === undefined ? {} : { missing: parts.missing }),
    met,
  };
}

/** The middle of the values, which one bad round does not move. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/**
 * Runs each contender once per round, in turn, and returns the median of each.
 *
 * In turn, so that a machine that slows down for a while slows down all of them.
 */
export async function alternate<Name extends string>(
  rounds: number,
  contenders: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number>> {
  const names = Object.keys(contenders) as Name[];
  const results = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) results.get(name)?.push(await contenders[name]());
  }
  const medians = names.map((name) => [name, median(results.get(name) ?? [])]);
  return Object.fromEntries(medians) as Record<Name, number>;
}

/** Prints the report of a bench file that was started by itself; exit code 1 when a goal fails. */
export async function runDirectly(
  meta: ImportMeta,
  run: (options: BenchOptions) => Promise<BenchReport>,
): Promise<void> {
  if (!meta.main) return;
  const type = { type: "string" } as const;
  const { values } = parseArgs({ options: { members: type, sessions: type, minutes: type } });
  const options = benchOptions(values);
  if (typeof options === "string") throw new Error(`--${options}: expected a number above 0`);
  const found = await watched(basename(meta.filename, ".ts"), () => run(options), options.minutes);
  process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  if (!found.met) process.exitCode = 1;
}

function valueAt(parts: Parts, path: string): number {
  const [group = "", name = ""] = path.split(/\.(.*)/);
  const values = (parts as unknown as Record<string, Record<string, number> | undefined>)[group];
  return values?.[name] ?? Number.NaN;
}

function holds(value: number, condition: string): boolean {
  const [, operator, limit] = /^(>=|<=|>|<|==) *(-?[\d._]+(?:e\d+)?)$/.exec(condition) ?? [];
  if (operator === undefined) throw new Error(`a goal reads like ">= 20", not "${condition}"`);
  const bound = Number(limit?.replaceAll("_", ""));
  switch (operator) {
    case ">=":
      return value >= bound;
    case "<=":
      return value <= bound;
    case ">":
      return value > bound;
    case "<":
      return value < bound;
    default:
      return value === bound;
  }
}

/** Three significant digits are more than a run repeats. */
function rounded<Value extends number | null>(
  values: Readonly<Record<string, Value>>,
): Record<string, Value> {
  const entries = Object.entries(values).map(([name, value]) => {
    return [name, value === null ? null : round(value)];
  });
  return Object.fromEntries(entries) as Record<string, Value>;
}

function round(value: number): number {
  return Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(3));
}
