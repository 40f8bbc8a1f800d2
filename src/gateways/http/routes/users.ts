import { z } from "zod";
import { jsonRoute, type Route } from "../route.ts";
import { answer, request, text } from "../schemas.ts";
import { boardsOf, byUser, changeAnswer, relationsView, usersOf } from "./relation-schemas.ts";

const announcement = request(
  "UserEvent",
  z.strictObject({
    event: z.enum(["user.email-activated", "user.phone-bound"]),
    id: text(64)
      .optional()
      .describe("Your id of the event: a second one with it within a day is the same event."),
  }),
);

const kick = request(
  "UserKick",
  z.strictObject({
    device: text(128).optional().describe("Only this one; absent: all of them."),
    reason: text(200)
      .meta({ examples: ["the password was changed"] })
      .describe("Told to the user."),
  }),
);

/** What one user is to others, and is told. */
export const userRoutes: readonly Route[] = [
  jsonRoute({
    method: "GET",
    path: "/v1/users/{id}/relations",
    tag: "Relations",
    role: "viewer",
    summary: "Show a user's family, invitations and boards",
    details: "A user of whom nothing is known has none of them.",
    params: byUser,
    answer: relationsView,
    handle: async ({ params: { id: user }, api }) => {
      const relations = await api.ask(api.actors.relations, {
        type: "read-relations",
        principal: user,
      });
      const { family, invitations, lastSeen } = relations;
      const [boards, users] = [boardsOf(relations), usersOf(relations)];
      return { user, family, invitations, boards, users, lastSeen };
    },
  }),
  jsonRoute({
    method: "POST",
    path: "/v1/users/{id}/announce",
    tag: "Relations",
    role: "operator",
    action: "user.announce",
    summary: "Tell a user's devices that the e-mail is activated, or the phone bound",
    details: "Devices that are away are told when they come again, within seven days.",
    params: byUser,
    body: announcement,
    answer: changeAnswer,
    handle: ({ params, body, newId, api }) => {
      const told = { user: params.id, id: newId("event"), ...body };
      return api.ask(api.actors.relations, { type: "announce", ...told });
    },
  }),
  jsonRoute({
    method: "POST",
    path: "/v1/users/{id}/kick",
    tag: "Relations",
    role: "operator",
    action: "user.kick",
    summary: "End the sessions of a user's device, or of all, and tell them why",
    details:
      "Credentials stay valid until they expire: what changes a password must also stop giving " +
      "them out.",
    params: byUser,
    body: kick,
    answer: answer(
      "UserKicked",
      z.object({ changed: z.boolean().describe("False when the user was not here.") }),
    ),
    handle: ({ params, body, api }) =>
      api.ask(api.actors.relations, {
        type: "kick",
        user: params.id,
        device: body.device,
        reason: body.reason,
      }),
  }),
];
