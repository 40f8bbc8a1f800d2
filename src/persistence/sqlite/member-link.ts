import { bucketOf, MEMBER_BUCKETS, MEMBER_LIMITS, type Scalar } from "../../core/member-rules.ts";
import type { MemberChange, MemberStore, ScannedMember } from "../ports/members.ts";
import { CHANGED, type ChangeRow, type MemberTexts } from "./wire.ts";

/** Buckets counted in one call: of a million members these take some ten milliseconds. */
const COUNTED_AT_ONCE = 16;

/** The member port on the storage thread's operations: texts cross cheaper than objects do. */
export function membersFrom(texts: MemberTexts): MemberStore {
  const { countIn, ...others } = texts;
  return {
    ...others,
    async upsert(changes, at) {
      const rows = changes.map(rowOf);
      const isTooLong = ([, , attributes]: ChangeRow) =>
        attributes.length * 3 > MEMBER_LIMITS.attributesBytesMax &&
        Buffer.byteLength(attributes) > MEMBER_LIMITS.attributesBytesMax;
      const kept = [...rows.keys()].filter((index) => !isTooLong(rows[index]!));
      const sent = kept.length === rows.length ? rows : kept.map((index) => rows[index]!);
      const refused = await texts.upsert(JSON.stringify(sent), at);
      if (refused.length === 0 && sent === rows) return [];
      const isSent = new Set(kept);
      const tooLong = [...rows.keys()].filter((index) => !isSent.has(index));
      return [...tooLong, ...refused.map((index) => kept[index]!)].sort((a, b) => a - b);
    },

    async count(query) {
      const sum = { eligible: 0, optedOut: 0, suppressed: 0, noAddress: 0 };
      for (let step = 0; step < MEMBER_BUCKETS; step += COUNTED_AT_ONCE) {
        const buckets = Array.from({ length: COUNTED_AT_ONCE }, (_, n) => reversed(step + n));
        const { eligible, optedOut, suppressed, noAddress } = await countIn(query, buckets);
        sum.eligible += eligible;
        sum.optedOut += optedOut;
        sum.suppressed += suppressed;
        sum.noAddress += noAddress;
      }
      return sum;
    },

    async scan(query, request) {
      const { members, excluded, next } = await texts.scan(query, request);
      const rows = JSON.parse(members) as ScannedRow[];
      return { members: rows.map(scannedOf), excluded, next };
    },
  };
}

type ScannedRow = readonly [
  id: string,
  locale: string | null,
  timeZone: string | null,
  attributes: Readonly<Record<string, Scalar>>,
];

function scannedOf([id, locale, timeZone, attributes]: ScannedRow): ScannedMember {
  return {
    id,
    attributes,
    ...(locale === null ? {} : { locale }),
    ...(timeZone === null ? {} : { timeZone }),
  };
}

function rowOf(change: MemberChange): ChangeRow {
  const { id, attributes, tags, addTags, removeTags, locale, timeZone, lastSeenAt } = change;
  const flags =
    (tags === undefined ? 0 : CHANGED.tags) |
    (locale === undefined ? 0 : CHANGED.locale) |
    (timeZone === undefined ? 0 : CHANGED.timeZone) |
    (lastSeenAt === undefined ? 0 : CHANGED.lastSeenAt);
  return [
    bucketOf(id),
    id,
    attributes === undefined ? "{}" : JSON.stringify(attributes),
    tagPatch(tags, addTags, removeTags),
    flags,
    locale ?? null,
    timeZone ?? null,
    lastSeenAt ?? null,
  ];
}

/** Tags are the keys of an object, so that adding and removing them is a patch of it. */
function tagPatch(...[tags, added, removed]: readonly (readonly string[] | undefined)[]): string {
  if (tags === undefined && added === undefined && removed === undefined) return "{}";
  const patch: Record<string, 1 | null> = {};
  for (const tag of tags ?? []) patch[tag] = 1;
  for (const tag of removed ?? []) patch[tag] = null;
  for (const tag of added ?? []) patch[tag] = 1;
  return JSON.stringify(patch);
}

/**
 * The bucket of a step, its bits reversed: buckets that share a partition of an audience follow
 * each other, so that each partition is read once.
 */
function reversed(step: number): number {
  let bucket = 0;
  for (let bit = 1; bit < MEMBER_BUCKETS; bit <<= 1) {
    bucket = (bucket << 1) | (step & bit ? 1 : 0);
  }
  return bucket;
}
