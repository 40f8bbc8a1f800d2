import { z } from "zod";
import { jsonRoute, type Route } from "../route.ts";
import {
  answer,
  count,
  DAY_MS,
  ledger,
  payload,
  request,
  text,
  ttlMs,
  userId,
} from "../schemas.ts";

const newPush = request(
  "NewPush",
  z.strictObject({
    users: z
      .array(userId)
      .min(1)
      .max(1000)
      .meta({ examples: [["m-1", "m-2"]] })
      .describe("One message for each of them."),
    topic: text(128).meta({ examples: ["orders"] }),
    payload: payload.meta({ examples: [{ text: "It is on its way" }] }).describe("Any JSON."),
    ack: z.boolean().default(true).describe("Whether it stays until a device confirms it."),
    ttlMs: ttlMs.min(1).default(DAY_MS).describe("How long it waits for its user."),
    id: text(128)
      .optional()
      .describe("Your id: a second push with it to the same user is not a second message."),
  }),
);

const pushAnswer = answer(
  "PushAnswer",
  z.object({
    id: z.string(),
    items: z.array(
      z.object({
        user: z.string(),
        id: z.string().describe("The message's own id: `<id>:<user>`."),
        offset: count.describe("Its place in the user's sequence."),
        fresh: z.boolean().describe("False when a message with this id was there before."),
      }),
    ),
  }),
);

const ledgerQuery = z.strictObject({
  name: text(200)
    .optional()
    .describe("`push`, or `campaign:<id>:<epoch>`; absent for the sum over all."),
});

export const messageRoutes: readonly Route[] = [
  jsonRoute({
    method: "POST",
    path: "/v1/push",
    tag: "Messages",
    role: "operator",
    action: "push.send",
    summary: "Send a message to users",
    details: "Answers once every message is recorded; devices that are connected have it then.",
    body: newPush,
    answer: pushAnswer,
    handle: async ({ body, api }) => {
      const id = body.id ?? api.newId("push");
      const expiresAt = api.clock.now() + body.ttlMs;
      const text = JSON.stringify(body.payload);
      const items = body.users.map((user) => ({
        user,
        id: `${id}:${user}`,
        ledger: "push",
        topic: body.topic,
        payload: text,
        ack: body.ack,
        expiresAt,
      }));
      const appended = await api.ask(api.actors.inbox, {
        type: "append",
        items,
      });
      return {
        id,
        items: items.map((item, index) => {
          const { offset, fresh } = appended[index]!;
          return { user: item.user, id: item.id, offset, fresh };
        }),
      };
    },
  }),
  jsonRoute({
    method: "GET",
    path: "/v1/ledger",
    tag: "Messages",
    role: "viewer",
    summary: "Show where accepted messages ended",
    query: ledgerQuery,
    answer: ledger,
    handle: ({ query, api }) => api.readLedger(query.name),
  }),
];
