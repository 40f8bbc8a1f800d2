import { z } from "zod";
import { answer, count, instant, pageOf, text } from "../schemas.ts";

const NAME_MAX = 128;
const HISTORY_MAX = 100;

export const byTopic = z.strictObject({
  topic: text(NAME_MAX)
    .meta({ examples: ["room.lobby"] })
    .describe("Its name."),
});

const place = {
  topic: z.string(),
  epoch: z.string().describe("Which life of the topic: offsets compare only within it."),
  offset: count.describe("The number of the latest publication."),
  kept: count.describe("Publications that somebody who comes back can recover."),
  subscribers: count.describe("Sessions that are subscribed."),
};

export const topicPage = pageOf("TopicPage", answer("TopicLine", z.object(place)));

export const topicView = answer(
  "TopicView",
  z.object({
    ...place,
    count: count.describe("Users and boards that are subscribed."),
    members: z
      .array(z.object({ principal: z.string(), sessions: count }))
      .describe("They, at most 1000: `user:ada` or `board:b1`, and how many sessions each."),
    rule: z
      .object({
        match: z.string().optional().describe("The pattern; absent for the defaults."),
        historyMax: count,
        historyMs: count,
        presence: z.boolean(),
        presenceMax: count,
        slow: z.enum(["disconnect", "drop-oldest", "coalesce"]),
      })
      .describe("How it behaves: the first of `topics.rules` that fits, or the defaults."),
  }),
);

export const historyQuery = z.strictObject({
  after: count.default(0).describe("Only publications with a higher offset."),
  limit: z.int().min(1).max(HISTORY_MAX).default(HISTORY_MAX).describe("Most items to give."),
});

export const topicHistory = answer(
  "TopicHistory",
  z.object({
    epoch: z.string(),
    offset: count.describe("The number of the latest publication, listed or not."),
    items: z.array(
      z.object({
        offset: count,
        at: instant,
        from: z.string().optional().describe("Absent when it came over HTTP."),
        payload: z.unknown(),
      }),
    ),
  }),
);
