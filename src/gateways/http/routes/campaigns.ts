import { z } from "zod";
import type { CampaignCommand, CampaignSpec } from "../../../actors/master/messages.ts";
import { price as priceOf } from "../../../core/price.ts";
import { streamProgress } from "../campaign-events.ts";
import { eventRoute, jsonRoute, type Route } from "../route.ts";
import { answer, byId, count, instant, page, paged, pageOf, request, text } from "../schemas.ts";
import { campaign, newCampaign, price, progress, state } from "./campaign-schemas.ts";

const shown = answer(
  "CampaignShown",
  z.object({ campaign, progress, price: price.describe("What its guarantee costs.") }),
);

const transition = answer(
  "Transition",
  z.object({
    from: state,
    to: state,
    epoch: count,
    by: z.string(),
    why: z.string(),
    at: instant,
  }),
);

const commandBody = request(
  "Command",
  z.strictObject({ why: text(500).default("asked for").describe("For the campaign's log.") }),
);

const commandAnswer = answer(
  "CommandAnswer",
  z.object({
    before: state,
    campaign,
    changed: z.boolean().describe("False when it was in that state already."),
  }),
);

const listQuery = z.strictObject({ ...page, state: state.optional() });

const COMMANDS: Readonly<Record<CampaignCommand | "proceed", string>> = {
  start: "Start a campaign: a new run that reaches everybody",
  pause: "Pause a campaign: at most `pauseBound` messages more",
  resume: "Resume a paused campaign where it was",
  proceed: "The same as resume",
  stop: "Stop a campaign for good; it can be started anew",
};

function commandRoute(command: CampaignCommand | "proceed"): Route {
  return jsonRoute({
    method: "POST",
    path: `/v1/campaigns/{id}/${command}`,
    tag: "Campaigns",
    role: "operator",
    action: `campaign.${command}`,
    summary: COMMANDS[command],
    params: byId,
    body: commandBody,
    answer: commandAnswer,
    handle: ({ params: { id }, body: { why }, caller, api }) =>
      api.ask(api.actors.campaigns, {
        type: "command",
        id,
        command,
        by: caller.id,
        why,
      }),
  });
}

export const campaignRoutes: readonly Route[] = [
  jsonRoute({
    method: "POST",
    path: "/v1/campaigns",
    tag: "Campaigns",
    role: "operator",
    action: "campaign.create",
    summary: "Create a campaign",
    details: "It is `ready`, and sends nothing until it is started.",
    body: newCampaign,
    status: 201,
    answer: campaign,
    handle: ({ body, caller, api }) => {
      const fallback = body.provider === "session" ? "key" : "at-most-once";
      const spec: CampaignSpec = { ...body, guarantee: body.guarantee ?? fallback };
      const by = caller.id;
      return api.ask(api.actors.campaigns, {
        type: "create-campaign",
        spec,
        by,
      });
    },
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/campaigns",
    tag: "Campaigns",
    role: "viewer",
    summary: "List campaigns, newest first",
    query: listQuery,
    answer: pageOf("CampaignPage", campaign),
    handle: ({ query, api }) =>
      api.ask(api.actors.campaigns, {
        type: "list-campaigns",
        request: query,
      }),
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/campaigns/{id}",
    tag: "Campaigns",
    role: "viewer",
    summary: "Show a campaign and its progress",
    params: byId,
    answer: shown,
    handle: async ({ params: { id }, api }) => {
      const read = await api.ask(api.actors.campaigns, { type: "read-campaign", id });
      return { ...read, price: priceOf(read.campaign) };
    },
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/campaigns/{id}/log",
    tag: "Campaigns",
    role: "viewer",
    summary: "List a campaign's changes of state",
    params: byId,
    query: paged,
    answer: pageOf("TransitionPage", transition),
    handle: ({ params, query, api }) =>
      api.ask(api.actors.campaigns, {
        type: "read-log",
        id: params.id,
        request: query,
      }),
  }),
  ...(["start", "pause", "resume", "proceed", "stop"] as const).map(commandRoute),
  eventRoute({
    method: "GET",
    path: "/v1/campaigns/{id}/events",
    tag: "Campaigns",
    role: "viewer",
    summary: "Follow a campaign's progress as server-sent events",
    details:
      "Event `progress` comes at once and whenever something changed, about twice a second at " +
      "most; a slow reader gets the latest only. Event `end` is the last one, when the " +
      "campaign's state is final.",
    params: byId,
    events: { progress, end: progress },
    open: ({ params, api }) => streamProgress(params.id, api),
  }),
];
