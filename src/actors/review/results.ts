import { RuntimeError } from "../../core/errors.ts";
import type { PageId, PageOf } from "../../persistence/ports/audience.ts";
import { pageAfter } from "./locate.ts";
import type { Outcome } from "./messages.ts";
import { outcomeOf, readStory } from "./outcomes.ts";
import { mustReadAudience, mustReadCampaign, type Request, type ReviewDeps } from "./state.ts";

const CURSOR = /^(\d{1,9})\/(\d{1,9})$/;

/**
 * What became of the recipients of one page; the pages follow each other in page order.
 *
 * @throws RuntimeError `store.cursor`.
 */
export async function readResults(
  { id, after }: Request<"read-results">,
  deps: ReviewDeps,
): Promise<PageOf<Outcome>> {
  const campaign = await mustReadCampaign(deps, id);
  const audience = await mustReadAudience(deps, campaign);
  const page = await pageAfter(deps.audiences, audience, cursorOf(after));
  if (page === undefined) return { items: [], next: undefined };
  const story = await readStory(deps, campaign, { page, epoch: campaign.epoch });
  const items = page.recipients.map((_, index) => outcomeOf(story, index));
  return { items, next: `${page.partition}/${page.k}` };
}

function cursorOf(text: string | undefined): PageId | undefined {
  if (text === undefined) return undefined;
  const [, partition, k] = CURSOR.exec(text) ?? [];
  if (partition !== undefined) return { partition: Number(partition), k: Number(k) };
  throw new RuntimeError("store.cursor", "this is not a cursor of the results");
}
