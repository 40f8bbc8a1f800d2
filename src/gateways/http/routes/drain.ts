import { z } from "zod";
import { jsonRoute, type Route } from "../route.ts";
import { answer, count, request } from "../schemas.ts";

const URL_MAX = 512;
const HOUR_MS = 3_600_000;

const drain = request(
  "Drain",
  z.strictObject({
    url: z
      .url({ protocol: /^wss?$/, error: "an address that begins with ws:// or wss://" })
      .max(URL_MAX)
      .optional()
      .describe("Where devices are to connect instead; absent: not here, wherever else."),
    withinMs: z.int().min(0).max(HOUR_MS).default(60_000).describe("All are gone after so long."),
  }),
);

const draining = answer(
  "Draining",
  z.object({ connections: count.describe("Those that are to go.") }),
);

/** Emptying a node that goes on running, as before it is replaced. */
export const drainRoutes: readonly Route[] = [
  jsonRoute({
    method: "POST",
    path: "/v1/node/drain",
    tag: "Node",
    role: "admin",
    action: "node.drain",
    summary: "Send the devices away over time, and take no more",
    details:
      "Devices over WebSocket are told `redirect` with the URL, or `draining`, evenly over " +
      "`withinMs`, so that they do not arrive elsewhere together. Who connects later is told so " +
      "at once, or refused where there is no URL. `/readyz` says that the node is not ready. " +
      "Everything else goes on.",
    body: drain,
    answer: draining,
    handle: async ({ body, api }) => ({ connections: api.departures.redirect(body) }),
  }),
  jsonRoute({
    method: "DELETE",
    path: "/v1/node/drain",
    tag: "Node",
    role: "admin",
    action: "node.undrain",
    summary: "Take devices again",
    answer: draining,
    handle: async ({ api }) => ({ connections: api.departures.resume() }),
  }),
];
