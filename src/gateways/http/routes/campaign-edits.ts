import type { z } from "zod";
import type { CampaignSpec, OptionalPart } from "../../../actors/master/messages.ts";
import { jsonRoute, type Route } from "../route.ts";
import { byId, paged, pageOf } from "../schemas.ts";
import { campaign, campaignEdit, campaignPace, specVersion } from "./campaign-schemas.ts";

type Edit = Omit<z.infer<typeof campaignEdit>, "expectedVersion" | "why">;

/** Tells what is changed from what is taken away. */
function changesOf(edit: Edit): { changes: Partial<CampaignSpec>; removes: OptionalPart[] } {
  const given = Object.entries(edit).filter(([, value]) => value !== undefined);
  // A payload may be null; of everything else null says that it goes.
  const goes = ([name, value]: [string, unknown]): boolean => value === null && name !== "payload";
  const removes = given.filter(goes).map(([name]) => name as OptionalPart);
  const kept = given.filter((entry) => !goes(entry));
  return { changes: Object.fromEntries(kept) as Partial<CampaignSpec>, removes };
}

export const campaignEditRoutes: readonly Route[] = [
  jsonRoute({
    method: "PATCH",
    path: "/v1/campaigns/{id}",
    tag: "Campaigns",
    role: "operator",
    action: "campaign.edit",
    summary: "Edit a campaign that does not run: a new version",
    details:
      "What is absent stays; null takes an optional part away. While it is paused, its audience, " +
      "provider and guarantee stay. Pages say which version they were sent with.",
    params: byId,
    body: campaignEdit,
    answer: campaign,
    handle: ({ params: { id }, body, caller, api }) => {
      const { expectedVersion, why, ...edit } = body;
      return api.ask(api.actors.campaigns, {
        ...{ type: "edit-campaign", id, expectedVersion, why, by: caller.id },
        ...changesOf(edit),
      });
    },
  }),
  jsonRoute({
    method: "POST",
    path: "/v1/campaigns/{id}/pace",
    tag: "Campaigns",
    role: "operator",
    action: "campaign.pace",
    summary: "Change the number of workers or the rate, also while it runs",
    params: byId,
    body: campaignPace,
    answer: campaign,
    handle: ({ params: { id }, body: { workers, rate, why }, caller, api }) =>
      api.ask(api.actors.campaigns, {
        ...{ type: "tune-campaign", id, workers, rate, why, by: caller.id },
      }),
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/campaigns/{id}/versions",
    tag: "Campaigns",
    role: "viewer",
    summary: "List the versions of a campaign's spec",
    params: byId,
    query: paged,
    answer: pageOf("SpecVersionPage", specVersion),
    handle: ({ params: { id }, query: request, api }) =>
      api.ask(api.actors.campaigns, { type: "list-versions", id, request }),
  }),
];
