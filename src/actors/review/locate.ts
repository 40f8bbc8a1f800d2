import { partitionOf } from "../../core/hash.ts";
import { compareText } from "../../core/text-order.ts";
import type { Audience, AudienceStore, Page, PageId } from "../../persistence/ports/audience.ts";

/** A recipient's place in a frozen audience. */
export interface Place {
  readonly page: Page;
  readonly index: number;
}

type Pages = Pick<AudienceStore, "page">;

/**
 * Finds a member in a frozen audience: their partition follows from their id, and its pages are
 * sorted, so that a few of them are read. Who is not found so is looked for in all pages of the
 * partition, since those of an audience with time zones are sorted by zone first.
 */
export async function locate(
  audiences: Pages,
  audience: Audience,
  member: string,
): Promise<Place | undefined> {
  const partition = partitionOf(member, Math.max(1, audience.partitions));
  const searched = await search(audiences, audience.id, { partition, member });
  if (searched !== undefined) return searched;
  for (let k = 0; ; k += 1) {
    const page = await audiences.page(audience.id, { partition, k });
    if (page === undefined) return undefined;
    const found = placeIn(page, member);
    if (found !== undefined) return found;
  }
}

/** Doubles its steps until a page begins after the member, then halves the range. */
async function search(
  audiences: Pages,
  id: string,
  { partition, member }: { readonly partition: number; readonly member: string },
): Promise<Place | undefined> {
  const read = (k: number) => audiences.page(id, { partition, k });
  let low = 0;
  let high = 1;
  for (;;) {
    const page = await read(high);
    if (page === undefined || beginsAfter(page, member)) break;
    low = high;
    high *= 2;
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const page = await read(middle);
    if (page === undefined || beginsAfter(page, member)) high = middle;
    else low = middle;
  }
  const page = await read(low);
  return page && placeIn(page, member);
}

function beginsAfter({ recipients }: Page, member: string): boolean {
  const [first] = recipients;
  return first !== undefined && compareText(first.member, member) > 0;
}

function placeIn(page: Page, member: string): Place | undefined {
  const index = page.recipients.findIndex((it) => it.member === member);
  return index < 0 ? undefined : { page, index };
}

/** The page after this one, in page order; undefined after the last. */
export async function pageAfter(
  audiences: Pages,
  audience: Audience,
  after: PageId | undefined,
): Promise<Page | undefined> {
  let partition = after?.partition ?? 0;
  let k = after === undefined ? 0 : after.k + 1;
  for (; partition < audience.partitions; partition += 1, k = 0) {
    const page = await audiences.page(audience.id, { partition, k });
    if (page !== undefined) return page;
  }
  return undefined;
}
