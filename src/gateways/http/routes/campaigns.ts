import { z } from "zod";
import type { CampaignSpec } from "../../../actors/master/messages.ts";
import { price as priceOf } from "../../../core/price.ts";
import { streamProgress } from "../campaign-events.ts";
import { eventRoute, jsonRoute, type Route } from "../route.ts";
import { answer, byId, page, paged, pageOf } from "../schemas.ts";
import { campaign, newCampaign, price, progress } from "./campaign-schemas.ts";
import {
  COMMAND_NAMES,
  type CommandName,
  changed,
  commandFacts,
  taskState,
  transitionOf,
} from "./task-schemas.ts";

const shown = answer(
  "CampaignShown",
  z.object({ campaign, progress, price: price.describe("What its guarantee costs.") }),
);

const transition = transitionOf("Transition");

const commandAnswer = answer("CommandAnswer", z.object({ before: taskState, campaign, changed }));

const listQuery = z.strictObject({ ...page, state: taskState.optional() });

const COMMANDS: Readonly<Record<CommandName, string>> = {
  start: "Start a campaign: a new run that reaches everybody",
  pause: "Pause a campaign: at most `pauseBound` messages more",
  resume: "Resume a paused campaign where it was",
  proceed: "The same as resume",
  stop: "Stop a campaign for good; it can be started anew",
};

function commandRoute(command: CommandName): Route {
  return jsonRoute({
    ...commandFacts("campaign", command),
    tag: "Campaigns",
    summary: COMMANDS[command],
    answer: commandAnswer,
    handle: ({ params: { id }, body: { why }, caller: { id: by }, newId, api }) => {
      const said = { type: "command", id, command, request: newId("run"), by, why } as const;
      return api.ask(api.actors.campaigns, said);
    },
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
    handle: ({ body, caller: { id: by }, newId, api }) => {
      const fallback = body.provider === "session" ? "key" : "at-most-once";
      const spec: CampaignSpec = { ...body, guarantee: body.guarantee ?? fallback };
      const request = { type: "create-campaign", id: newId("cmp"), spec, by } as const;
      return api.ask(api.actors.campaigns, request);
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
      api.ask(api.actors.campaigns, { type: "list-campaigns", request: query }),
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
    handle: ({ params: { id }, query, api }) =>
      api.ask(api.actors.campaigns, { type: "read-log", id, request: query }),
  }),
  ...COMMAND_NAMES.map(commandRoute),
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
