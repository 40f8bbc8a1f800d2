import { hash32 } from "./hash.ts";

/** The value of one attribute of a member. */
export type Scalar = string | number | boolean;

/** What a member and a condition about members may hold. */
export const MEMBER_LIMITS = {
  /** Characters of a member's id. */
  idMax: 128,
  /** Attributes in one change. */
  attributesMax: 100,
  /** Bytes of all attributes of one member, about. */
  attributesBytesMax: 32_768,
  /** Characters of a text value. */
  valueMax: 1_024,
  /** Tags in one change. */
  tagsMax: 100,
} as const;

/**
 * Attributes that are fields of the member itself: conditions may read them as `attr`, nobody may
 * set them among the attributes.
 */
export const FIELD_ATTRIBUTES = ["id", "locale", "timeZone"] as const;
export type FieldAttribute = (typeof FIELD_ATTRIBUTES)[number];

const NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/;
const TAG = /^[\p{L}\p{N}_.:/-][\p{L}\p{N}_.:/ -]{0,63}$/u;
const ZONE = /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+){0,2}$/;
/** Names checked before, bounded: there are about 600 zones and far fewer locales in use. */
const KNOWN_MAX = 2_000;

/** Groups of members, by hash, that stores keep and read one after the other. */
export const MEMBER_BUCKETS = 256;

/** The one bucket of a member. Stored data depend on it. */
export function bucketOf(member: string): number {
  return hash32(member) & (MEMBER_BUCKETS - 1);
}

export function isFieldAttribute(name: string): name is FieldAttribute {
  return (FIELD_ATTRIBUTES as readonly string[]).includes(name);
}

/** Letters, digits, `_`, `.`, `-`; the first a letter or `_`; at most 64. */
export function isAttributeName(name: string): boolean {
  return NAME.test(name) && name !== "__proto__";
}

/** Letters and digits of any script, `_ . : / -` and inner spaces; at most 64 characters. */
export function isTag(tag: string): boolean {
  return TAG.test(tag) && tag.isWellFormed() && tag !== "__proto__";
}

export function isMemberId(id: string): boolean {
  return id.length > 0 && id.length <= MEMBER_LIMITS.idMax && !/[\p{Cc}\p{Cs}]/u.test(id);
}

/** Text that every store keeps and compares alike: whole characters, no NUL. */
export function isValueText(text: string): boolean {
  return text.length <= MEMBER_LIMITS.valueMax && text.isWellFormed() && !text.includes("\0");
}

const zones = new Map<string, boolean>();

/** Whether it is a name of the IANA time zone database, as `Europe/Vienna`. */
export function isTimeZone(zone: string): boolean {
  const known = zones.get(zone);
  if (known !== undefined) return known;
  const found = ZONE.test(zone) && zone.length <= 64 && accepts(zone);
  if (zones.size < KNOWN_MAX) zones.set(zone, found);
  return found;
}

const locales = new Map<string, string | undefined>();

/** A language tag in its usual spelling, as `de-AT`; undefined when it is none. */
export function canonicalLocale(locale: string): string | undefined {
  if (locales.has(locale)) return locales.get(locale);
  let found: string | undefined;
  try {
    found = locale.length <= 35 ? Intl.getCanonicalLocales(locale)[0] : undefined;
  } catch {
    found = undefined;
  }
  if (locales.size < KNOWN_MAX) locales.set(locale, found);
  return found;
}

function accepts(zone: string): boolean {
  try {
    return Intl.DateTimeFormat("en", { timeZone: zone }) !== undefined;
  } catch {
    return false;
  }
}
