import { z } from "zod";
import { isRecipient } from "../delivery/recipients.ts";
import {
  answer,
  count,
  DAY_MS,
  instant,
  page,
  pageOf,
  payload,
  request,
  text,
  ttlMs,
} from "../schemas.ts";

/** Messages, and addresses of one message. */
export const LIST_MAX = 1_000;
const ADDRESS_MAX = 200;

const recipient = z
  .string()
  .max(ADDRESS_MAX)
  .refine(isRecipient, "user:, board:, family:, session: or topic: and a name")
  .describe("`user:ada`, `board:b1`, `family:ada`, `session:s_...` or `topic:news`.");

/** A colon parts the ids that are made of it. */
export const pushId = text(128).refine((id) => !id.includes(":"), "text without a colon");

export const outgoing = request(
  "PushMessage",
  z.strictObject({
    to: z
      .array(recipient)
      .min(1)
      .max(LIST_MAX)
      .meta({ examples: [["user:m-1", "board:lamp-1"]] })
      .describe("Who gets it; a family is each of its users."),
    topic: text(128)
      .meta({ examples: ["orders"] })
      .describe("What it is about, for devices; of no use to a `topic:`."),
    payload: payload.meta({ examples: [{ text: "It is on its way" }] }).describe("Any JSON."),
    ack: z.boolean().default(true).describe("Whether it stays until a device confirms it."),
    ttlMs: ttlMs
      .default(DAY_MS)
      .describe("How long it waits for users and boards; 0: only for who is connected now."),
    priority: z
      .enum(["high", "normal", "low"])
      .default("normal")
      .describe("Which goes first of those that wait for the store. See above."),
    id: pushId
      .optional()
      .describe(
        "Your id: a second push with it to the same inbox is not a second message, whatever it " +
          "says. Sessions, topics and messages without `ttlMs` have no inbox: repeat those with " +
          "their Idempotency-Key. `GET /v1/push/{id}` knows the message by it.",
      ),
  }),
);

const batch = request(
  "PushBatch",
  z.strictObject({
    messages: z.array(outgoing).min(1).max(LIST_MAX),
    id: pushId
      .optional()
      .describe("Your id of the whole; messages that have their own are known by that instead."),
  }),
);

export const newPush = request(
  "NewPush",
  z.union([outgoing, batch]).meta({
    description: "One message, or up to 1000 of them as `messages`.",
    examples: [
      {
        to: ["user:m-1", "board:lamp-1"],
        topic: "orders",
        payload: { text: "It is on its way" },
      },
    ],
  }),
);

export const delivery = answer(
  "PushResult",
  z.object({
    to: z.string().describe("The recipient's address; a family has one for each of its users."),
    message: count.describe("Which of the messages, from 0."),
    result: z
      .enum(["recorded", "reached", "unknown", "refused"])
      .describe("In the inbox; handed to who is connected; not there; not taken."),
    id: z.string().optional().describe("What devices get it as."),
    offset: count.optional().describe("Its place in the inbox, or in the topic's history."),
    fresh: z.boolean().optional().describe("False when a message with this id was there before."),
    reached: count.optional().describe("Sessions that were connected, or a topic's subscribers."),
    code: z.string().optional().describe("Why not: a code of the error table."),
    why: z.string().optional().describe("The same in words."),
  }),
);

export const pushAnswer = answer(
  "PushAnswer",
  z.object({ id: z.string(), items: z.array(delivery) }),
);

export const fatePage = pageOf(
  "PushFatePage",
  answer(
    "PushFate",
    z.object({
      to: z.string(),
      message: count.describe("Which message of the push, from 0."),
      id: z.string().describe("What devices get it as."),
      offset: count,
      state: z
        .enum(["pending", "acked", "delivered", "expired", "shed", "unknown"])
        .describe("`pending` waits for a device or its confirmation."),
      at: instant.optional().describe("When it ended."),
    }),
  ),
);

export const byPush = z.strictObject({ id: pushId });
export const fatesQuery = z.strictObject(page);
