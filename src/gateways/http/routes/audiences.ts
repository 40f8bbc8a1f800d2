import { z } from "zod";
import type { AudienceSource } from "../../../actors/collect/messages.ts";
import { RuntimeError } from "../../../core/errors.ts";
import { condition } from "../condition-schema.ts";
import { feed } from "../feed.ts";
import type { Call, Route, Upload } from "../route.ts";
import { jsonRoute } from "../route.ts";
import { answer, byId, count, instant, paged, pageOf, request, text } from "../schemas.ts";

const LIST_MAX = 100_000;

const member = text(128);
const vars = z.record(z.string().max(64), z.string().max(4096));

const KINDS = ["members", "condition", "union", "intersection", "difference"] as const;

const operands = z.array(text(128)).min(2).max(16);

const newAudience = request(
  "NewAudience",
  z
    .strictObject({
      name: text(200)
        .meta({ examples: ["spring customers"] })
        .describe("A name for people; need not be unique."),
      members: z
        .array(z.union([member, z.strictObject({ member, vars: vars.optional() })]))
        .min(1)
        .max(LIST_MAX)
        .meta({ examples: [["m-1", { member: "m-2", vars: { name: "Ada" } }]] })
        .optional()
        .describe("Member ids, or `{member, vars}` with the variables of payload templates."),
      condition: condition.optional().describe("Who, of the members that Herald knows."),
      address: text(64)
        .optional()
        .describe("With a condition: the attribute that holds the address, if not the id."),
      variables: z
        .array(text(64))
        .max(100)
        .optional()
        .describe("With a condition: attributes that become variables; absent: all of them."),
      union: operands.optional().describe("Frozen audiences: who is in any of them."),
      intersection: operands.optional().describe("Frozen audiences: who is in all of them."),
      difference: operands.optional().describe("Who is in the first, and in none of the others."),
      wait: z
        .boolean()
        .default(true)
        .describe("Whether to answer when it is ready; otherwise at once, while it collects."),
    })
    .refine(
      (it) => KINDS.filter((kind) => it[kind] !== undefined).length === 1,
      `exactly one of ${KINDS.join(", ")}`,
    )
    .meta({
      examples: [{ name: "spring", members: ["m-1", { member: "m-2", vars: { name: "Ada" } }] }],
    }),
);

const named = z.strictObject({
  name: text(200).optional().describe("The name of an uploaded audience; required for one."),
});

const audience = answer(
  "Audience",
  z.object({
    id: z.string(),
    name: z.string(),
    state: z
      .enum(["importing", "collecting", "ready", "failed"])
      .describe("`importing`: fed from outside. `collecting`: made of what Herald has."),
    failure: z.string().describe("Why it failed; empty otherwise."),
    createdAt: instant,
    size: count.describe("Recipients after duplicates were dropped."),
    pages: count,
    pageSize: count.describe("Recipients per page, but for the last of a partition."),
    partitions: count,
    lines: count.describe("Lines read, without the header."),
    duplicates: count,
    invalid: count.describe("Lines left out; see its errors."),
    hash: z.string().describe("SHA-256 over everybody in page order; empty until ready."),
    source: z
      .unknown()
      .optional()
      .describe("What it was collected from: a condition, or other audiences."),
    excluded: z
      .object({ optedOut: count, suppressed: count, noAddress: count })
      .optional()
      .describe("Members of the source who were left out, and why."),
  }),
);

const lineError = answer(
  "LineError",
  z.object({
    line: count.describe("Line 1 is the first line of the file."),
    field: z.string(),
    expected: z.string(),
    got: z.string(),
  }),
);

const uploadDetails =
  "The file as it is, of any size up to `http.csvBytesMax`: it is streamed and never held in " +
  "memory. CSV: its first line names the columns; `member` is required, the others become " +
  "variables. NDJSON: an id, or `{member, vars}`, per line. Plain text: an id per line. " +
  "A line with an error is left out and listed by `/v1/audiences/{id}/errors`.";

export const audienceRoutes: readonly Route[] = [
  jsonRoute({
    method: "POST",
    path: "/v1/audiences",
    tag: "Audiences",
    role: "operator",
    action: "audience.import",
    summary: "Make an audience: from a file, a list, a condition, or other audiences",
    details: "Answers once the audience is ready: its recipients are frozen from then on.",
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
      api.ask(api.actors.audiences, {
        type: "list-audiences",
        request: query,
      }),
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/audiences/{id}",
    tag: "Audiences",
    role: "viewer",
    summary: "Show an audience",
    params: byId,
    answer: audience,
    handle: ({ params, api }) =>
      api.ask(api.actors.audiences, {
        type: "read-audience",
        id: params.id,
      }),
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
    handle: ({ params, query, api }) =>
      api.ask(api.actors.audiences, {
        type: "list-errors",
        id: params.id,
        request: query,
      }),
  }),
];

type NewAudience = z.output<typeof newAudience>;
type Made = z.output<typeof audience>;

function importList(
  { body: { name }, api }: Call<unknown, unknown, NewAudience>,
  members: NonNullable<NewAudience["members"]>,
): Promise<Made> {
  const recipients = members.map((it) =>
    typeof it === "string"
      ? { member: it }
      : { member: it.member, ...(it.vars === undefined ? {} : { vars: it.vars }) },
  );
  const request = { type: "import-list", name, recipients } as const;
  return api.ask(api.actors.audiences, request, api.limits.importMs);
}

async function collect({ body, api }: Call<unknown, unknown, NewAudience>): Promise<Made> {
  const { name, wait } = body;
  const request = { type: "collect", name, source: sourceOf(body) } as const;
  const { importMs } = api.limits;
  const { audience: made, collection } = await api.ask(api.actors.audiences, request, importMs);
  return wait ? api.ask(collection, { type: "wait" }, importMs) : made;
}

function sourceOf(body: NewAudience): AudienceSource {
  const { condition: wanted, address, variables, union, intersection, difference } = body;
  if (wanted !== undefined) {
    return {
      type: "condition",
      condition: wanted,
      ...(address === undefined ? {} : { address }),
      ...(variables === undefined ? {} : { variables }),
    };
  }
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
  const { query, api } = call;
  const { name } = query;
  if (name === undefined) {
    const problem = { path: "query.name", expected: "the audience's name", got: "nothing" };
    throw new RuntimeError("http.invalid", "the audience needs a name", { problems: [problem] });
  }
  const { bytes, mediaType } = upload;
  const { import: target } = await api.ask(api.actors.audiences, {
    type: "begin-import",
    name,
    bytes,
    format: FORMATS[mediaType],
  });
  return feed(target, upload, call);
}
