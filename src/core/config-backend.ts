import { z } from "zod";
import { SECRET_FORM } from "./signature.ts";

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

/** The user's own service that decides about devices; `docs/backend.md` explains it. */
export const platformSection = z
  .strictObject({
    url: z
      .string()
      .max(2048)
      .refine(isPlatformUrl, "an http: or https: address without a user, a query or a #fragment")
      .optional()
      .describe("Where it is. Without it the node decides alone."),
    secrets: z
      .array(z.string().regex(SECRET_FORM))
      .max(8)
      .default([])
      .describe("Sign what it is asked; several while they are exchanged."),
    timeoutMs: int(100, 60_000, 2000, "Time for one question and its answer."),
    attemptsMax: int(1, 10, 3, "How often one question is asked until it is answered."),
    maxInFlight: int(1, 1000, 32, "Questions at the same time."),
    asksLogins: z.boolean().default(true).describe("Whether it decides who may log in."),
    boardsBind: z
      .boolean()
      .default(false)
      .describe("Whether without it a board that is nobody's may bind itself to any user."),
    loginCacheMs: int(0, DAY_MS, 60_000, "How long its answer to a log-in holds; 0: not."),
    whenDown: z
      .enum(["admit", "refuse"])
      .default("refuse")
      .describe("What happens to devices that log in when it cannot be asked."),
  })
  .refine(({ url, secrets }) => url === undefined || secrets.length > 0, {
    path: ["secrets"],
    message: "at least one where platform.url is set",
  })
  .prefault({});

function isPlatformUrl(text: string): boolean {
  if (!/^https?:/.test(text) || !URL.canParse(text)) return false;
  const { username, password, search, hash } = new URL(text);
  return username === "" && password === "" && search === "" && hash === "";
}
