import { type PostOutcome, retryAfterMs } from "../post.ts";
import type { ItemResult } from "../provider.ts";

const REASON_LENGTH_MAX = 200;
const PROVIDER_ID_LENGTH_MAX = 256;
/** When to try again where the push service does not say, in milliseconds. */
const RETRY_MS = 5_000;

/** How the message to one browser ended; `gone` when there is no such subscription any more. */
export interface BrowserResult extends ItemResult {
  readonly gone?: boolean;
}

/** By these a push service says that it has taken a message. */
const TAKEN: ReadonlySet<number> = new Set([200, 201, 202, 204]);
/** By these that the browser has unsubscribed, or that the subscription has expired. */
const GONE: ReadonlySet<number> = new Set([404, 410]);
/** By these that it has not taken it, and might later. */
const LATER: ReadonlySet<number> = new Set([500, 503]);

/**
 * What the outcome of a request says of one browser.
 *
 * 502 and 504 come from something in between, and do not say whether the push service has taken
 * it: that is in doubt, as is a timeout.
 */
export function browserResultOf(outcome: PostOutcome, now: number): BrowserResult {
  switch (outcome.type) {
    case "late":
      return { status: "throttled", cause: "late", reason: outcome.reason, retryAfterMs: 0 };
    case "not-sent": {
      const { reason } = outcome;
      return { status: "throttled", cause: "unreachable", reason, retryAfterMs: RETRY_MS };
    }
    case "in-doubt":
      return { status: "unknown", reason: outcome.reason };
    case "answered":
      return answered(outcome, now);
  }
}

type Answered = Extract<PostOutcome, { type: "answered" }>;

function answered({ status, retryAfter, location, body }: Answered, now: number): BrowserResult {
  if (TAKEN.has(status)) {
    const isShort = location !== undefined && location.length <= PROVIDER_ID_LENGTH_MAX;
    return isShort && location !== "" ? { status: "ok", providerId: location } : { status: "ok" };
  }
  const said = short(body.toString("utf8"));
  const reason = said === "" ? `HTTP ${status}` : `HTTP ${status}: ${said}`;
  if (GONE.has(status)) return { status: "invalid", reason, gone: true };
  const later = { reason, retryAfterMs: retryAfterMs(retryAfter, now) ?? RETRY_MS };
  if (status === 429) return { status: "throttled", cause: "busy", ...later };
  if (LATER.has(status)) return { status: "retry", ...later };
  // What is left says that this request is wrong, as one for another VAPID key or too large a
  // one, or sends it elsewhere: the same request would be refused again.
  if (status >= 300 && status < 500 && status !== 408) return { status: "refused", reason };
  return { status: "unknown", reason };
}

/**
 * What became of a member with several browsers: the best that became of one of them, so that
 * nobody who has got a message gets it again for the sake of another browser.
 */
export function memberResultOf(results: readonly BrowserResult[]): ItemResult {
  for (const status of BEST_FIRST) {
    const all = results.filter((result) => result.status === status);
    if (all.length === 0) continue;
    const { gone: _, ...best } = all[0]!;
    if (status !== "retry" && status !== "throttled") return best;
    return { ...best, retryAfterMs: Math.max(...all.map((it) => it.retryAfterMs ?? 0)) };
  }
  return NO_BROWSER;
}

const BEST_FIRST = ["ok", "unknown", "retry", "throttled", "refused", "invalid"] as const;

const NO_BROWSER: ItemResult = Object.freeze({
  status: "refused",
  reason: "no browser of the member takes web push",
});

function short(text: string): string {
  return text
    .slice(0, 2 * REASON_LENGTH_MAX)
    .replace(/[\p{Cc}\p{Cs}\s]+/gu, " ")
    .trim()
    .slice(0, REASON_LENGTH_MAX);
}
