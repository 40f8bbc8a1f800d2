import { z } from "zod";
import { condition } from "../condition-schema.ts";
import { answer, count, instant, request, text } from "../schemas.ts";
import { pull } from "./pull-schema.ts";
import { changed, taskState, transitionOf } from "./task-schemas.ts";

const LIST_MAX = 100_000;

const member = text(128);
const vars = z.record(z.string().max(64), z.string().max(4096));

const KINDS = ["members", "condition", "pull", "union", "intersection", "difference"] as const;

const operands = z.array(text(128)).min(2).max(16);

export const newAudience = request(
  "NewAudience",
  z
    .strictObject({
      name: text(200)
        .meta({ examples: ["spring customers"] })
        .describe("A name for people; need not be unique."),
      members: z
        .array(z.union([member, z.strictObject({ member, vars: vars.optional() })]))
        .min(1)
        .max(LIST_MAX)
        .meta({ examples: [["m-1", { member: "m-2", vars: { name: "Ada" } }]] })
        .optional()
        .describe("Member ids, or `{member, vars}` with the variables of payload templates."),
      condition: condition.optional().describe("Who, of the members that Herald knows."),
      address: text(64)
        .optional()
        .describe("With a condition: the attribute that holds the address, if not the id."),
      variables: z
        .array(text(64))
        .max(100)
        .optional()
        .describe("With a condition: attributes that become variables; absent: all of them."),
      pull: pull.optional().describe("A member API of yours, which is asked page by page."),
      union: operands.optional().describe("Frozen audiences: who is in any of them."),
      intersection: operands.optional().describe("Frozen audiences: who is in all of them."),
      difference: operands.optional().describe("Who is in the first, and in none of the others."),
      start: z
        .boolean()
        .default(true)
        .describe("Whether it is collected at once; a list always is."),
      wait: z
        .boolean()
        .default(true)
        .describe("Whether to answer when it is finished; otherwise at once, while it collects."),
    })
    .refine(
      (it) => KINDS.filter((kind) => it[kind] !== undefined).length === 1,
      `exactly one of ${KINDS.join(", ")}`,
    )
    .meta({
      examples: [{ name: "spring", members: ["m-1", { member: "m-2", vars: { name: "Ada" } }] }],
    }),
);

export const named = z.strictObject({
  name: text(200).optional().describe("The name of an uploaded audience; required for one."),
});

const excluded = z.object({ optedOut: count, suppressed: count, noAddress: count });

export const audience = answer(
  "Audience",
  z.object({
    id: z.string(),
    name: z.string(),
    state: taskState.describe("Of the task of making it; it may be used once it is `finished`."),
    by: z.string().describe("Who brought it into this state."),
    why: z.string(),
    changedAt: instant,
    epoch: count.describe("How often it was begun."),
    createdAt: instant,
    size: count.describe("Recipients after duplicates were dropped."),
    pages: count,
    pageSize: count.describe("Recipients per page, but for the last of a partition."),
    partitions: count,
    lines: count.describe("Lines read, without the header."),
    duplicates: count,
    invalid: count.describe("Lines left out; see its errors."),
    hash: z.string().describe("SHA-256 over everybody in page order; empty until finished."),
    source: z
      .unknown()
      .optional()
      .describe("What it is collected from: a condition, a member API, or other audiences."),
    excluded: excluded.optional().describe("Members of the source who were left out, and why."),
  }),
);

export const lineError = answer(
  "LineError",
  z.object({
    line: count.describe("Line 1 is the first line of the file."),
    field: z.string(),
    expected: z.string(),
    got: z.string(),
  }),
);

export const transition = transitionOf("AudienceTransition");

export const commandAnswer = answer(
  "AudienceCommandAnswer",
  z.object({ before: taskState, audience, changed }),
);

export const progress = answer(
  "AudienceProgress",
  z.object({
    id: z.string(),
    state: taskState,
    why: z.string(),
    epoch: count,
    partitions: count,
    partitionsDone: count,
    size: count.describe("Recipients in the partitions that are done."),
    duplicates: count,
    excluded,
    pulled: z
      .object({ pages: count, items: count, invalid: count })
      .describe("What came from a member API so far."),
    trouble: z
      .string()
      .describe("What holds it up at this moment, as a page of a member API that failed."),
    rate: z.number().describe("Members per second since this run began, or went on."),
    at: instant,
  }),
);
