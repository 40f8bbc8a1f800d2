import { hash32 } from "../../core/hash.ts";
import { seededRandom } from "../../core/random.ts";
import { Arena } from "./arena.ts";
import type { Extent, RunOptions } from "./extent.ts";
import { runInLanes } from "./lanes.ts";
import { type Row, rowOf } from "./rows.ts";
import { runScenario, scenarios } from "./scenarios.ts";
import { SCENES } from "./scenes.ts";
import { NOTHING, type Trial } from "./trial.ts";
import { unlessItStalls } from "./vigil.ts";

const GUARANTEES = ["at-most-once", "at-least-once", "key", "receipt"];
/** Rows that work at the same time, and rows that mostly wait beside them. */
const BUSY_LANES = 2;
const IDLE_LANES = 4;

/** One row that is to be done, in an arena of its own. */
interface Job {
  readonly guarantee: string;
  readonly fault: string;
  readonly isIdle: boolean;
  readonly isAlone: boolean;
  run(arena: Arena): Promise<Trial>;
}

/** Runs every row: each guarantee under each kind of fault, then what needs a scene of its own. */
export async function runMatrix(options: RunOptions): Promise<Row[]> {
  const { extent, rows: wanted = "" } = options;
  const jobs = allJobs(extent).filter((job) => nameOf(job).includes(wanted));
  const rows = new Map<Job, Row>();
  const run = async (job: Job): Promise<void> => {
    const startedAt = performance.now();
    const row = await runJob(job, options);
    rows.set(job, row);
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    const verdict = row.broken.length === 0 ? "holds" : "DOES NOT HOLD";
    options.say(`${rows.size} of ${jobs.length}  ${nameOf(job)}: ${verdict}, ${seconds} s`);
  };
  const together = jobs.filter(({ isAlone }) => !isAlone);
  await runInLanes(
    jobs.filter(({ isAlone }) => isAlone),
    1,
    run,
  );
  await Promise.all([
    runInLanes(
      together.filter(({ isIdle }) => !isIdle),
      BUSY_LANES,
      run,
    ),
    runInLanes(
      together.filter(({ isIdle }) => isIdle),
      IDLE_LANES,
      run,
    ),
  ]);
  return jobs.flatMap((job) => rows.get(job) ?? []);
}

function allJobs(extent: Extent): Job[] {
  const isWanted = (guarantee: string, fault: string): boolean =>
    extent.only?.[guarantee]?.includes(fault) ?? true;
  const broken = GUARANTEES.flatMap((guarantee) =>
    scenarios(extent).map((scenario) => ({
      ...{ guarantee, fault: scenario.name },
      ...{ isIdle: scenario.isIdle === true, isAlone: scenario.isAlone === true },
      run: (arena: Arena) => runScenario(arena, guarantee, scenario, extent),
    })),
  );
  const scenes = SCENES.map(({ guarantee, name, play }) => ({
    ...{ guarantee, fault: name, isIdle: false, isAlone: false },
    run: (arena: Arena) => play(arena, extent),
  }));
  return [...broken, ...scenes].filter(({ guarantee, fault }) => isWanted(guarantee, fault));
}

/** What breaks the row itself is a fault of the row, and the others go on. */
async function runJob(job: Job, { extent, seed, say }: RunOptions): Promise<Row> {
  const name = nameOf(job);
  const random = seededRandom(seed ^ hash32(name));
  const failed = (thrown: unknown): Trial => ({ ...NOTHING, faulty: [String(thrown)] });
  let arena: Arena;
  try {
    arena = await Arena.open({ leaseMs: extent.leaseMs, random });
  } catch (thrown) {
    say(`${name}: ${String(thrown)}`);
    return rowOf(job, failed(thrown));
  }
  const trial = await unlessItStalls(arena, { name, say }, job.run(arena)).catch(failed);
  const row = rowOf(job, trial);
  const isBroken = row.broken.length > 0;
  if (isBroken) {
    say(`${name}: ${row.broken.join("; ")}\n  seed ${seed}, evidence in ${arena.folder}`);
  }
  await arena.close({ isKept: isBroken });
  return row;
}

function nameOf({ guarantee, fault }: Pick<Job, "guarantee" | "fault">): string {
  return `${guarantee}: ${fault}`;
}
