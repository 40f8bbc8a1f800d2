import { z } from "zod";
import type { Api } from "../api.ts";
import { type Download, downloadRoute, jsonRoute, type Route } from "../route.ts";
import { byId, paged, pageOf, text, userId } from "../schemas.ts";
import { RESULT_FORMATS, resultsOf } from "./results.ts";
import {
  dryRun,
  newTest,
  resolution,
  resolved,
  testAnswer,
  unknownRecipient,
  why,
} from "./review-schemas.ts";

const byMember = z.strictObject({ id: text(128), member: userId });
const inRun = z.strictObject({
  epoch: z.int().min(1).optional().describe("An earlier run; absent for the present one."),
});
const formats = z.strictObject({ format: z.enum(["csv", "ndjson"]).default("csv") });

/** What campaigns would do, and what they did. */
export const reviewRoutes: readonly Route[] = [
  jsonRoute({
    method: "POST",
    path: "/v1/campaigns/{id}/dry-run",
    tag: "Campaigns",
    role: "operator",
    action: "campaign.dry-run",
    summary: "Show what a start would do, without sending anything",
    details:
      "Reads every page of the audience. What it has seen is certified: a campaign with " +
      "`requireDryRun` starts only with a certificate of the same audience and message.",
    params: byId,
    answer: dryRun,
    handle: ({ params: { id }, caller: { id: by }, api }) =>
      api.ask(api.actors.review, { type: "dry-run", id, by }, api.limits.importMs),
  }),
  jsonRoute({
    method: "POST",
    path: "/v1/campaigns/{id}/test",
    tag: "Campaigns",
    role: "operator",
    action: "campaign.test",
    summary: "Send a campaign's message to a few chosen members as a test",
    details:
      "Its payload says so in the field `test`. It counts in the ledger `test`, not in the " +
      "campaign's, and goes to members outside of the audience, too, without variables.",
    params: byId,
    body: newTest,
    answer: testAnswer,
    handle: async ({ params: { id }, body: { members }, caller: { id: by }, newId, api }) => {
      const question = { type: "send-test", id, members, run: newId(id), by } as const;
      return { items: await api.ask(api.actors.review, question, api.limits.importMs) };
    },
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/campaigns/{id}/recipients/{member}",
    tag: "Campaigns",
    role: "viewer",
    summary: "Say why somebody did or did not get it",
    params: byMember,
    query: inRun,
    answer: why,
    handle: ({ params: { id, member }, query: { epoch }, api }) =>
      api.ask(api.actors.review, { type: "ask-why", id, member, epoch }),
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/campaigns/{id}/unknown",
    tag: "Campaigns",
    role: "viewer",
    summary: "List those who may or may not have got it, and what can be done",
    params: byId,
    query: paged,
    answer: pageOf("UnknownPage", unknownRecipient),
    handle: ({ params: { id }, query: request, api }) =>
      api.ask(api.actors.review, { type: "list-unknown", id, request }),
  }),
  jsonRoute({
    method: "POST",
    path: "/v1/campaigns/{id}/unknown/resolve",
    tag: "Campaigns",
    role: "operator",
    action: "campaign.resolve-unknown",
    summary: "Settle those who may or may not have got it",
    details: "Who is not unknown any more is left alone: repeating it changes nothing.",
    params: byId,
    body: resolution,
    answer: resolved,
    handle: ({ params: { id }, body: { as, members, why: reason }, caller: { id: by }, api }) =>
      api.ask(
        api.actors.review,
        { type: "resolve-unknown", id, as, members, why: reason, by },
        api.limits.importMs,
      ),
  }),
  downloadRoute({
    method: "GET",
    path: "/v1/campaigns/{id}/results",
    tag: "Campaigns",
    role: "viewer",
    summary: "Download what became of every recipient of the present run",
    details: "As CSV or as JSON, one line each, in page order; streamed, whatever its size.",
    params: byId,
    query: formats,
    mediaTypes: Object.values(RESULT_FORMATS).map(({ mediaType }) => mediaType),
    open: ({ params: { id }, query: { format }, api }) => openResults(id, format, api),
  }),
];

async function openResults(
  id: string,
  format: keyof typeof RESULT_FORMATS,
  api: Api,
): Promise<Download> {
  const { mediaType } = RESULT_FORMATS[format];
  // Asked for before the head is written, so that an unknown campaign is an error.
  const read = (after: string | undefined) =>
    api.ask(api.actors.review, { type: "read-results", id, after });
  const first = await read(undefined);
  return { mediaType, fileName: `${id}.${format}`, pieces: resultsOf(first, read, format) };
}
