import { jsonRoute, type Route } from "../route.ts";
import { change } from "./boards.ts";
import { asRole, byHost, changeAnswer, family, ofUser } from "./relation-schemas.ts";

/** A change that one user makes or undergoes. */
function userRoute(
  type: "join" | "refuse" | "quit" | "remove",
  summary: string,
  details?: string,
): Route {
  return jsonRoute({
    method: "POST",
    path: `/v1/families/{id}/${type}`,
    tag: "Relations",
    role: "operator",
    action: `family.${type}`,
    summary,
    ...(details === undefined ? {} : { details }),
    params: byHost,
    body: ofUser,
    answer: changeAnswer,
    handle: ({ params, body, api }) => change(api, { type, family: params.id, user: body.user }),
  });
}

/** Users who share their boards. */
export const familyRoutes: readonly Route[] = [
  jsonRoute({
    method: "POST",
    path: "/v1/families/{id}/invite",
    tag: "Relations",
    role: "operator",
    action: "family.invite",
    summary: "Invite a user to a family",
    details:
      "The first invitation begins the family, with its host as the owner. Whoever is invited " +
      "reaches nothing before joining. Inviting again with another role changes the invitation.",
    params: byHost,
    body: asRole,
    answer: changeAnswer,
    handle: ({ params, body, api }) => change(api, { type: "invite", family: params.id, ...body }),
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/families/{id}",
    tag: "Relations",
    role: "viewer",
    summary: "Show a family: its host, its members and who is invited",
    params: byHost,
    answer: family,
    handle: ({ params, api }) =>
      api.ask(api.actors.relations, { type: "read-family", host: params.id }),
  }),
  userRoute(
    "join",
    "Accept an invitation",
    "All boards of all users of a family are shared. A user is in one family at most.",
  ),
  userRoute("refuse", "Refuse an invitation"),
  userRoute("quit", "Leave a family", "The user's own boards go along."),
  userRoute("remove", "Remove a user from a family, or withdraw an invitation"),
  jsonRoute({
    method: "POST",
    path: "/v1/families/{id}/role",
    tag: "Relations",
    role: "operator",
    action: "family.role",
    summary: "Change a user's role in a family",
    params: byHost,
    body: asRole,
    answer: changeAnswer,
    handle: ({ params, body, api }) =>
      change(api, { type: "set-role", family: params.id, ...body }),
  }),
  jsonRoute({
    method: "POST",
    path: "/v1/families/{id}/dismiss",
    tag: "Relations",
    role: "operator",
    action: "family.dismiss",
    summary: "End a family; every user keeps the own boards",
    params: byHost,
    answer: changeAnswer,
    handle: ({ params, api }) => change(api, { type: "dismiss", family: params.id }),
  }),
];
