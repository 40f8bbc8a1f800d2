import { matches } from "../../core/condition-matches.ts";
import { bucketOf, MEMBER_LIMITS, type Scalar } from "../../core/member-rules.ts";
import { compareText } from "../../core/text-order.ts";
import type {
  Member,
  MemberChange,
  MemberCounts,
  MemberQuery,
  MemberStore,
  ScannedMember,
} from "../ports/members.ts";
import type { SuppressionStore } from "../ports/suppressions.ts";
import type { Synchronous } from "../synchronous.ts";
import type { MemoryAudiences } from "./audience.ts";
import { copyOf } from "./rows.ts";

interface Others {
  readonly audiences: MemoryAudiences;
  readonly suppressions: Synchronous<SuppressionStore>;
}

/** Members in a map, queried by the reference evaluation of conditions. */
export function memoryMembers(others: Others): Synchronous<MemberStore> {
  const members = new Map<string, Member>();
  const change = (id: string, make: (member: Member) => Member): boolean => {
    const member = members.get(id);
    if (member !== undefined) members.set(id, make(member));
    return member !== undefined;
  };

  return {
    upsert(changes, at) {
      const refused: number[] = [];
      for (const [index, it] of changes.entries()) {
        const merged = merge(members.get(it.id), it, at);
        if (merged === undefined) refused.push(index);
        else members.set(it.id, merged);
      }
      return refused;
    },
    read: (id) => copyOf(members.get(id)),
    remove: (id) => members.delete(id),
    optOut(id, { optedOut, at }) {
      const member = members.get(id) ?? merge(undefined, { id }, at)!;
      members.set(id, { ...member, optedOut, updatedAt: at });
    },
    blocked(ids) {
      const optedOut = ids.filter((id) => members.get(id)?.optedOut === true);
      const isSuppressed = (id: string) => others.suppressions.read("member", id) !== undefined;
      const suppressed = ids.filter((id) => isSuppressed(id) && !optedOut.includes(id));
      return { optedOut, suppressed };
    },
    seen(sightings) {
      const isNews = ({ id, at }: { id: string; at: number }) =>
        at > (members.get(id)?.lastSeenAt ?? -1);
      let moved = 0;
      for (const it of sightings) {
        if (!isNews(it)) continue;
        if (change(it.id, (member) => ({ ...member, lastSeenAt: it.at }))) moved += 1;
      }
      return moved;
    },
    count(query) {
      const counts = { eligible: 0, optedOut: 0, suppressed: 0, noAddress: 0 };
      for (const { why } of found([...members.values()], query, others)) counts[why] += 1;
      return counts;
    },
    scan(query, { bucket, after = "", limit }) {
      const slice = [...members.values()].filter(
        ({ id }) => bucketOf(id) === bucket && compareText(id, after) > 0,
      );
      const rows = found(slice, query, others).slice(0, limit);
      const excluded = { optedOut: 0, suppressed: 0, noAddress: 0 };
      for (const { why } of rows) if (why !== "eligible") excluded[why] += 1;
      const eligible = rows.filter(({ why }) => why === "eligible");
      return {
        members: eligible.map(({ member }) => scannedOf(member)),
        excluded,
        next: rows.length === limit ? rows.at(-1)!.member.id : undefined,
      };
    },
  };
}

interface Found {
  readonly member: Member;
  readonly why: keyof MemberCounts;
}

/** Those for whom the condition holds, in the order of ids. */
function found(members: readonly Member[], query: MemberQuery, others: Others): Found[] {
  const context = { now: query.now, isInAudience: audienceTest(others) };
  return members
    .filter((member) => matches(query.condition, member, context))
    .sort((a, b) => compareText(a.id, b.id))
    .map((member) => ({ member, why: fateOf(member, query, others) }));
}

function audienceTest({ audiences }: Others) {
  const sets = new Map<string, ReadonlySet<string>>();
  return (audience: string, member: string): boolean => {
    let set = sets.get(audience);
    if (set === undefined) {
      const isFrozen = audiences.read(audience)?.state === "finished";
      const pages = isFrozen ? audiences.pagesOf(audience) : [];
      set = new Set(pages.flatMap((page) => page.recipients.map((it) => it.member)));
      sets.set(audience, set);
    }
    return set.has(member);
  };
}

function fateOf(
  member: Member,
  { address }: MemberQuery,
  { suppressions }: Others,
): keyof MemberCounts {
  if (member.optedOut) return "optedOut";
  if (suppressions.read("member", member.id) !== undefined) return "suppressed";
  if (address === undefined) return "eligible";
  const value = member.attributes[address];
  if (typeof value !== "string") return "noAddress";
  return suppressions.read("address", value) === undefined ? "eligible" : "suppressed";
}

function scannedOf({ id, attributes, locale, timeZone }: Member): ScannedMember {
  // A copy leaves out what is undefined.
  return copyOf({ id, attributes, locale, timeZone }) as ScannedMember;
}

/** Undefined when the attributes would become too many. */
function merge(before: Member | undefined, change: MemberChange, at: number): Member | undefined {
  const { id, attributes = {}, tags, addTags = [], removeTags = [] } = change;
  const lengthOf = (value: object): number => Buffer.byteLength(JSON.stringify(value));
  const length = lengthOf(before?.attributes ?? {}) + lengthOf(attributes);
  if (length > MEMBER_LIMITS.attributesBytesMax + 2) return undefined;
  const merged = Object.entries({ ...before?.attributes, ...attributes });
  const kept = (tags ?? before?.tags ?? []).filter((tag) => !removeTags.includes(tag));
  const field = <T>(given: T | null | undefined, old: T | undefined) =>
    given === undefined ? old : (given ?? undefined);
  const locale = field(change.locale, before?.locale);
  const timeZone = field(change.timeZone, before?.timeZone);
  const lastSeenAt = field(change.lastSeenAt, before?.lastSeenAt);
  return {
    id,
    attributes: Object.fromEntries(
      merged.filter((entry): entry is [string, Scalar] => entry[1] !== null),
    ),
    tags: [...new Set([...kept, ...addTags])].sort(),
    ...(locale === undefined ? {} : { locale }),
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(lastSeenAt === undefined ? {} : { lastSeenAt }),
    createdAt: before?.createdAt ?? at,
    updatedAt: at,
    optedOut: before?.optedOut ?? false,
  };
}
