import { type Arena, memberNames, pause } from "./arena.ts";
import type { Extent } from "./extent.ts";
import { type Fault, runTrial, type Trial } from "./trial.ts";

/** What is no fault in the midst of a campaign, and has a scene of its own. */
export interface Scene {
  readonly name: string;
  readonly guarantee: string;
  play(arena: Arena, extent: Extent): Promise<Trial>;
}

export const SCENES: readonly Scene[] = [
  { name: "receipts doubled and shuffled", guarantee: "receipt", play: twistedReceipts },
  {
    name: "one member in five overlapping audiences",
    guarantee: "at-most-once",
    play: overlapping,
  },
  { name: "a second node on the same folder", guarantee: "at-most-once", play: secondNode },
  {
    name: "a schedule comes due while it is down",
    guarantee: "at-most-once",
    play: dueWhileDown,
  },
];

/** When a schedule comes due, and how late it may be. */
const SOON_MS = 800;
const LATENESS_MS = 500;
const RECEIPTS_POLL_MS = 50;
const UNBROKEN = { fault: undefined, faults: 0, sendingMsMax: 0 } as const;

/** Each message is told of three times, in no order: it must be settled once. */
async function twistedReceipts(arena: Arena, extent: Extent): Promise<Trial> {
  const members = memberNames(extent.members);
  const { id: audience } = await arena.importMembers("everybody", members);
  arena.sink.behave({ loseEvery: 0, areReceiptsTwisted: true });
  const { id } = await arena.create({ guarantee: "receipt", audience, rate: 0 });
  const trial = await runTrial(arena, { campaign: id, members, ...UNBROKEN });
  let said = await arena.sink.count();
  while (said.untold > 0) {
    await pause(RECEIPTS_POLL_MS);
    said = await arena.sink.count();
  }
  const { progress } = await arena.show(id);
  const { accepted, delivered, acked, unknown } = progress.ledger;
  const faulty: string[] = [];
  if (delivered + acked !== accepted) faulty.push(`${delivered + acked} of ${accepted} settled`);
  if (unknown + progress.ledgerGap !== 0) faulty.push("the ledger counts receipts twice");
  const faults = said.told - members.length;
  if (faults < members.length) faulty.push(`only ${faults} receipts were told again`);
  return { ...trial, faults, faulty: [...trial.faulty, ...faulty] };
}

async function overlapping(arena: Arena, { members: count }: Extent): Promise<Trial> {
  const step = Math.floor(count / 10);
  const five = [0, 1, 2, 3, 4].map((n) => memberNames(5 * step, n * step));
  const members = [...new Set(five.flat())];
  const parts: string[] = [];
  for (const some of five) parts.push((await arena.importMembers("one of five", some)).id);
  const { id: audience } = await arena.unite(parts);
  const { id } = await arena.create({ guarantee: "at-most-once", audience, rate: 0 });
  return runTrial(arena, { campaign: id, members, ...UNBROKEN });
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
  const options = { campaign: id, members, ...UNBROKEN };
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
