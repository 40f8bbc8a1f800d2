import { z } from "zod";
import type { CampaignCommand, CampaignSpec } from "../../../actors/master/messages.ts";
import { streamProgress } from "../campaign-events.ts";
import { eventRoute, jsonRoute, type Route } from "../route.ts";
import {
  answer,
  byId,
  count,
  DAY_MS,
  instant,
  ledger,
  page,
  paged,
  pageOf,
  payload,
  request,
  text,
  ttlMs,
} from "../schemas.ts";

const state = z.enum(["ready", "started", "pause", "stopped", "finished", "failed"]);
const guarantee = z.enum(["at-most-once", "at-least-once", "key"]);

const guaranteeDetails =
  "What happens to a window that was in doubt after a crash: marked `unknown`, sent again, or " +
  "sent again with the same idempotency key. Default `key` with the provider `session`, " +
  "otherwise `at-most-once`.";

const newCampaign = request(
  "NewCampaign",
  z.strictObject({
    name: text(200).meta({ examples: ["spring"] }),
    audience: text(128)
      .meta({ examples: ["aud_8Jm1cJ3kTZq5n0b2V4xY7w"] })
      .describe("Id of an audience that is ready."),
    provider: text(64).default("session").describe("Who sends: `session`, or `null` to measure."),
    topic: text(128).default("campaign").describe("What devices see it under."),
    payload: payload
      .meta({ examples: [{ text: "Hello {{name|friend}}" }] })
      .describe("Any JSON; texts may hold `{{variable}}` or `{{variable|fallback}}`."),
    ack: z.boolean().default(true).describe("Whether devices confirm it."),
    ttlMs: ttlMs.default(DAY_MS).describe("How long a message waits for its member."),
    rate: z.int().min(0).max(1_000_000).default(0).describe("Messages per second; 0: no limit."),
    workers: z.int().min(1).max(64).default(2),
    window: z.int().min(1).max(10_000).default(200).describe("Recipients per journal step."),
    inFlight: z.int().min(1).max(16).default(2).describe("Windows on their way per worker."),
    guarantee: guarantee.optional().describe(guaranteeDetails),
  }),
);

const campaign = answer(
  "Campaign",
  z.object({
    id: z.string(),
    name: z.string(),
    audience: z.string(),
    provider: z.string(),
    topic: z.string(),
    payload: z.unknown(),
    ack: z.boolean(),
    ttlMs: count,
    rate: count,
    workers: count,
    window: count,
    inFlight: count,
    guarantee,
    state,
    why: z.string().describe("Why it is in this state."),
    epoch: count.describe("Grows with every start; 0 before the first."),
    createdAt: instant,
    changedAt: instant,
  }),
);

const progress = answer(
  "Progress",
  z.object({
    id: z.string(),
    state,
    why: z.string(),
    epoch: count,
    collected: count.describe("Recipients of the audience."),
    sent: count.describe("Recipients that a worker has dealt with."),
    acked: count,
    inInbox: count.describe("Waiting in inboxes, or unconfirmed."),
    rate: z.number().min(0).describe("Messages per second over the last seconds."),
    etaMs: z.number().describe("Until everything is sent; -1 when it cannot be said."),
    pauseBound: count.describe("Messages that may still go after a pause."),
    ledger,
    ledgerGap: z.int().describe("`accepted` minus the rest; anything but 0 is a fault."),
    workers: count,
    at: instant,
  }),
);

const shown = answer("CampaignShown", z.object({ campaign, progress }));

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

const COMMANDS: Readonly<Record<CampaignCommand, string>> = {
  start: "Start a campaign: a new run that reaches everybody",
  pause: "Pause a campaign: at most `pauseBound` messages more",
  resume: "Resume a paused campaign where it was",
  stop: "Stop a campaign for good; it can be started anew",
};

function commandRoute(command: CampaignCommand): Route {
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
    handle: ({ params, api }) =>
      api.ask(api.actors.campaigns, {
        type: "read-campaign",
        id: params.id,
      }),
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
  ...(["start", "pause", "resume", "stop"] as const).map(commandRoute),
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
