import type { Campaign, CampaignCommand, CampaignSpec } from "../../../actors/master/messages.ts";
import type { Api } from "../api.ts";
import { stateOf as constraintState, readSlice } from "./constraints.ts";
import { Fields } from "./fields.ts";
import { type Kept, type Project, Records } from "./records.ts";
import { type Done, refused } from "./reply.ts";
import type { PushCall } from "./route.ts";
import { STATE_NUMBERS } from "./states.ts";

const LIST_MAX = 1_000;
const DAY_MS = 86_400_000;
const WORKERS_MAX = 64;

export async function addProject({ body, api }: PushCall): Promise<Done> {
  const records = new Records("project", api);
  const given = readProject(body);
  await enabledConstraint(given.cid, api);
  const now = records.seconds;
  const fresh = { disabled: false, started_time: 0, ct: now, ut: now, campaign: "" };
  return { data: await viewOf(await records.add({ ...given, ...fresh }), api) };
}

export async function updateProject({ body, api }: PushCall): Promise<Done> {
  const fields = new Fields(body);
  const disabled = fields.flag("disabled");
  fields.check();
  const kept = await named(body, api);
  const state = await stateOf(kept.value, api);
  if (state === "started" || state === "reboot") {
    throw refused(`project ${kept.id} is ${state}: stop or pause it first`);
  }
  const given = readProject(body);
  await enabledConstraint(given.cid, api);
  const next = { ...kept.value, ...given, disabled };
  return { data: await viewOf(await new Records("project", api).replace(kept, next), api) };
}

export async function getProject({ body, api }: PushCall): Promise<Done> {
  return { data: await viewOf(await named(body, api), api) };
}

export async function listProjects({ body, api }: PushCall): Promise<Done> {
  const request = readSlice(body, LIST_MAX);
  const { items, total } = await new Records("project", api).list(request);
  const list = await Promise.all(items.map((it) => viewOf(it, api)));
  return { data: { list, offset: request.offset + list.length, total } };
}

/** Begins a new run that reaches everybody, through a campaign of ours. */
export async function startProject(call: PushCall): Promise<Done> {
  const { body, api } = call;
  const kept = await named(body, api);
  const { id, value } = kept;
  if (value.disabled) throw refused(`project ${id} is disabled: update it first`);
  const state = await stateOf(value, api);
  if (state === "started" || state === "reboot") throw refused(`project ${id} is ${state} already`);
  const audience = await collectedAudience(value.cid, api);
  const campaign = await campaignFor(kept, audience, call);
  const records = new Records("project", api);
  const started = { ...value, campaign, started_time: records.seconds };
  const next = await records.replace(kept, started);
  return commandCampaign(next, "start", call);
}

/** Stop, pause and proceed, as the campaign's state allows. */
export function commandProject(command: CampaignCommand): (call: PushCall) => Promise<Done> {
  return async (call) => {
    const kept = await named(call.body, call.api);
    if (kept.value.campaign === "") {
      throw refused(`${command} refused: project ${kept.id} is ready, it was never started`);
    }
    return commandCampaign(kept, command, call);
  };
}

async function commandCampaign(
  kept: Kept<Project>,
  command: CampaignCommand,
  { api, caller }: PushCall,
): Promise<Done> {
  const { before, changed } = await api.ask(api.actors.campaigns, {
    type: "command",
    id: kept.value.campaign,
    command,
    by: caller.id,
    why: "asked for by an old caller",
  });
  const data = await viewOf(kept, api);
  return changed ? { data } : { data, detail: `it was ${before} already: nothing has changed` };
}

/** The project's campaign, or a new one when what it says or whom it is for has changed. */
async function campaignFor(
  { id, value }: Kept<Project>,
  audience: { readonly id: string; readonly size: number },
  { api, caller, settings }: PushCall,
): Promise<string> {
  if (value.target_total < audience.size) {
    const message = `project ${id}: target_total is ${value.target_total}, and there are`;
    throw refused(`${message} ${audience.size} targets, who all get it: make another constraint`);
  }
  const spec: CampaignSpec = {
    ...{ name: `project ${id}`, audience: audience.id, provider: settings.provider },
    ...{ topic: settings.topic, payload: value.msg, ack: true, ttlMs: DAY_MS, rate: value.qps },
    ...{ workers: Math.min(WORKERS_MAX, value.worker_total), window: 200, inFlight: 2 },
    guarantee: settings.provider === "session" ? "key" : "at-most-once",
  };
  if (value.campaign !== "" && isSame(await campaignOf(value.campaign, api), spec)) {
    return value.campaign;
  }
  const request = { type: "create-campaign", spec, by: caller.id } as const;
  return (await api.ask(api.actors.campaigns, request)).id;
}

function isSame(campaign: Campaign, spec: CampaignSpec): boolean {
  const { audience, rate, workers, payload, provider, topic } = campaign;
  const same = audience === spec.audience && rate === spec.rate && workers === spec.workers;
  const said = provider === spec.provider && topic === spec.topic;
  return same && said && JSON.stringify(payload) === JSON.stringify(spec.payload);
}

async function enabledConstraint(cid: number, api: Api) {
  const constraint = await new Records("constraint", api).read(cid);
  if (constraint.value.disabled) throw refused(`constraint ${cid} is disabled`);
  return constraint;
}

async function collectedAudience(cid: number, api: Api) {
  const { value } = await enabledConstraint(cid, api);
  const state = await constraintState(value, api);
  if (state !== "finished") throw refused(`constraint ${cid} is ${state}, not finished: start it`);
  return api.ask(api.actors.audiences, { type: "read-audience", id: value.audience });
}

async function campaignOf(id: string, api: Api): Promise<Campaign> {
  return (await api.ask(api.actors.campaigns, { type: "read-campaign", id })).campaign;
}

async function stateOf({ campaign }: Project, api: Api) {
  return campaign === "" ? "ready" : (await campaignOf(campaign, api)).state;
}

async function named(body: unknown, api: Api): Promise<Kept<Project>> {
  const fields = new Fields(body);
  const id = fields.int("id", 1);
  fields.check();
  return new Records("project", api).read(id);
}

function readProject(body: unknown) {
  const fields = new Fields(body);
  const given = {
    cid: fields.int("cid", 1),
    msg: fields.json("msg"),
    target_total: fields.int("target_total", 1),
    worker_total: fields.int("worker_total", 1),
    qps: fields.int("qps", 0, 0),
  };
  fields.check();
  return given;
}

async function viewOf({ id, value }: Kept<Project>, api: Api): Promise<object> {
  const { campaign, ...rest } = value;
  const none = { state: STATE_NUMBERS.ready, target_counter: 0, worker_counter: 0 };
  if (campaign === "") return { id, ...rest, ...none, timestamps: {}, campaign };
  const found = await api.ask(api.actors.campaigns, { type: "read-campaign", id: campaign });
  const { state, sent, workers } = found.progress;
  const counts = { target_counter: sent, worker_counter: workers };
  return { id, ...rest, state: STATE_NUMBERS[state], ...counts, timestamps: {}, campaign };
}
