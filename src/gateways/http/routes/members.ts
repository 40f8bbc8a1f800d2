import { z } from "zod";
import { condition } from "../condition-schema.ts";
import { feed } from "../feed.ts";
import { jsonRoute, type Route } from "../route.ts";
import { answer, byId, count, instant, paged, pageOf, request, text } from "../schemas.ts";

const LIST_MAX = 5_000;

const scalar = z.union([z.string().max(1_024), z.number(), z.boolean()]);
const tags = z.array(z.string().min(1).max(64)).max(100);

const changes = {
  attributes: z
    .record(z.string().max(64), scalar.nullable())
    .optional()
    .describe("Merged into those there are; null removes one."),
  tags: tags.optional().describe("Takes the place of all tags."),
  addTags: tags.optional(),
  removeTags: tags.optional(),
  locale: z.string().nullable().optional().describe("A language tag as `de-AT`; null removes it."),
  timeZone: z.string().nullable().optional().describe("An IANA time zone; null removes it."),
  lastSeenAt: z
    .union([z.string(), z.int().min(0)])
    .nullable()
    .optional()
    .describe("An instant in ISO 8601, or in milliseconds since the Unix epoch."),
};

const patch = request("MemberPatch", z.strictObject(changes));

const change = request(
  "MemberChange",
  z
    .strictObject({ id: text(128).describe("Made when there is none of this id."), ...changes })
    .meta({
      examples: [{ id: "m-1", attributes: { city: "Vienna", age: 36 }, tags: ["beta"] }],
    }),
);

const newMembers = request(
  "NewMembers",
  z.union([change, z.array(change).min(1).max(LIST_MAX)]).meta({
    description: "One change, or a list of them: all or none.",
    examples: [{ id: "m-1", attributes: { city: "Vienna", age: 36 }, tags: ["beta"] }],
  }),
);

const member = answer(
  "Member",
  z.object({
    id: z.string(),
    attributes: z.record(z.string(), scalar),
    tags: z.array(z.string()),
    locale: z.string().optional(),
    timeZone: z.string().optional(),
    lastSeenAt: instant.optional(),
    createdAt: instant,
    updatedAt: instant,
    optedOut: z.boolean().describe("Whether no audience takes them."),
  }),
);

const memberImport = answer(
  "MemberImport",
  z.object({
    lines: count.describe("Lines that are not blank."),
    stored: count,
    invalid: count.describe("Lines left out."),
    errors: z
      .array(z.object({ line: count, field: z.string(), expected: z.string(), got: z.string() }))
      .describe("The first 100 of them."),
  }),
);

const kindOf = z.enum(["member", "address"]);

const suppression = answer(
  "Suppression",
  z.object({
    kind: kindOf,
    value: z.string(),
    why: z.string(),
    by: z.string().describe("Id of the API token, or the part of Herald that found out."),
    at: instant,
  }),
);

const newSuppressions = request(
  "NewSuppressions",
  z.strictObject({
    entries: z
      .array(
        z.strictObject({
          kind: kindOf.describe("A member's id, or an address as attributes hold it."),
          value: text(1_024),
          why: text(1_000),
        }),
      )
      .min(1)
      .max(LIST_MAX)
      .meta({ examples: [[{ kind: "member", value: "m-1", why: "asked for it by letter" }]] }),
  }),
);

const previewRequest = request(
  "PreviewRequest",
  z.strictObject({
    condition,
    address: text(64).optional().describe("The attribute that holds the address, if any."),
  }),
);

const preview = answer(
  "Preview",
  z.object({
    count: count.describe("Members that an audience of this condition would have now."),
    excluded: z.object({ optedOut: count, suppressed: count, noAddress: count }),
    words: z.string().describe("The condition in plain words."),
    sample: z.array(z.string()).describe("Ids of up to five of them."),
  }),
);

const uploadDetails =
  "NDJSON: one change per line, as in JSON, of any length: it is streamed and never held in " +
  "memory. A bad line is told with its number and left out; the rest goes on. An upload that " +
  "breaks off leaves what it has stored, and can be repeated.";

const memberRoutesOfOne: readonly Route[] = [
  jsonRoute({
    method: "GET",
    path: "/v1/members/{id}",
    tag: "Members",
    role: "viewer",
    summary: "Show a member",
    params: byId,
    answer: member,
    handle: ({ params, api }) =>
      api.ask(api.actors.members, { type: "read-member", id: params.id }),
  }),
  jsonRoute({
    method: "PATCH",
    path: "/v1/members/{id}",
    tag: "Members",
    role: "operator",
    action: "member.change",
    summary: "Change a member that there is",
    params: byId,
    body: patch,
    answer: member,
    handle: ({ params, body, api }) =>
      api.ask(api.actors.members, { type: "change-member", id: params.id, change: body }),
  }),
  jsonRoute({
    method: "DELETE",
    path: "/v1/members/{id}",
    tag: "Members",
    role: "operator",
    action: "member.remove",
    summary: "Remove a member and all that is known of them",
    details:
      "Frozen audiences keep them. An opt-out is forgotten, too: suppress who must stay out.",
    params: byId,
    answer: answer("RemovedMember", z.object({ id: z.string() })),
    handle: ({ params, api }) =>
      api.ask(api.actors.members, { type: "remove-member", id: params.id }),
  }),
  jsonRoute({
    method: "POST",
    path: "/v1/members/{id}/opt-out",
    tag: "Members",
    role: "operator",
    action: "member.opt-out",
    summary: "Keep a member out of every audience, or take that back",
    details: "A member that is not known is made, so that an opt-out is never lost.",
    params: byId,
    body: request("OptOut", z.strictObject({ optedOut: z.boolean().default(true) })),
    answer: member,
    handle: ({ params, body, api }) =>
      api.ask(api.actors.members, {
        type: "opt-out",
        id: params.id,
        optedOut: body.optedOut,
      }),
  }),
];

const suppressionRoutes: readonly Route[] = [
  jsonRoute({
    method: "POST",
    path: "/v1/suppressions",
    tag: "Members",
    role: "operator",
    action: "suppression.add",
    summary: "Suppress members or addresses: nothing is sent to them",
    details: "One that is on the list already keeps its first reason.",
    body: newSuppressions,
    answer: answer("SuppressionsAdded", z.object({ added: count })),
    handle: ({ body, caller, api }) => {
      const entries = body.entries.map((entry) => ({ ...entry, by: caller.id }));
      return api.ask(api.actors.members, { type: "suppress", entries });
    },
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/suppressions",
    tag: "Members",
    role: "viewer",
    summary: "List who and what is suppressed, newest first",
    query: paged,
    answer: pageOf("SuppressionPage", suppression),
    handle: ({ query, api }) =>
      api.ask(api.actors.members, { type: "list-suppressions", request: query }),
  }),
  jsonRoute({
    method: "DELETE",
    path: "/v1/suppressions/{kind}/{value}",
    tag: "Members",
    role: "operator",
    action: "suppression.lift",
    summary: "Take a member or an address off the list",
    params: z.strictObject({ kind: kindOf, value: text(1_024) }),
    answer: answer("SuppressionLifted", z.object({ removed: z.boolean() })),
    handle: ({ params, api }) => api.ask(api.actors.members, { type: "unsuppress", ...params }),
  }),
];

export const memberRoutes: readonly Route[] = [
  jsonRoute({
    method: "POST",
    path: "/v1/members",
    tag: "Members",
    role: "operator",
    action: "member.import",
    summary: "Make or change members, one, some or millions",
    details: "What a change does not name stays as it is.",
    body: newMembers,
    bodyLimit: "listBytesMax",
    answer: memberImport,
    handle: ({ body, api }) => {
      const given = Array.isArray(body) ? body : [body];
      return api.ask(api.actors.members, { type: "upsert-members", changes: given });
    },
    upload: {
      mediaTypes: ["application/x-ndjson"],
      details: uploadDetails,
      example: { query: "", file: "members.ndjson" },
      handle: async (call, upload) => {
        const { api } = call;
        const target = await api.ask(api.actors.members, { type: "begin-member-import" });
        return feed(target, upload, call);
      },
    },
  }),
  ...memberRoutesOfOne,
  ...suppressionRoutes,
  jsonRoute({
    method: "POST",
    path: "/v1/conditions/preview",
    tag: "Members",
    role: "viewer",
    summary: "Say whom a condition takes, before anything is stored",
    body: previewRequest,
    answer: preview,
    handle: ({ body, api }) =>
      api.ask(
        api.actors.members,
        { type: "preview", condition: body.condition, address: body.address },
        api.limits.importMs,
      ),
  }),
];
