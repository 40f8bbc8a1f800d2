import { z } from "zod";

const HISTORY_MAX = 10_000;
const DAY_MS = 86_400_000;

const int = (min: number, max: number, fallback: number, doc: string) =>
  z.int().min(min).max(max).default(fallback).describe(doc);

/** How topics of one pattern behave; `docs/topics.md` explains it. */
const topicRule = z.strictObject({
  match: z.string().min(1).max(128).describe("A pattern of topic names: `*` any text, `?` one."),
  historyMax: int(0, HISTORY_MAX, 100, "Publications kept for those who come back."),
  historyMs: int(0, DAY_MS, 300_000, "How long each is kept."),
  presence: z.boolean().default(true).describe("Whether one may ask who is there."),
  presenceMax: int(0, 1_000_000, 100, "Sessions up to which each is told who comes and goes."),
  slow: z
    .enum(["drop-oldest", "coalesce", "disconnect"])
    .default("disconnect")
    .describe("What becomes of a subscriber that cannot keep up."),
});

export const topicsSection = z
  .strictObject({
    rules: z
      .array(topicRule)
      .max(1000)
      .default([])
      .describe("How topics behave, by the first rule that fits; see docs/topics.md."),
    perSession: int(1, 10_000, 100, "Topics that one connection may be subscribed to."),
    topicsMax: int(1, 5_000_000, 100_000, "Topics of this node at once."),
    historyBytesMax: int(1024, 2 ** 40, 268_435_456, "Bytes that all topics keep together."),
    subscribersMax: int(1, 5_000_000, 1_000_000, "Subscribers of one topic."),
  })
  .prefault({});
