import { z } from "zod";
import { ID_EXPECTED, isBoardId } from "../../core/address.ts";
import { RuntimeError } from "../../core/errors.ts";
import { isName } from "../../core/names.ts";
import { describeProblems, problemsOf } from "../../core/problems.ts";
import type { PostOutcome } from "../post.ts";

/** The largest answer that is read, in bytes. */
export const ANSWER_BYTES_MAX = 65_536;

const PATTERNS_MAX = 64;
const WORDS_MAX = 256;
const PROBLEMS_MAX = 4;

const name = z.string().refine(isName, "a name, 1 to 128 characters without control characters");
const patterns = z.array(name).max(PATTERNS_MAX);

const allowed = z.strictObject({
  allow: z.boolean(),
  grants: z.strictObject({ subscribe: patterns, publish: patterns }).optional(),
  board: z.string().refine(isBoardId, ID_EXPECTED).optional(),
});

/** Who says no has said it, whatever else there is: devices must not come in by a mistake in it. */
const refused = z.object({ allow: z.literal(false), reason: z.unknown().optional() });

/** What the service allows. */
export type Allowed = z.infer<typeof allowed>;

/** What an answer means; `again`: the same question may be answered otherwise in a while. */
export type Verdict =
  | { readonly type: "allowed"; readonly allowed: Allowed }
  | { readonly type: "refused"; readonly error: RuntimeError }
  | { readonly type: "failed" | "again"; readonly reason: string };

/** Too early, too many, or a server that has trouble of its own. */
const AGAIN = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Judges an answer, or the lack of one; what allows strictly, because devices come in by it. */
export function verdictOf(outcome: PostOutcome): Verdict {
  if (outcome.type !== "answered") return { type: "again", reason: outcome.reason };
  const { status, body } = outcome;
  if (AGAIN.has(status)) return { type: "again", reason: `it answered with status ${status}` };
  if (status !== 200 && status !== 403) {
    return { type: "failed", reason: `it answered with status ${status}` };
  }
  const said = jsonOf(body);
  const no = refused.safeParse(said);
  if (no.success || status === 403) return refusal(no.data?.reason);
  if (said === undefined) return { type: "failed", reason: "its answer is no JSON" };
  const yes = allowed.safeParse(said);
  if (yes.success) return { type: "allowed", allowed: yes.data };
  const problems = describeProblems(problemsOf(yes.error, said).slice(0, PROBLEMS_MAX));
  return { type: "failed", reason: `its answer is wrong: ${problems}` };
}

function refusal(reason: unknown): Verdict {
  const isReason = typeof reason === "string" && reason !== "";
  const words = isReason ? reason.slice(0, WORDS_MAX) : "the service gave no reason";
  // Devices show it to people: nothing in it may be more than words.
  const error = new RuntimeError("platform.refused", words.replace(/\p{C}/gu, " "));
  return { type: "refused", error };
}

function jsonOf(body: Uint8Array): unknown {
  try {
    // A decoder leaves out the mark that some servers put before their text.
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
