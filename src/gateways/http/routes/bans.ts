import { z } from "zod";
import { RuntimeError } from "../../../core/errors.ts";
import { jsonRoute, type Route } from "../route.ts";
import { answer, count, instant, text } from "../schemas.ts";

const LIST_MAX = 1000;

const kind = z
  .enum(["address", "principal"])
  .describe("An IP address, or a user (a board as `board:` and its id).");

const bans = answer(
  "Bans",
  z.object({
    items: z
      .array(
        z.object({
          kind,
          name: z.string(),
          connects: count.describe("How often it had connected within the window."),
          since: instant,
          until: instant,
        }),
      )
      .describe(`At most ${LIST_MAX}, those first that were banned last.`),
    total: count,
  }),
);

const byBan = z.strictObject({ kind, name: text(144).meta({ examples: ["192.0.2.7"] }) });

/** Who has connected too often, and is refused for a while. */
export const banRoutes: readonly Route[] = [
  jsonRoute({
    method: "GET",
    path: "/v1/bans",
    tag: "Devices",
    role: "viewer",
    summary: "List who is refused for connecting too often",
    details: "How often is too often is configuration: `websocket.flapsPerUser` and its like.",
    answer: bans,
    handle: async ({ api }) => {
      const all = api.bans.list();
      return { items: all.slice(-LIST_MAX).reverse(), total: all.length };
    },
  }),
  jsonRoute({
    method: "DELETE",
    path: "/v1/bans/{kind}/{name}",
    tag: "Devices",
    role: "operator",
    action: "ban.lift",
    summary: "Lift a ban",
    details: "It may connect at once, and what it did before is not counted any more.",
    params: byBan,
    answer: answer("BanLifted", z.object({ lifted: z.literal(true) })),
    handle: async ({ params, api }) => {
      if (api.bans.lift(params.kind, params.name)) return { lifted: true as const };
      throw new RuntimeError("ban.unknown", `${params.kind} ${params.name} is not banned`);
    },
  }),
];
