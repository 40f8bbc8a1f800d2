import { z } from "zod";
import { boardKey } from "../../core/address.ts";
import { RuntimeError } from "../../core/errors.ts";
import { isName } from "../../core/names.ts";
import type { PostOutcome } from "../post.ts";

/** The largest answer that is read, in bytes. */
export const ANSWER_BYTES_MAX = 65_536;

const PATTERNS_MAX = 64;
const WORDS_MAX = 256;

const name = z.string().refine(isName, "a name");
const patterns = z.array(name).max(PATTERNS_MAX);

const allowed = z.strictObject({
  allow: z.literal(true),
  grants: z.strictObject({ subscribe: patterns, publish: patterns }).optional(),
  board: z
    .string()
    .min(1)
    .refine((id) => isName(boardKey(id)), "the id of a board")
    .optional(),
});

const refused = z.strictObject({
  allow: z.literal(false),
  reason: z.string().min(1).max(WORDS_MAX).optional(),
});

const answer = z.discriminatedUnion("allow", [allowed, refused]);

/** What the service allows. */
export type Allowed = z.infer<typeof allowed>;

/** What an answer means; `again`: the same question may be answered otherwise in a while. */
export type Verdict =
  | { readonly type: "allowed"; readonly allowed: Allowed }
  | { readonly type: "refused"; readonly error: RuntimeError }
  | { readonly type: "failed" | "again"; readonly reason: string };

/** Too early, too many, or a server that has trouble of its own. */
const AGAIN = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Judges an answer, or the lack of one; strictly, because devices come in by it. */
export function verdictOf(outcome: PostOutcome): Verdict {
  if (outcome.type !== "answered") return { type: "again", reason: outcome.reason };
  const { status, body } = outcome;
  if (AGAIN.has(status)) return { type: "again", reason: `it answered with status ${status}` };
  if (status !== 200 && status !== 403) {
    return { type: "failed", reason: `it answered with status ${status}` };
  }
  const read = answer.safeParse(jsonOf(body));
  if (status === 403) {
    return refusal(read.success && !read.data.allow ? read.data.reason : undefined);
  }
  if (!read.success)
    return { type: "failed", reason: "its answer is not as docs/backend.md has it" };
  return read.data.allow ? { type: "allowed", allowed: read.data } : refusal(read.data.reason);
}

function refusal(reason = "the service gave no reason"): Verdict {
  // Devices show it to people: nothing in it may be more than words.
  const words = reason.replace(/\p{C}/gu, " ");
  return { type: "refused", error: new RuntimeError("platform.refused", words) };
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch {
    return undefined;
  }
}
