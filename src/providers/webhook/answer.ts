import { z } from "zod";
import { describeProblems, problemsOf } from "../../core/problems.ts";
import { type PostOutcome, retryAfterMs } from "../post.ts";
import type { ItemResult, ItemStatus, ProviderItem } from "../provider.ts";

const REASON_LENGTH_MAX = 300;
const DAY_MS = 86_400_000;

/** When to try again where the server does not say, in milliseconds. */
const RETRY_MS = 1_000;
/** The same when somebody has to correct something first. */
const REPAIR_MS = 5_000;

const resultSchema = z.object({
  id: z.string(),
  status: z.enum(["ok", "refused", "invalid", "retry", "throttled", "unknown"]),
  reason: z.string().transform(short).optional(),
  retryAfterMs: z.int().min(0).max(DAY_MS).optional(),
  providerId: z.string().min(1).max(256).optional(),
  cost: z.number().min(0).optional(),
});

const answerSchema = z.object({ results: z.array(z.unknown()) });

type Answered = Extract<PostOutcome, { type: "answered" }>;

/** The statuses by which a server says that the address or the credentials are wrong. */
const MISDIRECTED: ReadonlySet<number> = new Set([
  301, 302, 307, 308, 401, 403, 404, 405, 407, 410, 415, 421, 426, 501, 505,
]);
/** Those by which it says that it will never take this request. */
const REFUSED: ReadonlySet<number> = new Set([400, 413, 414, 422, 431]);

/**
 * What the outcome of a request says of its items, one result each, in their order.
 *
 * An item is `ok` only when the answer says so under its id. It is sent again only when it was
 * certainly not taken; whatever else is in doubt, and a doubtful item is `unknown`.
 */
export function resultsOf(
  items: readonly ProviderItem[],
  outcome: PostOutcome,
  now: number,
): ItemResult[] {
  const all = (result: ItemResult): ItemResult[] => items.map(() => result);
  switch (outcome.type) {
    case "late":
      return all({ ...UNTRIED, cause: "late", reason: outcome.reason, retryAfterMs: 0 });
    case "not-sent":
      return all({ ...UNREACHABLE, reason: outcome.reason, retryAfterMs: RETRY_MS });
    case "in-doubt":
      return all({ status: "unknown", reason: outcome.reason });
    case "answered": {
      const { status } = outcome;
      if (status >= 200 && status < 300) return byId(items, outcome);
      return all(refusalOf(outcome, now));
    }
  }
}

const UNTRIED = { status: "throttled" } as const;
const UNREACHABLE = { ...UNTRIED, cause: "unreachable" } as const;

/** An answer that is no success, by its status alone: the same for every item. */
function refusalOf({ status, retryAfter }: Answered, now: number): ItemResult {
  const reason = `HTTP ${status}`;
  const asked = retryAfterMs(retryAfter, now);
  if (status === 429 || (status === 503 && asked !== undefined)) {
    return { ...UNTRIED, cause: "busy", reason, retryAfterMs: asked ?? RETRY_MS };
  }
  if (MISDIRECTED.has(status)) {
    const isRedirect = status < 400;
    const why = isRedirect ? `${reason}: redirects are not followed; correct the url` : reason;
    return { ...UNREACHABLE, reason: why, retryAfterMs: REPAIR_MS };
  }
  return { status: REFUSED.has(status) ? "refused" : "unknown", reason };
}

function byId(items: readonly ProviderItem[], { status, body }: Answered): ItemResult[] {
  const parsed = parse(body);
  if (typeof parsed === "string") {
    return items.map(() => ({ status: "unknown", reason: `HTTP ${status} with ${parsed}` }));
  }
  const found = new Map<string, ItemResult>();
  for (const value of parsed) {
    const { id, result } = read(value);
    if (id === undefined) continue;
    const earlier = found.get(id);
    found.set(id, earlier === undefined ? result : unless(earlier, result));
  }
  return items.map(({ id }) => found.get(id) ?? MISSING);
}

const MISSING: ItemResult = Object.freeze({
  status: "unknown",
  reason: "the answer has no result for it",
});

/** The results of an answer, or what it has instead of them. */
function parse(body: Buffer): readonly unknown[] | string {
  if (body.byteLength === 0) return "an empty body";
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    return "a body that is not JSON";
  }
  const answer = answerSchema.safeParse(value);
  if (answer.success) return answer.data.results;
  return `a bad body: ${short(describeProblems(problemsOf(answer.error, value)))}`;
}

function read(value: unknown): { readonly id: string | undefined; readonly result: ItemResult } {
  const parsed = resultSchema.safeParse(value);
  if (parsed.success) {
    const { id, ...result } = parsed.data;
    return { id, result };
  }
  const id = (value as { id?: unknown } | null | undefined)?.id;
  const problems = describeProblems(problemsOf(parsed.error, value));
  const result: ItemResult = { status: "unknown", reason: short(`a bad result: ${problems}`) };
  return { id: typeof id === "string" ? id : undefined, result };
}

/** Two results for one item that differ tell nothing. */
function unless(first: ItemResult, second: ItemResult): ItemResult {
  const statuses: readonly ItemStatus[] = [first.status, second.status];
  if (first.status === second.status) return first;
  return { status: "unknown", reason: `the answer has two results: ${statuses.join(" and ")}` };
}

function short(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").slice(0, REASON_LENGTH_MAX);
}
