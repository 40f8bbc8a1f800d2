import { RuntimeError } from "../../core/errors.ts";
import { isRunning } from "../../core/task.ts";
import { templateHash } from "../../core/variants.ts";
import type { TaskChange } from "../task/state.ts";
import type { Campaign, RunNotes } from "./messages.ts";
import { withOver } from "./over.ts";
import { beginRun, endRun, listAnew } from "./run.ts";
import { providerOf } from "./spec.ts";
import type { Command, Ctx, Loaded, MasterDeps, MasterState } from "./state.ts";
import { afterChange } from "./watching.ts";

/** Writes a change of state; a run that is begun anew is checked first. */
export async function write(
  state: MasterState,
  change: TaskChange<Command, RunNotes>,
  at: number,
  deps: MasterDeps,
): Promise<Loaded> {
  const campaign = state.campaign!;
  const { command, to, newRun, by, why } = change;
  const run = command === undefined ? change.notes : notesAfter(campaign, command, at);
  const accepted = newRun ? await checkStart(campaign, deps, at) : state.accepted;
  const epoch = newRun ? campaign.epoch + 1 : campaign.epoch;
  const expected = { state: campaign.state, epoch: campaign.epoch };
  const entry = { to, epoch, by, why, at, run };
  return { campaign: await deps.campaigns.transition(campaign.id, expected, entry), accepted };
}

/** What a run remembers after a command. */
function notesAfter(
  campaign: Campaign,
  { command, request }: Command,
  now: number,
): RunNotes | undefined {
  const { canary } = campaign.run;
  switch (command) {
    case "start":
      return { request, resumedAt: 0, canary: campaign.canary === undefined ? "none" : "trial" };
    case "resume":
    case "proceed":
      return {
        ...campaign.run,
        resumedAt: now,
        canary: canary === "halted" ? "overruled" : canary,
      };
    case "pause":
    case "stop":
      return undefined;
  }
}

/**
 * What a start needs; returns the recipients that the run accepts.
 *
 * @throws RuntimeError `audience.unknown`, `audience.not-ready`, `provider.unknown`;
 * `campaign.refused` when its time has passed, or the dry run that it demands is missing.
 */
async function checkStart(campaign: Campaign, deps: MasterDeps, now: number): Promise<number> {
  providerOf(campaign.provider, deps.providers);
  const audience = await deps.audiences.read(campaign.audience);
  if (audience === undefined) {
    throw new RuntimeError("audience.unknown", `there is no audience ${campaign.audience}`);
  }
  if (audience.state !== "finished") {
    const message = `audience ${audience.id} is ${audience.state}, not finished`;
    throw new RuntimeError("audience.not-ready", message);
  }
  const { schedule } = campaign;
  if (schedule !== undefined && "at" in schedule && now > schedule.at + schedule.maxLatenessMs) {
    const due = `it was due at ${new Date(schedule.at).toISOString()}`;
    const limit = `more than ${schedule.maxLatenessMs} ms ago`;
    throw new RuntimeError(
      "campaign.refused",
      `start refused: ${due}, ${limit}; edit its schedule`,
    );
  }
  if (campaign.requireDryRun === true) await checkCertificate(campaign, audience.hash, deps);
  return audience.size;
}

async function checkCertificate(
  campaign: Campaign,
  audienceHash: string,
  { campaigns }: MasterDeps,
): Promise<void> {
  const found = await campaigns.certificate(campaign.id);
  const same =
    found?.audienceHash === audienceHash && found.templateHash === templateHash(campaign);
  if (same) return;
  const what = found === undefined ? "there was none" : "the last one was of something else";
  const message = `start refused: it demands a dry run of this audience and message; ${what}`;
  throw new RuntimeError("campaign.refused", message);
}

/** Makes what runs agree with what the store says. */
export function adopt(state: MasterState, found: Loaded, deps: MasterDeps, ctx: Ctx): MasterState {
  const sameRun = found.campaign.epoch === state.campaign?.epoch;
  const next = { ...withOver(state, found.campaign), ...found };
  const runs = isRunning(next.campaign.state);
  const ended = runs && sameRun ? next : endRun(next, ctx);
  const begun = runs ? beginRun(ended, deps, ctx) : ended;
  const isPast = begun.run?.verdict !== undefined && found.campaign.run.canary !== "trial";
  return afterChange(isPast ? listAnew(begun, deps, ctx) : begun, deps, ctx);
}

/** Reads the campaign and the size of its audience; undefined when there is no such campaign. */
export async function load(id: string, deps: MasterDeps): Promise<Loaded | undefined> {
  const campaign = await deps.campaigns.read(id);
  if (campaign === undefined) return undefined;
  const audience = await deps.audiences.read(campaign.audience);
  return { campaign, accepted: audience?.size ?? 0 };
}
