import { bucketOf } from "../../core/member-rules.ts";
import type { MemberChange } from "../ports/members.ts";

/**
 * Bits of a change: what of a member takes the given value, be it null; and whether the patches
 * may remove something.
 */
export const CHANGED = { tags: 1, locale: 2, timeZone: 4, lastSeenAt: 8, removes: 16 } as const;

/** A change of a member; attributes and tags are patches in JSON. */
interface ChangeRow {
  readonly bucket: number;
  readonly id: string;
  readonly attributes: string;
  readonly tags: string;
  readonly flags: number;
  readonly locale: string | null;
  readonly timeZone: string | null;
  readonly lastSeenAt: number | null;
}

/**
 * Changes between the threads: few long texts cross much cheaper than many objects do.
 *
 * Patches have a line each, as JSON holds no line break. They are not put into JSON once more:
 * all their quotes would be escaped on this side, and read again on the other.
 */
export interface ChangeTexts {
  /** JSON of bucket, id, flags, locale, time zone and last seen of each, in one list. */
  readonly fields: string;
  readonly attributes: string;
  readonly tags: string;
}

type Field = string | number | null;

const FIELDS = 6;

/** The changes as texts, but for those that `isLeftOut` names by the text of their attributes. */
export function changeTexts(
  changes: readonly MemberChange[],
  isLeftOut: (attributes: string) => boolean,
): { readonly texts: ChangeTexts; readonly leftOut: readonly number[] } {
  const fields: Field[] = [];
  const attributes: string[] = [];
  const tags: string[] = [];
  const leftOut: number[] = [];
  for (const [index, change] of changes.entries()) {
    const { id, locale, timeZone, lastSeenAt } = change;
    const patch = change.attributes === undefined ? "{}" : JSON.stringify(change.attributes);
    if (isLeftOut(patch)) {
      leftOut.push(index);
      continue;
    }
    const flags = flagsOf(change, patch);
    fields.push(bucketOf(id), id, flags, locale ?? null, timeZone ?? null, lastSeenAt ?? null);
    attributes.push(patch);
    tags.push(tagPatch(change));
  }
  const texts = {
    fields: JSON.stringify(fields),
    attributes: attributes.join("\n"),
    tags: tags.join("\n"),
  };
  return { texts, leftOut };
}

/** The rows of the texts, in their order. */
export function changeRows(texts: ChangeTexts): ChangeRow[] {
  const fields = JSON.parse(texts.fields) as Field[];
  const attributes = texts.attributes.split("\n");
  const tags = texts.tags.split("\n");
  return Array.from({ length: fields.length / FIELDS }, (_, index) => {
    const start = index * FIELDS;
    return {
      bucket: fields[start] as number,
      id: fields[start + 1] as string,
      attributes: attributes[index]!,
      tags: tags[index]!,
      flags: fields[start + 2] as number,
      locale: fields[start + 3] as string | null,
      timeZone: fields[start + 4] as string | null,
      lastSeenAt: fields[start + 5] as number | null,
    };
  });
}

function flagsOf(change: MemberChange, attributes: string): number {
  const { tags, removeTags, locale, timeZone, lastSeenAt } = change;
  // A text among the values may look like a null: then the slower way gives the same.
  const removes = removeTags !== undefined || attributes.includes(":null");
  return (
    (tags === undefined ? 0 : CHANGED.tags) |
    (locale === undefined ? 0 : CHANGED.locale) |
    (timeZone === undefined ? 0 : CHANGED.timeZone) |
    (lastSeenAt === undefined ? 0 : CHANGED.lastSeenAt) |
    (removes ? CHANGED.removes : 0)
  );
}

/** Tags are the keys of an object, so that adding and removing them is a patch of it. */
function tagPatch({ tags, addTags, removeTags }: MemberChange): string {
  if (tags === undefined && addTags === undefined && removeTags === undefined) return "{}";
  const patch: Record<string, 1 | null> = {};
  for (const tag of tags ?? []) patch[tag] = 1;
  for (const tag of removeTags ?? []) patch[tag] = null;
  for (const tag of addTags ?? []) patch[tag] = 1;
  return JSON.stringify(patch);
}
