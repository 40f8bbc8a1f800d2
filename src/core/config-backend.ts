import { z } from "zod";

const DAY_MS = 86_400_000;
const RULES_MAX = 1000;

const int = (min: number, max: number, fallback: number, doc: string) =>
  z.int().min(min).max(max).default(fallback).describe(doc);

/** Messages of one pattern of topics that the back end gets, too. */
const copyRule = z.strictObject({
  match: z.string().min(1).max(128).describe("A pattern of topic names: `*` any text, `?` one."),
  kind: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
});

/** What devices upload for the back end; `docs/backend.md` explains it. */
export const outboxSection = z
  .strictObject({
    max: int(1, 100_000_000, 100_000, "Uploads kept at once for consumers; more are refused."),
    retentionMs: int(60_000, 365 * DAY_MS, 7 * DAY_MS, "Uploads older than this are deleted."),
    rules: z
      .array(copyRule)
      .max(RULES_MAX)
      .default([])
      .describe("Messages of devices that the back end gets, too, as `{match, kind}`."),
  })
  .prefault({});
