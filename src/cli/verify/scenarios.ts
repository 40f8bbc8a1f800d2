import type { Arena } from "./arena.ts";
import { memberNames } from "./arena.ts";
import type { Extent } from "./extent.ts";
import {
  crash,
  freezeNode,
  killNode,
  killSink,
  pauseAndResume,
  secondMaster,
} from "./fault-kinds.ts";
import { add, type Fault, NOTHING, runTrial, type Trial } from "./trial.ts";

/** One kind of fault: how often, and how it is done. */
export interface Scenario {
  readonly name: string;
  readonly fault: Fault | undefined;
  readonly faults: number;
  readonly sendingMsMax: number;
  /** Answers that the sink loses: one of so many. */
  readonly loseEvery?: number;
  /** It spends its time waiting, so that it does not count among those that work. */
  readonly isIdle?: boolean;
  /** It is about how fast things are, so nothing may run beside it. */
  readonly isAlone?: boolean;
}

const LOSE_EVERY = 100;
/** A fault strikes after up to so much sending, in milliseconds. */
const SENDING_MS_MAX = 300;

export function scenarios({ kills, deaths, pauses }: Extent): Scenario[] {
  const often = { faults: kills, sendingMsMax: SENDING_MS_MAX };
  const once = { fault: undefined, faults: 0, sendingMsMax: 0 };
  return [
    { name: "none", ...once, isAlone: true },
    { name: "a worker crashes", fault: crash("worker"), ...often },
    { name: "the master crashes", fault: crash("master"), ...often },
    { name: "kill -9 of the node", fault: killNode, ...often },
    { name: "node frozen past its lease", fault: freezeNode, ...often, isIdle: true },
    { name: "provider killed mid-request", fault: killSink(), ...often, faults: deaths },
    { name: "1 % of answers lost", ...once, loseEvery: LOSE_EVERY, isAlone: true },
    { name: "pause and resume", fault: pauseAndResume, ...often, faults: pauses },
    { name: "a second master forced", fault: secondMaster, ...often, faults: pauses },
  ];
}

/** As many campaigns as it takes until the faults have been done. */
export async function runScenario(
  arena: Arena,
  guarantee: string,
  { fault, faults, sendingMsMax, loseEvery = 0 }: Scenario,
  extent: Extent,
): Promise<Trial> {
  const members = memberNames(extent.members);
  const { id: audience } = await arena.importMembers("everybody", members);
  arena.sink.behave({ loseEvery, areReceiptsTwisted: fault !== undefined || loseEvery > 0 });
  const rate = fault === undefined ? 0 : extent.rate;
  let sum = NOTHING;
  do {
    const { id } = await arena.create({ guarantee, audience, rate });
    const trial = await runTrial(arena, {
      ...{ campaign: id, members, fault, sendingMsMax },
      faults: faults - sum.faults,
    });
    sum = add(sum, trial);
    if (trial.faults === 0 || trial.faulty.length > 0) break;
  } while (sum.faults < faults);
  if (sum.faults >= faults) return sum;
  return { ...sum, faulty: [...sum.faulty, `only ${sum.faults} of ${faults} faults were done`] };
}
