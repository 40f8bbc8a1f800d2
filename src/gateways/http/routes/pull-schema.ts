import { z } from "zod";
import type { PullSource } from "../../../actors/collect/messages.ts";

const HEADERS_MAX = 20;
/** How the next page is found when nothing is said of it. */
const BY_CURSOR: PullSource["paging"] = { type: "cursor", param: "cursor", next: "next" };

const param = (fallback: string, what: string) =>
  z.string().min(1).max(64).default(fallback).describe(what);

const paging = z
  .discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("cursor"),
      param: param("cursor", "The parameter that asks for a page."),
      next: param("next", "The answer's field that says what to ask for next."),
    }),
    z.strictObject({
      type: z.literal("offset"),
      param: param("offset", "The parameter that counts members."),
    }),
    z.strictObject({
      type: z.literal("page"),
      param: param("page", "The parameter that counts pages."),
      first: z.int().min(0).max(1).default(1).describe("The number of the first page."),
    }),
    z.strictObject({ type: z.literal("link") }),
  ])
  .describe(
    "How the next page is found: by a `cursor` that the answer holds, an `offset` or a `page` " +
      "that counts until there is nobody, or the header `Link` with `rel=next`.",
  );

/** A member API as a caller describes it. */
export const pull = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .max(2_048)
    .meta({ examples: ["https://members.example.com/v1/members?status=active"] })
    .describe("Of the first page. Its origin must be in the setting `pull.origins`."),
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9-]{1,64}$/), z.string().max(4_096))
    .refine((it) => Object.keys(it).length <= HEADERS_MAX, `at most ${HEADERS_MAX} headers`)
    .default({})
    .describe("Sent with every request; nobody is shown their values again."),
  pageSize: z
    .int()
    .min(0)
    .max(50_000)
    .default(1_000)
    .describe("Asked for by the parameter `sizeParam`; 0: not asked for."),
  sizeParam: param("limit", "The parameter that says how many members a page has."),
  paging: paging.optional(),
  items: z
    .string()
    .max(64)
    .default("items")
    .describe("The answer's field with the members; empty: the answer is the list."),
  member: param("member", "The field of a member that holds its id; the others are variables."),
  timeoutMs: z.int().min(100).max(600_000).default(30_000).describe("For one request."),
});

/** The source that a description stands for. */
export function pullSource(described: z.output<typeof pull>): PullSource {
  return { type: "pull", ...described, paging: described.paging ?? BY_CURSOR };
}
