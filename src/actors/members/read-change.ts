import {
  canonicalLocale,
  isAttributeName,
  isFieldAttribute,
  isMemberId,
  isTag,
  isTimeZone,
  isValueText,
  MEMBER_LIMITS,
  type Scalar,
} from "../../core/member-rules.ts";
import { instantOf } from "../../core/moments.ts";
import { describeValue } from "../../core/problems.ts";
import type { MemberChange } from "./messages.ts";

/** A field that is wrong, what it should be, and what it is. */
export interface ChangeFault {
  readonly field: string;
  readonly expected: string;
  readonly got: string;
}

const FIELDS = new Set([
  ...["id", "attributes", "tags", "addTags", "removeTags", "locale", "timeZone", "lastSeenAt"],
]);
const NAME = "a name of letters, digits, _ . - (at most 64) that is no field of members";
const VALUE = "a text of at most 1024 characters, a number, true, false or null";
const TAG = "a tag of letters, digits, _ . : / - (at most 64)";

/**
 * Checks a change that came from outside; the first fault in it is told.
 *
 * Written by hand for bulk imports: it looks at each value once.
 */
export function readChange(value: unknown): MemberChange | ChangeFault {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return fault("", "an object", value);
  }
  const given = value as Readonly<Record<string, unknown>>;
  for (const name in given) {
    if (!FIELDS.has(name)) return fault(name, "no such field", given[name]);
  }
  const { id, locale, timeZone, lastSeenAt } = given;
  if (typeof id !== "string" || !isMemberId(id)) {
    return fault("id", "1 to 128 characters, none of them a control character", id);
  }
  const wrong =
    attributesFault(given["attributes"]) ??
    tagsFault("tags", given["tags"]) ??
    tagsFault("addTags", given["addTags"]) ??
    tagsFault("removeTags", given["removeTags"]);
  if (wrong !== undefined) return wrong;
  const change = given as unknown as MemberChange;
  // Most have none of what has more than one spelling.
  if (locale === undefined && timeZone === undefined && lastSeenAt === undefined) return change;
  return withFields(change, locale, timeZone, lastSeenAt);
}

export function isChange(value: MemberChange | ChangeFault): value is MemberChange {
  return "id" in value;
}

function withFields(
  change: MemberChange,
  ...[locale, timeZone, seen]: readonly unknown[]
): MemberChange | ChangeFault {
  const tag = typeof locale === "string" ? canonicalLocale(locale) : (locale as null | undefined);
  if (locale !== undefined && tag !== null && typeof tag !== "string") {
    return fault("locale", "a language tag as de-AT, or null", locale);
  }
  const isZone = timeZone == null || (typeof timeZone === "string" && isTimeZone(timeZone));
  if (!isZone) return fault("timeZone", "an IANA time zone as Europe/Vienna, or null", timeZone);
  const at = typeof seen === "string" ? instantOf(seen) : seen;
  const isInstant = at == null ? at === seen : Number.isSafeInteger(at) && Number(at) >= 0;
  if (!isInstant) {
    return fault("lastSeenAt", "an instant in ISO 8601, or in milliseconds, or null", seen);
  }
  return {
    ...change,
    ...(tag === undefined ? {} : { locale: tag }),
    ...(at === undefined ? {} : { lastSeenAt: at as number | null }),
  };
}

function attributesFault(value: unknown): ChangeFault | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return fault("attributes", "an object", value);
  }
  let count = 0;
  for (const name in value) {
    count += 1;
    const scalar = (value as Readonly<Record<string, unknown>>)[name];
    if (!isAttributeName(name) || isFieldAttribute(name)) {
      return fault(`attributes.${name.slice(0, 70)}`, NAME, scalar);
    }
    if (!isScalar(scalar)) return fault(`attributes.${name}`, VALUE, scalar);
  }
  if (count <= MEMBER_LIMITS.attributesMax) return undefined;
  return fault("attributes", `at most ${MEMBER_LIMITS.attributesMax} attributes`, count);
}

function tagsFault(field: string, value: unknown): ChangeFault | undefined {
  if (value === undefined) return undefined;
  const { tagsMax } = MEMBER_LIMITS;
  if (!Array.isArray(value)) return fault(field, "a list of tags", value);
  if (value.length > tagsMax) return fault(field, `at most ${tagsMax} tags`, value.length);
  for (const [index, tag] of value.entries()) {
    if (typeof tag !== "string" || !isTag(tag)) return fault(`${field}.${index}`, TAG, tag);
  }
  return undefined;
}

function isScalar(value: unknown): value is Scalar | null {
  switch (typeof value) {
    case "string":
      return isValueText(value);
    case "number":
      return Number.isFinite(value);
    case "boolean":
      return true;
    default:
      return value === null;
  }
}

function fault(field: string, expected: string, value: unknown): ChangeFault {
  return { field, expected, got: describeValue(value) };
}
