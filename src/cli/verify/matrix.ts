import { Arena, memberNames, pause } from "./arena.ts";
import {
  crash,
  freezeNode,
  killNode,
  killSink,
  pauseAndResume,
  secondMaster,
} from "./fault-kinds.ts";
import { type Row, rowOf } from "./rows.ts";
import { add, type Fault, NOTHING, runTrial, type Trial } from "./trial.ts";

/** How much a verification does. */
export interface Extent {
  /** kill -9 and crashes of each kind, per guarantee. */
  readonly kills: number;
  /** Freezes and deaths of the provider, per guarantee: each takes seconds. */
  readonly slowFaults: number;
  readonly pauses: number;
  readonly members: number;
  /** Messages per second while it is broken, so that each campaign takes some faults. */
  readonly rate: number;
  readonly leaseMs: number;
  /** Faults by guarantee; absent: every one under each. */
  readonly only?: Readonly<Record<string, readonly string[]>>;
}

const GUARANTEES = ["at-most-once", "at-least-once", "key", "receipt"];

export const FULL: Extent = {
  kills: 100,
  slowFaults: 10,
  pauses: 20,
  members: 50_000,
  rate: 8_000,
  leaseMs: 3_000,
};

/** Enough to notice that something is broken, in under a minute and a half. */
export const SHORT: Extent = {
  kills: 2,
  slowFaults: 1,
  pauses: 3,
  members: 4_000,
  rate: 5_000,
  leaseMs: 700,
  only: {
    "at-least-once": ["kill -9 of the node"],
    key: ["kill -9 of the node", "provider killed mid-request"],
    receipt: ["kill -9 of the node"],
  },
};

/** One kind of fault: how often, and what it must not do. */
interface Scenario {
  readonly name: string;
  readonly fault: Fault | undefined;
  readonly faults: number;
  readonly sendingMsMax: number;
  /** Answers that the sink loses: one of so many. */
  readonly loseEvery?: number;
}

const LOSE_EVERY = 100;
/** When a schedule comes due, and how late it may be. */
const SOON_MS = 800;
const LATENESS_MS = 500;

function scenarios(extent: Extent): Scenario[] {
  const { kills, slowFaults, pauses } = extent;
  const often = { faults: kills, sendingMsMax: 300 };
  return [
    { name: "none", fault: undefined, faults: 1, sendingMsMax: 0 },
    { name: "a worker crashes", fault: crash("worker"), ...often },
    { name: "the master crashes", fault: crash("master"), ...often },
    { name: "kill -9 of the node", fault: killNode, ...often },
    { name: "node frozen past its lease", fault: freezeNode, ...often, faults: slowFaults },
    { name: "provider killed mid-request", fault: killSink(), ...often, faults: slowFaults },
    { name: "1 % of answers lost", fault: undefined, ...often, faults: 1, loseEvery: LOSE_EVERY },
    { name: "pause and resume", fault: pauseAndResume, ...often, faults: pauses },
    { name: "a second master forced", fault: secondMaster, ...often, faults: 1 },
  ];
}

/** Told of what is being done, for people. */
export type Say = (line: string) => void;

/** Runs every row: each guarantee under each kind of fault, then what needs a scene of its own. */
export async function runMatrix(extent: Extent, say: Say): Promise<Row[]> {
  const rows: Row[] = [];
  const row = async (
    { fault, guarantee }: Pick<Row, "fault" | "guarantee">,
    run: () => Promise<Trial>,
  ): Promise<void> => {
    say(`${guarantee}: ${fault}`);
    rows.push(rowOf({ fault, guarantee }, await run()));
  };
  for (const guarantee of GUARANTEES) {
    await inArena(extent, async (arena) => {
      for (const scenario of scenarios(extent)) {
        const { name: fault } = scenario;
        if (extent.only?.[guarantee]?.includes(fault) === false) continue;
        await row({ fault, guarantee }, () => runRow(arena, guarantee, scenario, extent));
      }
    });
  }
  await inArena(extent, async (arena) => {
    for (const [fault, scene] of Object.entries(SCENES)) {
      await row({ fault, guarantee: "at-most-once" }, () => scene(arena, extent));
    }
  });
  return rows;
}

async function inArena(extent: Extent, run: (arena: Arena) => Promise<void>): Promise<void> {
  const arena = await Arena.open(extent.leaseMs);
  try {
    await run(arena);
  } finally {
    await arena.close();
  }
}

/** As many campaigns as it takes until the faults have been done. */
async function runRow(
  arena: Arena,
  guarantee: string,
  { fault, faults, sendingMsMax, loseEvery = 0 }: Scenario,
  extent: Extent,
): Promise<Trial> {
  const members = memberNames(extent.members);
  const { id: audience } = await arena.importMembers("everybody", members);
  arena.loseAnswers(loseEvery);
  const rate = fault === undefined ? 0 : extent.rate;
  let sum = NOTHING;
  do {
    const { id } = await arena.create({ guarantee, audience, rate });
    const trial = await runTrial(arena, {
      ...{ campaign: id, members, fault, sendingMsMax },
      faults: faults - sum.faults,
    });
    sum = add(sum, trial);
    if (fault !== undefined && trial.faults === 0) break;
  } while (fault !== undefined && sum.faults < faults);
  return sum;
}

/** What is no fault in the midst of a campaign. */
const SCENES: Readonly<Record<string, (arena: Arena, extent: Extent) => Promise<Trial>>> = {
  "one member in five overlapping audiences": overlapping,
  "a second node on the same folder": secondNode,
  "a schedule comes due while it is down": dueWhileDown,
};

async function overlapping(arena: Arena, { members: count }: Extent): Promise<Trial> {
  const step = Math.floor(count / 10);
  const five = [0, 1, 2, 3, 4].map((n) => memberNames(5 * step, n * step));
  const members = [...new Set(five.flat())];
  const parts: string[] = [];
  for (const some of five) parts.push((await arena.importMembers("one of five", some)).id);
  const { id: audience } = await arena.unite(parts);
  const { id } = await arena.create({ guarantee: "at-most-once", audience, rate: 0 });
  const options = { campaign: id, members, fault: undefined, faults: 0, sendingMsMax: 0 };
  return runTrial(arena, options);
}

/** It must not go hours later by itself, and not be lost either. */
async function dueWhileDown(arena: Arena, extent: Extent): Promise<Trial> {
  const members = memberNames(Math.min(2_000, extent.members));
  const { id: audience } = await arena.importMembers("some", members);
  const schedule = { at: Date.now() + SOON_MS, maxLatenessMs: LATENESS_MS };
  const wanted = { guarantee: "at-most-once", audience, rate: 0, further: { schedule } };
  const { id } = await arena.create(wanted);
  await arena.command(id, "start");
  await arena.node.kill();
  await pause(SOON_MS + 2 * LATENESS_MS);
  const { arrived: before } = await arena.sink.count();
  await arena.node.start();
  await pause(2 * LATENESS_MS);
  const { arrived: after } = await arena.sink.count();
  const { campaign } = await arena.show(id);
  const faulty: string[] = [];
  if (after !== before) faulty.push(`${after - before} went by themselves, too late`);
  if (campaign.state !== "pause") faulty.push(`it is ${campaign.state}, not paused`);
  const options = { campaign: id, members, fault: undefined, faults: 0, sendingMsMax: 0 };
  const trial = await runTrial(arena, { ...options, command: "resume" });
  return { ...trial, faults: 1, faulty: [...trial.faulty, ...faulty] };
}

async function secondNode(arena: Arena, extent: Extent): Promise<Trial> {
  const members = memberNames(extent.members);
  const { id: audience } = await arena.importMembers("everybody", members);
  const { rate } = extent;
  const { id } = await arena.create({ guarantee: "at-most-once", audience, rate });
  let refusedWith: string | undefined;
  const fault: Fault = {
    async strike({ node }) {
      refusedWith = await node.startSecond();
      return { at: Date.now() };
    },
  };
  const options = { campaign: id, members, fault, faults: 1, sendingMsMax: 100 };
  const trial = await runTrial(arena, options);
  if (refusedWith === "store.locked") return trial;
  const faulty = [...trial.faulty, `the second node: ${refusedWith ?? "it was not refused"}`];
  return { ...trial, faulty };
}
