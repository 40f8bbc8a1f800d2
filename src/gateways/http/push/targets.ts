import type { RecipientState } from "../../../actors/review/messages.ts";
import { RuntimeError } from "../../../core/errors.ts";
import type { Api } from "../api.ts";
import { collect, readSlice } from "./constraints.ts";
import { Fields } from "./fields.ts";
import { type Constraint, type Kept, type Project, Records } from "./records.ts";
import { type Done, refused } from "./reply.ts";
import type { PushCall } from "./route.ts";

/** Each is looked up in every project of its constraint. */
const LIST_MAX = 100;

/** What became of a target in a project, in the old numbers; absent: it was not claimed. */
const CLAIMED = 2;
const PUSHED = 4;
const FAILED = 5;

const PID_STATES: Readonly<Record<RecipientState, number | undefined>> = {
  untouched: undefined,
  "in-doubt": CLAIMED,
  unknown: CLAIMED,
  delivered: PUSHED,
  handed: PUSHED,
  held: FAILED,
  refused: FAILED,
  invalid: FAILED,
  capped: FAILED,
  skipped: FAILED,
};

export async function getTarget({ body, api }: PushCall): Promise<Done> {
  const fields = new Fields(body);
  const cid = fields.int("cid", 1);
  const mid = fields.mid("mid");
  fields.check();
  const constraint = await new Records("constraint", api).read(cid);
  if (!targetsOf(constraint).includes(mid)) throw unknownTarget(cid, mid);
  return { data: await viewOf(cid, mid, await projectsOf(cid, api), api) };
}

export async function listTargets({ body, api }: PushCall): Promise<Done> {
  const slice = readSlice(body, LIST_MAX);
  const constraints: Kept<Constraint>[] = [];
  for await (const constraint of new Records("constraint", api).all()) constraints.push(constraint);
  return listOf(constraints, slice, api);
}

export async function listTargetsOf({ body, api }: PushCall): Promise<Done> {
  const fields = new Fields(body);
  const cid = fields.int("cid", 1);
  fields.check();
  const slice = readSlice(body, LIST_MAX);
  return listOf([await new Records("constraint", api).read(cid)], slice, api);
}

/**
 * Takes a member out of a constraint, which is collected again: what is frozen is not changed,
 * so a project that runs keeps them.
 */
export async function deleteTarget({ body, api, caller }: PushCall): Promise<Done> {
  const fields = new Fields(body);
  const id = fields.text("id");
  fields.check();
  const { cid, mid } = readTargetId(id);
  const records = new Records("constraint", api);
  const kept = await records.read(cid);
  if (!targetsOf(kept).includes(mid)) throw unknownTarget(cid, mid);
  const mids = kept.value.mids.filter((it) => it !== mid);
  if (mids.length === 0) throw refused(`it is the last target of constraint ${cid}: disable that`);
  const running = await runningProject(cid, api);
  if (running !== undefined) throw refused(`project ${running} is sending to it: stop it first`);
  const audience = await collect(cid, mids, { api, caller });
  await records.replace(kept, { ...kept.value, mids, target_total: mids.length, audience });
  return { data: null };
}

async function listOf(
  constraints: readonly Kept<Constraint>[],
  { offset, limit }: { readonly offset: number; readonly limit: number },
  api: Api,
): Promise<Done> {
  const list: object[] = [];
  let passed = 0;
  let total = 0;
  for (const constraint of constraints) {
    const targets = targetsOf(constraint);
    total += targets.length;
    const from = Math.max(0, offset - passed);
    const wanted = targets.slice(from, from + limit - list.length);
    passed += Math.min(targets.length, from);
    if (wanted.length === 0) continue;
    const projects = await projectsOf(constraint.id, api);
    for (const mid of wanted) list.push(await viewOf(constraint.id, mid, projects, api));
  }
  return { data: { list, offset: offset + list.length, total } };
}

/** Members of a constraint that has been collected, each once. */
function targetsOf({ value }: Kept<Constraint>): string[] {
  return value.audience === "" ? [] : [...new Set(value.mids)];
}

async function projectsOf(cid: number, api: Api): Promise<Kept<Project>[]> {
  const found: Kept<Project>[] = [];
  for await (const project of new Records("project", api).all()) {
    if (project.value.cid === cid && project.value.campaign !== "") found.push(project);
  }
  return found;
}

async function runningProject(cid: number, api: Api): Promise<number | undefined> {
  for (const { id, value } of await projectsOf(cid, api)) {
    const question = { type: "read-campaign", id: value.campaign } as const;
    const { state } = (await api.ask(api.actors.campaigns, question)).campaign;
    if (state === "started" || state === "reboot" || state === "pause") return id;
  }
  return undefined;
}

async function viewOf(
  cid: number,
  mid: string,
  projects: readonly Kept<Project>[],
  api: Api,
): Promise<object> {
  const pids: Record<string, number> = {};
  for (const { id, value } of projects) {
    const question = { type: "ask-why", id: value.campaign, member: mid } as const;
    const { outcome } = await api.ask(api.actors.review, question);
    const state = outcome === undefined ? undefined : PID_STATES[outcome.state];
    if (state !== undefined) pids[id] = state;
  }
  return { id: targetId(cid, mid), cid, mid: BigInt(mid), pids };
}

/** 24 hexadecimal digits, as old callers expect them: 8 of the constraint, 16 of the member. */
export function targetId(cid: number, mid: string): string {
  const wide = BigInt.asUintN(64, BigInt(mid)).toString(16).padStart(16, "0");
  return cid.toString(16).padStart(8, "0") + wide;
}

function readTargetId(id: string): { readonly cid: number; readonly mid: string } {
  if (!/^[0-9a-f]{24}$/i.test(id)) {
    const problem = { path: "id", expected: "24 hexadecimal digits", got: id.slice(0, 60) };
    throw refused("id is wrong", [problem]);
  }
  const mid = BigInt.asIntN(64, BigInt(`0x${id.slice(8)}`)).toString();
  return { cid: Number.parseInt(id.slice(0, 8), 16), mid };
}

function unknownTarget(cid: number, mid: string): RuntimeError {
  return new RuntimeError("numbered.unknown", `${mid} is not a target of constraint ${cid}`);
}
