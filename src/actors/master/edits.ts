import { RuntimeError } from "../../core/errors.ts";
import { fail, ok } from "../../core/result.ts";
import { isRunning } from "../../core/task.ts";
import { adopt, load } from "./changes.ts";
import type { Campaign, CampaignSpec } from "./messages.ts";
import { repace } from "./run.ts";
import { checkAudience, checkSpec, SPEC_LIMITS } from "./spec.ts";
import type { Ctx, Edit, Loaded, MasterDeps, MasterState, Message, Report } from "./state.ts";

/** What a run is built on: it stays while a campaign is paused. */
const FIXED_IN_RUN = ["audience", "provider", "guarantee"] as const;

/** Changes what a campaign says, or how fast it goes; one change at a time. */
export function edit(state: MasterState, request: Edit, deps: MasterDeps, ctx: Ctx): MasterState {
  const { campaign } = state;
  if (campaign === undefined) return state;
  const at = ctx.now;
  ctx.perform(
    async (): Promise<Loaded> => {
      if (request.type === "tune-campaign") await tune(campaign, request, deps, at);
      else await change(campaign, request, deps, at);
      return (await load(campaign.id, deps))!;
    },
    (outcome) => ({ type: "edited", request, outcome }),
  );
  return { ...state, changing: true };
}

export function edited(
  state: MasterState,
  { request, outcome }: Extract<Message, { type: "edited" }>,
  deps: MasterDeps,
  ctx: Ctx,
): MasterState {
  const settled = { ...state, changing: false };
  if (!outcome.ok) {
    const { code, message } = outcome.error;
    const isConflict = code === "store.conflict";
    ctx.reply(
      request,
      fail(isConflict ? new RuntimeError("campaign.conflict", message) : outcome.error),
    );
    return settled;
  }
  const { campaign } = outcome.value;
  ctx.reply(request, ok(campaign));
  const { workers, rate } = state.campaign ?? campaign;
  const adopted = adopt(settled, outcome.value, deps, ctx);
  const samePace = campaign.workers === workers && campaign.rate === rate;
  if (samePace) return adopted;
  return repace({ ...adopted, resendBucket: undefined }, deps, ctx);
}

async function tune(
  campaign: Campaign,
  request: Report<"tune-campaign">,
  deps: MasterDeps,
  at: number,
): Promise<void> {
  const { workers = campaign.workers, rate = campaign.rate, by } = request;
  checkPace("workers", workers);
  checkPace("rate", rate);
  const said = [
    ...(workers === campaign.workers ? [] : [`workers ${campaign.workers} -> ${workers}`]),
    ...(rate === campaign.rate ? [] : [`rate ${campaign.rate} -> ${rate}`]),
  ];
  if (said.length === 0) return;
  const { state, epoch } = campaign;
  const why = `${said.join(", ")}: ${request.why}`;
  await deps.campaigns.tune(campaign.id, { state, epoch }, { workers, rate, by, why, at });
}

function checkPace(path: "workers" | "rate", value: number): void {
  const { min, max } = SPEC_LIMITS[path];
  const whole = path === "rate" || Number.isInteger(value);
  if (whole && value >= min && value <= max) return;
  const problem = { path, expected: `${min} to ${max}`, got: `${value}` };
  const message = `${path}: expected ${problem.expected}, got ${problem.got}`;
  throw new RuntimeError("campaign.invalid", message, { problems: [problem] });
}

/**
 * Makes a new version of a spec.
 *
 * @throws RuntimeError `campaign.refused` while it runs; `campaign.conflict` when it is not the
 * version that the editor saw; `campaign.invalid`; `audience.unknown`, `audience.not-ready`.
 */
async function change(
  campaign: Campaign,
  request: Report<"edit-campaign">,
  deps: MasterDeps,
  at: number,
): Promise<void> {
  const { id, state, version } = campaign;
  const { changes, removes, expectedVersion = version, by, why } = request;
  if (isRunning(state)) {
    const message = `edit refused: campaign ${id} is ${state}; pause it first`;
    throw new RuntimeError("campaign.refused", message);
  }
  if (expectedVersion !== version) {
    const message = `campaign ${id} is at version ${version}, not ${expectedVersion}`;
    throw new RuntimeError("campaign.conflict", message);
  }
  const before = specOf(campaign);
  const after: Record<string, unknown> = { ...before, ...changes };
  for (const part of removes) delete after[part];
  const spec = after as unknown as CampaignSpec;
  if (state === "pause") checkFixed(before, spec);
  checkSpec(spec, deps.providers);
  if (spec.audience !== before.audience) await checkAudience(spec.audience, deps.audiences);
  await deps.campaigns.edit(id, { state, version }, { spec, by, why, at });
}

function checkFixed(before: CampaignSpec, after: CampaignSpec): void {
  const problems = FIXED_IN_RUN.filter((path) => after[path] !== before[path]).map((path) => ({
    path,
    expected: `${before[path]}, as long as its run is paused; stop it first`,
    got: after[path],
  }));
  if (problems.length === 0) return;
  const list = problems.map(
    ({ path, expected, got }) => `${path}: expected ${expected}, got ${got}`,
  );
  throw new RuntimeError("campaign.invalid", list.join("; "), { problems });
}

function specOf(campaign: Campaign): CampaignSpec {
  const { id, state, why, epoch, version, run, createdAt, changedAt, ...spec } = campaign;
  return spec;
}
