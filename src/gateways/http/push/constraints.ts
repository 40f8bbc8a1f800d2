import type { TaskCommand, TaskState } from "../../../core/task.ts";
import type { Api } from "../api.ts";
import { Fields } from "./fields.ts";
import { type Constraint, type Kept, Records } from "./records.ts";
import { type Done, refused } from "./reply.ts";
import type { PushCall } from "./route.ts";
import { STATE_NUMBERS } from "./states.ts";

/** The one kind of condition that there is: a list. */
const CONCRETE = 1;
const LIST_DEFAULT = 20;
const LIST_MAX = 1_000;

export async function addConstraint({ body, api }: PushCall): Promise<Done> {
  const records = new Records("constraint", api);
  const { seconds: now } = records;
  const kept = await records.add({ ...readConstraint(body), ...fresh(now) });
  return { data: await viewOf(kept, api) };
}

export async function updateConstraint({ body, api }: PushCall): Promise<Done> {
  const records = new Records("constraint", api);
  const fields = new Fields(body);
  const id = fields.int("id", 1);
  const disabled = fields.flag("disabled");
  fields.check();
  const kept = await records.read(id);
  const state = await stateOf(kept.value, api);
  if (state === "started") throw refused(`constraint ${id} is started: stop it first`);
  const changed = readConstraint(body);
  const { mids, audience } = kept.value;
  // Another list is another audience: what was collected stays with its projects.
  const isSame = mids.join() === changed.mids.join();
  const next = { ...kept.value, ...changed, disabled, audience: isSame ? audience : "" };
  return { data: await viewOf(await records.replace(kept, next), api) };
}

/** Text in base64, one number a line; a line that is none is left out, and counted. */
export async function loadConstraint({ body, api }: PushCall): Promise<Done> {
  const fields = new Fields(body);
  const raw = fields.text("raw");
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(raw)) fields.wrong("raw", "text in base64", "other text");
  fields.check();
  const lines = Buffer.from(raw, "base64").toString("utf8").split(/\r?\n/);
  const written = lines.map((line) => line.trim()).filter((line) => line !== "");
  const mids = written.filter((line) => /^-?\d{1,19}$/.test(line)).map((it) => BigInt(it));
  const condition = { mids };
  const total = { target_total: mids.length, worker_total: 1, qps: 0, condition_kind: CONCRETE };
  const records = new Records("constraint", api);
  const { seconds: now } = records;
  const kept = await records.add({ ...readConstraint({ ...total, condition }), ...fresh(now) });
  const bad = written.length - mids.length;
  const detail = bad === 0 ? "" : `${bad} lines are no numbers and were left out`;
  return { data: await viewOf(kept, api), detail };
}

export async function getConstraint({ body, api }: PushCall): Promise<Done> {
  return { data: await viewOf(await named(body, api), api) };
}

export async function listConstraints({ body, api }: PushCall): Promise<Done> {
  const request = readSlice(body, LIST_MAX);
  const { items, total } = await new Records("constraint", api).list(request);
  const list = await Promise.all(items.map((it) => viewOf(it, api)));
  return { data: { list, offset: request.offset + list.length, total } };
}

/**
 * Collects the list into an audience, which takes one step; into a new one when it was done
 * before, as the old one stays with its projects.
 */
export async function startConstraint({ body, api, caller }: PushCall): Promise<Done> {
  const kept = await named(body, api);
  const { id, value } = kept;
  if (value.disabled) throw refused(`constraint ${id} is disabled: update it first`);
  const records = new Records("constraint", api);
  const audience = await collect(id, value.mids, { api, caller });
  const changed = { ...value, audience, started_time: records.seconds };
  return { data: await viewOf(await records.replace(kept, changed), api) };
}

/** Stop, pause and proceed, as the state of the constraint's audience allows. */
export function commandConstraint(command: TaskCommand): (call: PushCall) => Promise<Done> {
  return async ({ body, api, caller }) => {
    const kept = await named(body, api);
    const { audience } = kept.value;
    if (audience === "") {
      throw refused(`${command} refused: constraint ${kept.id} is ready, it was never started`);
    }
    const said = { command, by: caller.id, why: "asked for by an old caller" } as const;
    const request = { type: "command-audience", id: audience, ...said } as const;
    const { before, changed } = await api.ask(api.actors.audiences, request);
    const data = await viewOf(kept, api);
    return changed ? { data } : { data, detail: `it was ${before} already: nothing has changed` };
  };
}

export async function collect(
  id: number,
  mids: readonly string[],
  { api, caller }: Pick<PushCall, "api" | "caller">,
): Promise<string> {
  const recipients = mids.map((member) => ({ member }));
  const request = { type: "import-list", name: `constraint ${id}`, recipients } as const;
  const made = { ...request, by: caller.id };
  return (await api.ask(api.actors.audiences, made, api.limits.importMs)).id;
}

/** How far a constraint's collection is. */
export async function stateOf({ audience: id }: Constraint, api: Api): Promise<TaskState> {
  if (id === "") return "ready";
  return (await api.ask(api.actors.audiences, { type: "read-audience", id })).state;
}

async function named(body: unknown, api: Api): Promise<Kept<Constraint>> {
  const fields = new Fields(body);
  const id = fields.int("id", 1);
  fields.check();
  return new Records("constraint", api).read(id);
}

/** Offset and limit of a list. */
export function readSlice(body: unknown, max: number) {
  const fields = new Fields(body);
  const offset = fields.int("offset", 0, 0);
  const limit = Math.min(max, fields.int("limit", 1, LIST_DEFAULT));
  fields.check();
  return { offset, limit };
}

type Given = Pick<Constraint, "qps" | "target_total" | "worker_total" | "condition_kind" | "mids">;

function readConstraint(body: unknown): Given {
  const fields = new Fields(body);
  const given: Given = {
    target_total: fields.int("target_total", 1),
    worker_total: fields.int("worker_total", 1),
    qps: fields.int("qps", 0, 0),
    condition_kind: fields.int("condition_kind", 1),
    mids: fields.mids(),
  };
  if (given.condition_kind !== CONCRETE) {
    fields.wrong("condition_kind", "1, a list; conditions are at POST /v1/audiences", "another");
  }
  if (given.target_total !== given.mids.length) {
    fields.wrong("target_total", `${given.mids.length}, as many as mids`, given.target_total);
  }
  fields.check();
  return given;
}

function fresh(now: number) {
  return { disabled: false, started_time: 0, ct: now, ut: now, audience: "" };
}

async function viewOf({ id, value }: Kept<Constraint>, api: Api): Promise<object> {
  const { audience, mids, ...rest } = value;
  const state = await stateOf(value, api);
  const size = state === "finished" ? new Set(mids).size : 0;
  return {
    id,
    ...rest,
    state: STATE_NUMBERS[state],
    timestamps: {},
    target_counter: size,
    worker_counter: 0,
    condition: { mids: mids.map((mid) => BigInt(mid)) },
    audience,
  };
}
