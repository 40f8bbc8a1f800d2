import { z } from "zod";
import { ERRORS } from "../../../core/errors.ts";
import { jsonRoute, type Route } from "../route.ts";
import { answer, count, instant, paged, pageOf, text } from "../schemas.ts";

const auditLine = answer(
  "AuditLine",
  z.object({
    seq: count.describe("Grows with every line."),
    by: z.string().describe("Id of the API token, `cli`, `system` or `anonymous`."),
    action: z.string(),
    target: z.string().describe("What was changed, and after a colon why, where that was said."),
    outcome: z.string().describe("`ok`, or the error's code."),
    requestId: z.string(),
    at: instant,
  }),
);

const actorsQuery = z.strictObject({
  under: text(512).optional().describe("Only what is below this path, as `/sessions`."),
  offset: z.int().min(0).max(100_000_000).default(0),
  limit: z.int().min(1).max(1000).default(100),
});

export const actor = answer(
  "Actor",
  z.object({
    path: z.string(),
    label: z.string(),
    incarnation: count,
    status: z.enum(["running", "restarting", "draining", "stopping"]),
    mailbox: z.object({
      length: count,
      max: count,
      oldestMs: z.number().describe("How long the oldest message has waited."),
    }),
    turns: count,
    turnMs: z.object({ mean: z.number(), max: z.number() }),
    restarts: count,
    children: count,
  }),
);

const actors = answer("ActorList", z.object({ items: z.array(actor) }));

const errors = answer(
  "ErrorTable",
  z.object({
    items: z.array(
      z.object({
        code: z.string(),
        status: count.describe("The HTTP status that carries it."),
        retryable: z.boolean(),
        advice: z.string(),
      }),
    ),
  }),
);

export const insightRoutes: readonly Route[] = [
  jsonRoute({
    method: "GET",
    path: "/v1/audit",
    tag: "Insight",
    role: "admin",
    summary: "List changes, newest first: who did what, and what came of it",
    query: paged,
    answer: pageOf("AuditPage", auditLine),
    handle: ({ query, api }) => api.ask(api.actors.access, { type: "list-audit", request: query }),
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/actors",
    tag: "Insight",
    role: "viewer",
    summary: "List the actors of this node",
    query: actorsQuery,
    answer: actors,
    handle: async ({ query: { under, offset, limit }, api }) => ({
      items: api.system.inspect({ offset, limit, ...(under === undefined ? {} : { under }) }),
    }),
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/errors",
    tag: "Insight",
    role: "none",
    summary: "List every error code and what to do about it",
    answer: errors,
    handle: async () => ({
      items: Object.entries(ERRORS).map(([code, { status, retryable, advice }]) => ({
        code,
        status,
        retryable,
        advice,
      })),
    }),
  }),
];
