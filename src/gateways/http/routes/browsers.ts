import { z } from "zod";
import { jsonRoute, type Route } from "../route.ts";
import { answer, byId, count, instant, request, text } from "../schemas.ts";

const EXAMPLE = {
  endpoint: "https://fcm.googleapis.com/fcm/send/e1",
  keys: {
    p256dh:
      "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    auth: "BTBZMqHH6r4Tts7J_aSIgg",
  },
};

const subscription = request(
  "PushSubscription",
  z
    .object({
      endpoint: text(1_024).describe("At one of the push services of `providers.webPush`."),
      expirationTime: z.number().nullish(),
      keys: z.object({
        p256dh: text(128).describe("A point on P-256 in base64url."),
        auth: text(128).describe("16 bytes in base64url."),
      }),
    })
    .describe("What `JSON.stringify(subscription)` makes of it in a page.")
    .meta({ examples: [EXAMPLE] }),
);

const browsers = answer(
  "Browsers",
  z.object({
    browsers: z
      .array(z.object({ endpoint: z.string(), at: instant }))
      .describe("Browsers that web push reaches the member at, the newest first."),
  }),
);

/** Browsers of members that take web push. */
export const browserRoutes: readonly Route[] = [
  jsonRoute({
    method: "POST",
    path: "/v1/members/{id}/web-push",
    tag: "Members",
    role: "operator",
    action: "member.subscribe",
    summary: "Let web push reach a member at a browser",
    details:
      "Send it again whenever the page is loaded: what is known stays as it is, and a browser " +
      "that somebody else used before is theirs no more. The member need not be known.",
    params: byId,
    body: subscription,
    answer: browsers,
    handle: ({ params, body, api }) =>
      api.ask(api.actors.members, {
        type: "subscribe-browser",
        id: params.id,
        subscription: body,
      }),
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/members/{id}/web-push",
    tag: "Members",
    role: "viewer",
    summary: "List the browsers at which web push reaches a member",
    params: byId,
    answer: browsers,
    handle: ({ params, api }) =>
      api.ask(api.actors.members, { type: "list-browsers", id: params.id }),
  }),
  jsonRoute({
    method: "DELETE",
    path: "/v1/members/{id}/web-push",
    tag: "Members",
    role: "operator",
    action: "member.unsubscribe",
    summary: "Let web push reach a member no more, at one browser or at all",
    params: byId,
    query: z.strictObject({ endpoint: text(1_024).optional().describe("Absent: all browsers.") }),
    answer: answer("BrowsersRemoved", z.object({ removed: count })),
    handle: ({ params, query, api }) => {
      const { endpoint } = query;
      return api.ask(api.actors.members, { type: "unsubscribe-browsers", ...params, endpoint });
    },
  }),
];
