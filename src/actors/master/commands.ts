import { RuntimeError } from "../../core/errors.ts";
import { fail, ok } from "../../core/result.ts";
import { judge } from "../../core/task.ts";
import type { Campaign, CampaignState, CommandAnswer } from "./messages.ts";
import { answerQuiet } from "./quiesce.ts";
import { beginRun, endRun, isComplete } from "./run.ts";
import { providerOf } from "./spec.ts";
import type { Change, Command, Ctx, Loaded, MasterDeps, MasterState, Message } from "./state.ts";
import { afterChange } from "./watching.ts";

/** How often a change is decided anew because somebody else was faster. */
const CONFLICTS_MAX = 3;
/** How long a change that the store did not take is left alone, in milliseconds. */
const AGAIN_MS = 1_000;
const BY_ITSELF = "master";

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
  const verdict = judge(campaign.state, message.command);
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
      const change: Change = { command: message, to, newRun, why, by, attempts: 1 };
      return persist({ ...state, changing: true }, change, deps, ctx);
    }
  }
}

/** Ends the run by itself when there is nothing left to do, or no sense in going on. */
export function checkRun(state: MasterState, deps: MasterDeps, ctx: Ctx): MasterState {
  const { run, campaign, changing } = state;
  if (state.quiescing !== undefined) return answerQuiet(state, ctx);
  if (run === undefined || campaign === undefined || changing) return state;
  if (run.fault !== "") return endBySelf(state, "failed", run.fault, deps, ctx);
  if (!isComplete(run)) return state;
  const some = run.refusal === "" ? "" : `; some were given up, the first because: ${run.refusal}`;
  return endBySelf(state, "finished", `everybody was dealt with${some}`, deps, ctx);
}

function endBySelf(
  state: MasterState,
  to: CampaignState,
  why: string,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const change = { command: undefined, to, newRun: false, why, by: BY_ITSELF, attempts: 1 };
  return persist({ ...state, changing: true }, change, deps, ctx);
}

function persist(state: MasterState, change: Change, deps: MasterDeps, ctx: Ctx): MasterState {
  const campaign = state.campaign!;
  const { to, newRun, why, by } = change;
  const epoch = newRun ? campaign.epoch + 1 : campaign.epoch;
  const at = ctx.now;
  ctx.perform(
    async (): Promise<Loaded> => {
      const accepted = newRun ? await checkStart(campaign, deps) : state.accepted;
      const expected = { state: campaign.state, epoch: campaign.epoch };
      const entry = { to, epoch, by, why, at };
      return { campaign: await deps.campaigns.transition(campaign.id, expected, entry), accepted };
    },
    (outcome) => ({ type: "changed", change, outcome }),
  );
  return state;
}

/**
 * What a start needs; returns the recipients that the run accepts.
 *
 * @throws RuntimeError `audience.unknown`, `audience.not-ready`, `provider.unknown`.
 */
async function checkStart(campaign: Campaign, deps: MasterDeps): Promise<number> {
  providerOf(campaign.provider, deps.providers);
  const audience = await deps.audiences.read(campaign.audience);
  if (audience === undefined) {
    throw new RuntimeError("audience.unknown", `there is no audience ${campaign.audience}`);
  }
  if (audience.state !== "ready") {
    const message = `audience ${audience.id} is ${audience.state}, not ready`;
    throw new RuntimeError("audience.not-ready", message);
  }
  return audience.size;
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
  if (change.command === undefined) {
    ctx.setTimer("check-run", AGAIN_MS, { type: "check-run" });
    return settled;
  }
  const isConflict = error.code === "store.conflict";
  const answer = isConflict ? new RuntimeError("campaign.conflict", error.message) : error;
  ctx.reply(change.command, fail(answer));
  return settled;
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
    if (change.command !== undefined) ctx.reply(change.command, fail(error));
    else ctx.setTimer("check-run", AGAIN_MS, { type: "check-run" });
    return { ...state, changing: false };
  }
  const fresh = adopt({ ...state, changing: false }, found, deps, ctx);
  if (change.command === undefined) return checkRun(fresh, deps, ctx);
  return command(fresh, change.command, deps, ctx);
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
  const next = { ...state, ...found };
  const runs = next.campaign.state === "started";
  const ended = runs && sameRun ? next : endRun(next, ctx);
  const begun = runs ? beginRun(ended, deps, ctx) : ended;
  return afterChange(begun, deps, ctx);
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
