import { z } from "zod";
import { RuntimeError } from "../../../core/errors.ts";
import { feed } from "../feed.ts";
import type { Call, Route, Upload } from "../route.ts";
import { jsonRoute } from "../route.ts";
import { answer, byId, count, instant, paged, pageOf, request, text } from "../schemas.ts";

const LIST_MAX = 100_000;

const member = text(128);
const vars = z.record(z.string().max(64), z.string().max(4096));

const newAudience = request(
  "NewAudience",
  z.strictObject({
    name: text(200)
      .meta({ examples: ["spring customers"] })
      .describe("A name for people; need not be unique."),
    members: z
      .array(z.union([member, z.strictObject({ member, vars: vars.optional() })]))
      .min(1)
      .max(LIST_MAX)
      .meta({ examples: [["m-1", { member: "m-2", vars: { name: "Ada" } }]] })
      .describe("Member ids, or `{member, vars}` with the variables of payload templates."),
  }),
);

const named = z.strictObject({
  name: text(200).optional().describe("The name of an uploaded audience; required for CSV."),
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
    hash: z.string().describe("SHA-256 over all recipients in page order; empty until ready."),
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
  "memory. Its first line names the columns; `member` is required, the others become variables. " +
  "A line with an error is left out and listed by `/v1/audiences/{id}/errors`.";

export const audienceRoutes: readonly Route[] = [
  jsonRoute({
    method: "POST",
    path: "/v1/audiences",
    tag: "Audiences",
    role: "operator",
    action: "audience.import",
    summary: "Import an audience from a CSV file or a list",
    details: "Answers once the audience is ready: its recipients are frozen from then on.",
    query: named,
    body: newAudience,
    bodyLimit: "listBytesMax",
    status: 201,
    answer: audience,
    handle: ({ body, api }) => {
      const recipients = body.members.map((it) =>
        typeof it === "string"
          ? { member: it }
          : { member: it.member, ...(it.vars === undefined ? {} : { vars: it.vars }) },
      );
      const { name } = body;
      return api.ask(
        api.actors.audiences,
        { type: "import-list", name, recipients },
        api.limits.importMs,
      );
    },
    upload: {
      mediaTypes: ["text/csv"],
      details: uploadDetails,
      example: { query: "?name=customers", file: "customers.csv" },
      handle: importCsv,
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

async function importCsv(
  call: Call<unknown, z.output<typeof named>, undefined>,
  upload: Upload,
): Promise<z.output<typeof audience>> {
  const { query, api } = call;
  const { name } = query;
  if (name === undefined) {
    const problem = { path: "query.name", expected: "the audience's name", got: "nothing" };
    throw new RuntimeError("http.invalid", "the audience needs a name", { problems: [problem] });
  }
  const { bytes } = upload;
  const { import: target } = await api.ask(api.actors.audiences, {
    type: "begin-import",
    name,
    bytes,
  });
  return feed(target, upload, call);
}
