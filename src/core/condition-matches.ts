import type { AttributeTest, Condition, SeenTest } from "./condition.ts";
import { matchesGlob, parseGlob } from "./glob.ts";
import { hash32 } from "./hash.ts";
import type { Scalar } from "./member-rules.ts";
import { instantOf, millisecondsOf } from "./moments.ts";
import { compareText } from "./text-order.ts";

/** What a condition looks at. */
export interface Judged {
  readonly id: string;
  readonly attributes: Readonly<Record<string, Scalar>>;
  readonly tags: readonly string[];
  readonly locale?: string | undefined;
  readonly timeZone?: string | undefined;
  readonly lastSeenAt?: number | undefined;
}

/** What a condition needs to know beside the member. */
export interface MatchContext {
  /** Milliseconds since the Unix epoch; `within` counts back from it. */
  readonly now: number;
  readonly isInAudience: (audience: string, member: string) => boolean;
}

/**
 * Whether a condition holds for one member: what every compilation of conditions must agree with.
 *
 * Each test holds or does not; `not` turns that around, so `{not: {attr, eq}}` also holds for
 * members without the attribute, and `{attr, ne}` does not.
 */
export function matches(condition: Condition, member: Judged, context: MatchContext): boolean {
  if ("all" in condition) return condition.all.every((it) => matches(it, member, context));
  if ("any" in condition) return condition.any.some((it) => matches(it, member, context));
  if ("not" in condition) return !matches(condition.not, member, context);
  if ("attr" in condition) return matchesAttribute(condition, fieldOf(member, condition.attr));
  if ("tag" in condition) return member.tags.includes(condition.tag);
  if ("anyTag" in condition) return condition.anyTag.some((tag) => member.tags.includes(tag));
  if ("lastSeen" in condition) return matchesSeen(condition.lastSeen, member, context.now);
  if ("audience" in condition) return context.isInAudience(condition.audience, member.id);
  return samplePosition(condition.salt ?? "", member.id) < condition.sample;
}

/** Where a member stands between 0 and 100, evenly spread; another place for another salt. */
export function samplePosition(salt: string, member: string): number {
  return (hash32(`${salt}\n${member}`) / 4_294_967_296) * 100;
}

/** When a member must have been seen, in milliseconds since the Unix epoch. */
export interface SeenRange {
  readonly from: number | undefined;
  readonly after: number | undefined;
  readonly before: number | undefined;
}

export function seenRange(test: SeenTest, now: number): SeenRange {
  const { within, after, before } = test;
  return {
    from: within === undefined ? undefined : now - millisecondsOf(within)!,
    after: after === undefined ? undefined : instantOf(after)!,
    before: before === undefined ? undefined : instantOf(before)!,
  };
}

function matchesSeen(test: SeenTest, { lastSeenAt }: Judged, now: number): boolean {
  if (lastSeenAt === undefined) return false;
  const { from, after, before } = seenRange(test, now);
  if (from !== undefined && lastSeenAt < from) return false;
  if (after !== undefined && lastSeenAt <= after) return false;
  return before === undefined || lastSeenAt < before;
}

function fieldOf(member: Judged, name: string): Scalar | undefined {
  if (name === "id" || name === "locale" || name === "timeZone") return member[name];
  return Object.hasOwn(member.attributes, name) ? member.attributes[name] : undefined;
}

function matchesAttribute(test: AttributeTest, value: Scalar | undefined): boolean {
  if (test.exists !== undefined && (value !== undefined) !== test.exists) return false;
  const others = Object.keys(test).some((name) => name !== "attr" && name !== "exists");
  if (!others) return true;
  if (value === undefined) return false;
  const { eq, ne, in: list, prefix, pattern } = test;
  if (eq !== undefined && value !== eq) return false;
  if (ne !== undefined && value === ne) return false;
  if (list !== undefined && !list.includes(value)) return false;
  if (!matchesOrder(test, value)) return false;
  if (prefix === undefined && pattern === undefined) return true;
  if (typeof value !== "string") return false;
  if (prefix !== undefined && !value.startsWith(prefix)) return false;
  return pattern === undefined || matchesGlob(parseGlob(pattern), value);
}

function matchesOrder({ lt, lte, gt, gte, between }: AttributeTest, value: Scalar): boolean {
  if (lt !== undefined && !(order(value, lt) < 0)) return false;
  if (lte !== undefined && !(order(value, lte) <= 0)) return false;
  if (gt !== undefined && !(order(value, gt) > 0)) return false;
  if (gte !== undefined && !(order(value, gte) >= 0)) return false;
  if (between === undefined) return true;
  return order(value, between[0]) >= 0 && order(value, between[1]) <= 0;
}

/** NaN, with which no comparison holds, for values of different types. */
function order(value: Scalar, limit: string | number): number {
  if (typeof value === "string" && typeof limit === "string") return compareText(value, limit);
  return typeof value === "number" && typeof limit === "number" ? value - limit : Number.NaN;
}
