import { RuntimeError } from "../../core/errors.ts";
import { fail, ok } from "../../core/result.ts";
import { isRunning, judge, type TaskCommand } from "../../core/task.ts";
import { templateHash } from "../../core/variants.ts";
import type { Campaign, CommandAnswer, RunNotes } from "./messages.ts";
import { withOver } from "./over.ts";
import { beginRun, endRun, listAnew } from "./run.ts";
import { providerOf } from "./spec.ts";
import type { Change, Command, Ctx, Loaded, MasterDeps, MasterState, Message } from "./state.ts";
import { afterChange } from "./watching.ts";

/** How often a change is decided anew because somebody else was faster. */
const CONFLICTS_MAX = 3;
/** How long a change that the store did not take is left alone, in milliseconds. */
const AGAIN_MS = 1_000;

/** Decides a command by the state that holds, and persists the change before anything acts. */
export function command(
  state: MasterState,
  message: Command,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const { campaign } = state;
  if (campaign === undefined) return state;
  if (state.quiescing !== undefined) {
    ctx.reply(message, fail(new RuntimeError("node.draining", "the node is stopping")));
    return state;
  }
  const asked = message.command === "proceed" ? "resume" : message.command;
  const verdict = judge(campaign.state, asked);
  switch (verdict.type) {
    case "refused":
      ctx.reply(message, fail(refusal(campaign, message, verdict.allowed)));
      return state;
    case "holds":
      ctx.reply(message, ok({ before: campaign.state, campaign, changed: false }));
      return state;
    case "change": {
      const { to, newRun } = verdict;
      const { why, by } = message;
      const run = notesAfter(campaign, asked, ctx.now);
      const change: Change = { command: message, to, newRun, why, by, attempts: 1, run };
      return persist(state, change, deps, ctx);
    }
  }
}

/** What a run remembers after a command. */
function notesAfter(campaign: Campaign, asked: TaskCommand, now: number): RunNotes | undefined {
  const { canary } = campaign.run;
  switch (asked) {
    case "start":
      return { resumedAt: 0, canary: campaign.canary === undefined ? "none" : "trial" };
    case "resume":
      return { resumedAt: now, canary: canary === "halted" ? "overruled" : canary };
    case "pause":
    case "stop":
      return undefined;
  }
}

/** Writes a change of state; its outcome comes as `changed`. */
export function persist(
  state: MasterState,
  change: Change,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const campaign = state.campaign!;
  const { to, newRun, why, by, run } = change;
  const epoch = newRun ? campaign.epoch + 1 : campaign.epoch;
  const at = ctx.now;
  ctx.perform(
    async (): Promise<Loaded> => {
      const accepted = newRun ? await checkStart(campaign, deps, at) : state.accepted;
      const expected = { state: campaign.state, epoch: campaign.epoch };
      const entry = { to, epoch, by, why, at, run };
      return { campaign: await deps.campaigns.transition(campaign.id, expected, entry), accepted };
    },
    (outcome) => ({ type: "changed", change, outcome }),
  );
  return { ...state, changing: true };
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

/** The store has answered: now the change may act. */
export function changed(
  state: MasterState,
  { change, outcome }: Extract<Message, { type: "changed" }>,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  if (outcome.ok) return act(state, change, outcome.value, deps, ctx);
  const { error } = outcome;
  if (error.code === "store.conflict" && change.attempts < CONFLICTS_MAX) {
    ctx.perform(
      () => load(state.id, deps),
      (read) => ({ type: "read-again", change, outcome: read }),
    );
    return state;
  }
  const settled = { ...state, changing: false };
  if (change.command === undefined) return rest(settled, ctx);
  const isConflict = error.code === "store.conflict";
  const answer = isConflict ? new RuntimeError("campaign.conflict", error.message) : error;
  ctx.reply(change.command, fail(answer));
  return settled;
}

/** The store has failed a change that the run makes by itself: it is tried again later. */
function rest(state: MasterState, ctx: Ctx): MasterState {
  ctx.setTimer("check-run", AGAIN_MS, { type: "check-run" });
  return { ...state, restsUntil: ctx.monotonic + AGAIN_MS };
}

/** Somebody else changed the campaign: decide again by what holds. */
export function readAgain(
  state: MasterState,
  { change, outcome }: Extract<Message, { type: "read-again" }>,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const found = outcome.ok ? outcome.value : undefined;
  if (found === undefined) {
    const error = outcome.ok
      ? new RuntimeError("campaign.unknown", `there is no campaign ${state.id}`)
      : outcome.error;
    const settled = { ...state, changing: false };
    if (change.command === undefined) return rest(settled, ctx);
    ctx.reply(change.command, fail(error));
    return settled;
  }
  // What a run changes by itself is looked at after every message, and so after this one.
  const fresh = adopt({ ...state, changing: false }, found, deps, ctx);
  return change.command === undefined ? fresh : command(fresh, change.command, deps, ctx);
}

function act(
  state: MasterState,
  change: Change,
  found: Loaded,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  if (change.command !== undefined) {
    const before = state.campaign!.state;
    const answer: CommandAnswer = { before, campaign: found.campaign, changed: true };
    ctx.reply(change.command, ok(answer));
  }
  return adopt({ ...state, changing: false }, found, deps, ctx);
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

function refusal(campaign: Campaign, message: Command, allowed: readonly string[]): RuntimeError {
  const may = `that allows: ${allowed.join(", ")}`;
  const text = `${message.command} refused: campaign ${campaign.id} is ${campaign.state}; ${may}`;
  return new RuntimeError("campaign.refused", text);
}
