import { RuntimeError } from "../../core/errors.ts";
import { isFinal } from "../../core/task.ts";
import type { PageOf, PageRequest } from "../../persistence/ports/audience.ts";
import type { Campaign } from "../../persistence/ports/campaign.ts";
import type { UnknownRecipient } from "./messages.ts";
import { outcomeOf, type PageStory, readStory } from "./outcomes.ts";
import { remediesFor } from "./remedies.ts";
import { mustReadCampaign, type Request, type ReviewDeps } from "./state.ts";

/** A page of a run, and the recipients in it who may or may not have got their message. */
export interface UnknownOfPage {
  readonly story: PageStory;
  readonly indices: readonly number[];
  /** In a window that a run which is over has left open: nobody can settle them any more. */
  readonly abandoned: readonly number[];
  /** Where `pageStates` goes on after this page; undefined at the end. */
  readonly next: string | undefined;
}

/** The pages that have unknown recipients, one at a time, from a cursor on. */
export async function* unknownPages(
  deps: ReviewDeps,
  campaign: Campaign,
  from: string | undefined,
): AsyncGenerator<UnknownOfPage> {
  const isOver = isFinal(campaign.state);
  for (let after = from; ; ) {
    // What a run that is over has left open counts as unknown, too, and is not marked as such.
    const request = { after, limit: 1, ...(isOver ? {} : { unknown: true }) };
    const found = await deps.campaigns.pageStates(campaign.id, campaign.epoch, request);
    for (const state of found.items) {
      const { partition, k, counts, done, intent } = state;
      if (counts.unknown === 0 && (!isOver || done === intent)) continue;
      const page = await deps.audiences.page(campaign.audience, { partition, k });
      if (page === undefined) continue;
      const story = await readStory(deps, campaign, { page, epoch: campaign.epoch });
      const abandoned = isOver ? range(done, intent) : [];
      yield { story, indices: unknownIn(story), abandoned, next: found.next };
    }
    after = found.next;
    if (after === undefined) return;
  }
}

function unknownIn({ exceptions }: PageStory): number[] {
  return exceptions
    .filter(({ status }) => status === "unknown")
    .flatMap(({ from, to }) => range(from, to));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, n) => from + n);
}

/**
 * Those who may or may not have got it, in page order, with what can be done about each.
 *
 * @throws RuntimeError `store.cursor`.
 */
export async function listUnknown(
  { id, request }: Request<"list-unknown">,
  deps: ReviewDeps,
): Promise<PageOf<UnknownRecipient>> {
  const campaign = await mustReadCampaign(deps, id);
  const { after, skip } = cursorOf(request);
  const items: UnknownRecipient[] = [];
  let pageCursor = after;
  let left = skip;
  for await (const { story, indices, abandoned, next } of unknownPages(deps, campaign, after)) {
    for (const [at, index] of [...indices, ...abandoned].entries()) {
      if (at < left) continue;
      if (items.length === request.limit) {
        return { items, next: `${at}:${pageCursor ?? ""}` };
      }
      const outcome = outcomeOf(story, index);
      items.push({ ...outcome, can: remediesFor(outcome.state, campaign, deps.providers) });
    }
    pageCursor = next;
    left = 0;
  }
  return { items, next: undefined };
}

/** A cursor is how many of a page were given, and the store's own cursor before that page. */
function cursorOf({ after }: PageRequest): { after: string | undefined; skip: number } {
  if (after === undefined) return { after: undefined, skip: 0 };
  const [, skip, cursor] = /^(\d{1,6}):(.*)$/.exec(after) ?? [];
  if (skip === undefined) {
    throw new RuntimeError("store.cursor", "this is not a cursor of the unknown");
  }
  return { after: cursor === "" ? undefined : cursor, skip: Number(skip) };
}
