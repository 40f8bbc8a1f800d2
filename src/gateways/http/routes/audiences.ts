import type { z } from "zod";
import type { AudienceSource } from "../../../actors/collect/messages.ts";
import { RuntimeError } from "../../../core/errors.ts";
import type { NewId } from "../../../core/random.ts";
import type { Api } from "../api.ts";
import { streamCollection } from "../audience-events.ts";
import { feed } from "../feed.ts";
import type { Call, Route, Upload } from "../route.ts";
import { eventRoute, jsonRoute } from "../route.ts";
import { byId, paged, pageOf } from "../schemas.ts";
import {
  audience,
  commandAnswer,
  lineError,
  named,
  newAudience,
  progress,
  transition,
} from "./audience-schemas.ts";
import { pullSource } from "./pull-schema.ts";
import { COMMAND_NAMES, type CommandName, commandFacts } from "./task-schemas.ts";

const uploadDetails =
  "The file as it is, of any size up to `http.csvBytesMax`: it is streamed and never held in " +
  "memory. CSV: its first line names the columns; `member` is required, the others become " +
  "variables. NDJSON: an id, or `{member, vars}`, per line. Plain text: an id per line. " +
  "A line with an error is left out and listed by `/v1/audiences/{id}/errors`.";

const COMMANDS: Readonly<Record<CommandName, string>> = {
  start: "Collect an audience, or collect it anew",
  pause: "Pause a collection: what is in hand is dropped, what is done stays",
  resume: "Go on with a paused collection where it was",
  proceed: "The same as resume",
  stop: "Stop a collection; it can be started anew",
};

const START_DETAILS =
  "It begins anew, and what it had is gone. An audience that a campaign has, or that another one " +
  "is being collected of, does not change any more: that is refused.";

function commandRoute(command: CommandName): Route {
  return jsonRoute({
    ...commandFacts("audience", command),
    tag: "Audiences",
    summary: COMMANDS[command],
    ...(command === "start" ? { details: START_DETAILS } : {}),
    answer: commandAnswer,
    handle: ({ params: { id }, body: { why }, caller, api }) => {
      const request = { type: "command-audience", id, command, by: caller.id, why } as const;
      return api.ask(api.actors.audiences, request, api.limits.importMs);
    },
  });
}

export const audienceRoutes: readonly Route[] = [
  jsonRoute({
    method: "POST",
    path: "/v1/audiences",
    tag: "Audiences",
    role: "operator",
    action: "audience.import",
    summary: "Make an audience: from a file, a list, a condition, a member API, other audiences",
    details: "Answers once it is finished: its recipients are frozen from then on.",
    query: named,
    body: newAudience,
    bodyLimit: "listBytesMax",
    status: 201,
    answer: audience,
    handle: (call) =>
      call.body.members === undefined ? collect(call) : importList(call, call.body.members),
    upload: {
      mediaTypes: ["text/csv", "application/x-ndjson", "text/plain"],
      details: uploadDetails,
      example: { query: "?name=customers", file: "customers.csv" },
      handle: importFile,
    },
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/audiences",
    tag: "Audiences",
    role: "viewer",
    summary: "List audiences, newest first",
    query: paged,
    answer: pageOf("AudiencePage", audience),
    handle: ({ query, api }) =>
      api.ask(api.actors.audiences, { type: "list-audiences", request: query }),
  }),
  ...COMMAND_NAMES.map(commandRoute),
  jsonRoute({
    method: "GET",
    path: "/v1/audiences/{id}/log",
    tag: "Audiences",
    role: "viewer",
    summary: "List an audience's changes of state",
    params: byId,
    query: paged,
    answer: pageOf("AudienceTransitionPage", transition),
    handle: ({ params: { id }, query, api }) =>
      api.ask(api.actors.audiences, { type: "list-audience-log", id, request: query }),
  }),
  eventRoute({
    method: "GET",
    path: "/v1/audiences/{id}/events",
    tag: "Audiences",
    role: "viewer",
    summary: "Follow the making of an audience as server-sent events",
    details:
      "Event `progress` comes at once and whenever something changed, about twice a second at " +
      "most; a slow reader gets the latest only. Event `end` is the last one, when the state is " +
      "final. Of an audience that is fed from outside there is only its state.",
    params: byId,
    events: { progress, end: progress },
    open: ({ params, api }) => streamCollection(params.id, api),
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/audiences/{id}",
    tag: "Audiences",
    role: "viewer",
    summary: "Show an audience",
    params: byId,
    answer: audience,
    handle: ({ params: { id }, api }) =>
      api.ask(api.actors.audiences, { type: "read-audience", id }),
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/audiences/{id}/errors",
    tag: "Audiences",
    role: "viewer",
    summary: "List the lines that were left out",
    details: "The first 1 000 of them; the audience counts them all.",
    params: byId,
    query: paged,
    answer: pageOf("LineErrorPage", lineError),
    handle: ({ params: { id }, query, api }) =>
      api.ask(api.actors.audiences, { type: "list-errors", id, request: query }),
  }),
];

type NewAudience = z.output<typeof newAudience>;
type Made = z.output<typeof audience>;

/**
 * What this request made before the node that did it died, and the id of what it makes now.
 *
 * An import that was interrupted stays as it is, and its next attempt has another id.
 */
async function madeBefore(
  newId: NewId,
  api: Api,
): Promise<{ readonly id?: string; readonly made?: Made }> {
  const id = newId("aud");
  try {
    const made = await api.ask(api.actors.audiences, { type: "read-audience", id });
    return made.source !== undefined || made.state === "finished" ? { made } : {};
  } catch (thrown) {
    if (thrown instanceof RuntimeError && thrown.code === "audience.unknown") return { id };
    throw thrown;
  }
}

async function importList(
  { body: { name }, caller, newId, api }: Call<unknown, unknown, NewAudience>,
  members: NonNullable<NewAudience["members"]>,
): Promise<Made> {
  const { id, made } = await madeBefore(newId, api);
  if (made !== undefined) return made;
  const recipients = members.map((it) =>
    typeof it === "string"
      ? { member: it }
      : { member: it.member, ...(it.vars === undefined ? {} : { vars: it.vars }) },
  );
  const request = { type: "import-list", id, name, recipients, by: caller.id } as const;
  return api.ask(api.actors.audiences, request, api.limits.importMs);
}

async function collect(call: Call<unknown, unknown, NewAudience>): Promise<Made> {
  const { body, caller, newId, api } = call;
  const { name, start, wait } = body;
  const { importMs } = api.limits;
  const said = { by: caller.id, why: "asked for" };
  const before = await madeBefore(newId, api);
  let { made } = before;
  if (made === undefined) {
    const request = { id: before.id, name, source: sourceOf(body), start, ...said };
    made = await api.ask(api.actors.audiences, { type: "create-audience", ...request }, importMs);
  } else if (start && made.state === "ready") {
    const command = { id: made.id, command: "start", ...said } as const;
    const request = { type: "command-audience", ...command } as const;
    ({ audience: made } = await api.ask(api.actors.audiences, request, importMs));
  }
  if (!start || !wait) return made;
  return api.ask(api.actors.audiences, { type: "wait-audience", id: made.id }, importMs);
}

function sourceOf(body: NewAudience): AudienceSource {
  const { condition: wanted, address, variables, pull, union, intersection, difference } = body;
  if (wanted !== undefined) {
    return {
      type: "condition",
      condition: wanted,
      ...(address === undefined ? {} : { address }),
      ...(variables === undefined ? {} : { variables }),
    };
  }
  if (pull !== undefined) return pullSource(pull);
  if (union !== undefined) return { type: "union", audiences: union };
  if (intersection !== undefined) return { type: "intersection", audiences: intersection };
  return { type: "difference", audiences: difference ?? [] };
}

const FORMATS = {
  "text/csv": "csv",
  "application/x-ndjson": "ndjson",
  "text/plain": "lines",
} as const;

async function importFile(
  call: Call<unknown, z.output<typeof named>, undefined>,
  upload: Upload,
): Promise<z.output<typeof audience>> {
  const { query, caller, newId, api } = call;
  const { name } = query;
  if (name === undefined) {
    const problem = { path: "query.name", expected: "the audience's name", got: "nothing" };
    throw new RuntimeError("http.invalid", "the audience needs a name", { problems: [problem] });
  }
  const { id, made } = await madeBefore(newId, api);
  if (made !== undefined) {
    while ((await upload.read()) !== undefined);
    return made;
  }
  const { bytes, mediaType } = upload;
  const { import: target } = await api.ask(api.actors.audiences, {
    type: "begin-import",
    id,
    name,
    by: caller.id,
    bytes,
    format: FORMATS[mediaType],
  });
  return feed(target, upload, call);
}
