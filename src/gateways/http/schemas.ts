import { z } from "zod";
import { isName } from "../../core/names.ts";
import { WIRE_LIMITS } from "../protocol/limits.ts";

/**
 * Schemas with a name: the components of the OpenAPI document. Requests and answers are apart,
 * because a field with a default is optional in the one and always there in the other.
 */
export const requestSchemas = z.registry<{ id: string }>();
export const answerSchemas = z.registry<{ id: string }>();

export function request<T extends z.ZodType>(id: string, schema: T): T {
  requestSchemas.add(schema, { id });
  return schema;
}

export function answer<T extends z.ZodType>(id: string, schema: T): T {
  answerSchemas.add(schema, { id });
  return schema;
}

export const DAY_MS = 86_400_000;

/** Longest time for which a message waits for its user. */
export const TTL_MAX_MS = 30 * DAY_MS;
/** Longest JSON text of one payload, in bytes. */
const PAYLOAD_BYTES_MAX = 32_768;

export const count = z.int().min(0);
export const instant = z.int().min(0).describe("Milliseconds since the Unix epoch.");

/** Text for people and identifiers: no control characters, no half characters. */
export function text(max: number): z.ZodString {
  const isClean = (value: string): boolean => value.isWellFormed() && !/\p{Cc}/u.test(value);
  return z.string().min(1).max(max).refine(isClean, "text without control characters");
}

export const userId = z
  .string()
  .min(1, { abort: true })
  .max(WIRE_LIMITS.nameMax, { abort: true })
  .refine(isName, "text without control characters")
  .describe("The user, as in the `sub` of device tokens.");

export const payload = z
  .unknown()
  .refine((value) => value !== undefined, "a JSON value")
  .refine(
    (value) => Buffer.byteLength(JSON.stringify(value) ?? "") <= PAYLOAD_BYTES_MAX,
    `at most ${PAYLOAD_BYTES_MAX} bytes of JSON`,
  );

export const ttlMs = z.int().min(0).max(TTL_MAX_MS);

export const byId = z.strictObject({ id: text(128) });

export const page = {
  after: text(512).optional().describe("`next` of the page before; absent for the first page."),
  limit: z.int().min(1).max(1000).default(100).describe("Most items to give."),
};

export const paged = z.strictObject(page);

export function pageOf<T extends z.ZodType>(id: string, item: T) {
  const next = z.string().optional().describe("Give it as `after`; absent on the last page.");
  return answer(id, z.object({ items: z.array(item), next }));
}

export const ledger = answer(
  "Ledger",
  z.object({
    accepted: count.describe("Messages taken. The other six add up to it."),
    delivered: count.describe("Handed to a device or provider that does not confirm."),
    acked: count.describe("Confirmed by the device."),
    expired: count.describe("Not taken by anybody before their expiry."),
    shed: count.describe("Given up: a limit was reached, or the receiver refused."),
    unknown: count.describe("In doubt after a crash or a lost answer."),
    pending: count.describe("Still on their way."),
  }),
);

export const problem = answer(
  "Problem",
  z.object({
    path: z.string().describe("The field, as `members.3.vars`; empty for the whole."),
    expected: z.string(),
    got: z.string(),
  }),
);

export const errorBody = answer(
  "Error",
  z.object({
    error: z.object({
      code: z.string().describe("One of docs/errors.md. Never renamed, never reused."),
      message: z.string().describe("What happened, with the values at hand."),
      advice: z.string().describe("What to do next."),
      retryable: z.boolean().describe("Whether the same request may succeed later."),
      retryAfterMs: z.int().optional().describe("When to try again, as the header Retry-After."),
      problems: z.array(problem).describe("Every field that is wrong, all at once."),
      requestId: z.string().describe("What the log and the audit record know it by."),
    }),
  }),
);
