import { z } from "zod";
import { shownConfig } from "../../../core/config-shown.ts";
import { eventRoute, jsonRoute, type Route, textRoute } from "../route.ts";
import { answer, count, instant } from "../schemas.ts";
import { streamStatus } from "../status/status-events.ts";
import { STATUS_PAGE, STATUS_POLICY } from "../status/status-page.ts";
import { actor } from "./insight.ts";

const bytes = count.describe("Bytes.");
const ms = z.number().describe("Milliseconds.");

const sample = {
  node: z.string(),
  version: z.string(),
  startedAt: instant,
  uptimeMs: count,
  at: instant,
  memory: z.object({ rss: bytes, heapUsed: bytes, heapTotal: bytes, external: bytes }),
  cpuSeconds: z.number().describe("Of all threads, since the start."),
  eventLoopMs: z
    .object({ mean: ms, p50: ms, p99: ms, max: ms })
    .describe("How late the event loop is since the last look, in ms: an idle one shows about 0."),
  devices: z.object({
    sessions: count.describe("Sessions that live."),
    connected: count.describe("Those of them that have a connection."),
    users: count.describe("Users who have sessions."),
    boards: count.describe("Boards that have."),
  }),
  figures: z
    .array(
      z.object({
        name: z.string(),
        labels: z.record(z.string(), z.string()),
        value: z.number(),
      }),
    )
    .describe("Herald's own series, as in /metrics, without histograms."),
  actors: z.object({
    tree: z.array(actor).describe("The top of the tree; /v1/actors has what is below."),
    busiest: z
      .array(actor.extend({ turnsPerSecond: z.number() }))
      .describe("Of the top, and of the first 500 below each, those with the most turns lately."),
  }),
};

const statusSample = answer("StatusSample", z.object(sample));
const status = answer(
  "Status",
  z.object({
    ...sample,
    config: z.record(z.string(), z.unknown()).describe("The configuration without its secrets."),
  }),
);

/** What the node is and does, for programs and for people. */
export const statusRoutes: readonly Route[] = [
  jsonRoute({
    method: "GET",
    path: "/v1/status",
    tag: "Insight",
    role: "viewer",
    isPublicIf: "statusPublic",
    isAlwaysServed: true,
    summary: "Show what the node is and does: memory, event loop, figures, actors, configuration",
    details: "A sample serves everybody who asks within a second.",
    answer: status,
    handle: async ({ api }) => ({
      ...(await api.status.sample()),
      config: shownConfig(api.about.config) as Record<string, unknown>,
    }),
  }),
  eventRoute({
    method: "GET",
    path: "/v1/status/events",
    tag: "Insight",
    role: "viewer",
    isPublicIf: "statusPublic",
    summary: "The same every two seconds, without the configuration",
    events: { status: statusSample },
    open: async ({ api }) => streamStatus(api),
  }),
  textRoute({
    method: "GET",
    path: "/status",
    tag: "Node",
    role: "none",
    summary: "The same as a page to look at, which asks for a token",
    mediaType: "text/html; charset=utf-8",
    policy: STATUS_POLICY,
    render: async () => STATUS_PAGE,
  }),
];
