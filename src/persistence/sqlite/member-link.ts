import { MEMBER_BUCKETS, MEMBER_LIMITS, type Scalar } from "../../core/member-rules.ts";
import type { MemberStore, ScannedMember } from "../ports/members.ts";
import { changeTexts } from "./member-changes.ts";
import type { MemberTexts } from "./wire.ts";

/** Buckets counted in one call: of a million members these take some ten milliseconds. */
const COUNTED_AT_ONCE = 16;

/** The member port on the storage thread's operations: texts cross cheaper than objects do. */
export function membersFrom(texts: MemberTexts): MemberStore {
  const { countIn, ...others } = texts;
  return {
    ...others,
    async upsert(changes, at) {
      const { texts: sent, leftOut } = changeTexts(changes, isTooLong);
      const refused = await texts.upsert(sent, at);
      if (leftOut.length === 0) return refused;
      const isLeftOut = new Set(leftOut);
      const kept = [...changes.keys()].filter((index) => !isLeftOut.has(index));
      return [...leftOut, ...refused.map((index) => kept[index]!)].sort((a, b) => a - b);
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

/** Counting bytes takes longer than to see that they cannot be too many. */
function isTooLong(attributes: string): boolean {
  const { attributesBytesMax } = MEMBER_LIMITS;
  return (
    attributes.length * 3 > attributesBytesMax && Buffer.byteLength(attributes) > attributesBytesMax
  );
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
