import { itemRefOf } from "../../core/receipt.ts";
import { armOf, CONTROL } from "../../core/variants.ts";
import type { Page } from "../../persistence/ports/audience.ts";
import type {
  Campaign,
  PageException,
  PageKey,
  PageState,
} from "../../persistence/ports/campaign.ts";
import type { PageReceipt } from "../../persistence/ports/receipts.ts";
import type { Outcome, RecipientState } from "./messages.ts";
import type { ReviewDeps } from "./state.ts";

/** A page of a run with everything that is known of its recipients. */
export interface PageStory {
  readonly key: PageKey;
  readonly page: Page;
  /** Undefined when nobody has claimed it in this run. */
  readonly state: PageState | undefined;
  readonly exceptions: readonly PageException[];
  readonly receipts: ReadonlyMap<number, PageReceipt>;
  /** What is neither excepted nor held was handed over, or is done. */
  readonly settledAs: "delivered" | "handed";
  readonly armOf: (member: string) => string;
}

/** Reads what the journal and the provider's receipts say of a page. */
export async function readStory(
  deps: ReviewDeps,
  campaign: Campaign,
  { page, epoch }: { readonly page: Page; readonly epoch: number },
): Promise<PageStory> {
  const { partition, k } = page;
  const key: PageKey = { campaign: campaign.id, epoch, partition, k };
  const [state, exceptions, receipts] = await Promise.all([
    deps.campaigns.pageState(key),
    deps.campaigns.exceptions(key),
    deps.receipts.ofPage(campaign.provider, key),
  ]);
  const settlesLater = deps.providers.get(campaign.provider)?.ledger !== undefined;
  return {
    key,
    page,
    state,
    exceptions,
    receipts: new Map(receipts.map((receipt) => [receipt.index, receipt])),
    settledAs: settlesLater ? "handed" : "delivered",
    armOf: (member) => armOf(campaign, campaign.id, member),
  };
}

/** What became of one recipient of a page. */
export function outcomeOf(story: PageStory, index: number): Outcome {
  const { page, key, state, receipts } = story;
  const { member } = page.recipients[index]!;
  const arm = story.armOf(member);
  const exception = story.exceptions.find(({ from, to }) => from <= index && index < to);
  const stands = stateOf(story, index, arm);
  return {
    member,
    page: `${key.partition}/${key.k}`,
    index,
    arm,
    version: stands === "untouched" ? 0 : versionAt(state, index),
    state: exception?.status ?? stands,
    rule: exception?.rule ?? (stands === "held" ? "control" : ""),
    reason: exception?.reason ?? "",
    providerId: exception?.providerId ?? "",
    receipt: receipts.get(index)?.status ?? "",
  };
}

function stateOf({ state, settledAs }: PageStory, index: number, arm: string): RecipientState {
  if (state === undefined || index >= state.intent) return "untouched";
  if (index >= state.done) return "in-doubt";
  return arm === CONTROL ? "held" : settledAs;
}

function versionAt(state: PageState | undefined, index: number): number {
  return state?.versions.findLast(({ from }) => from <= index)?.version ?? 0;
}

/** The id under which an item goes to its provider. */
export function itemId({ campaign, epoch, partition, k }: PageKey, index: number): string {
  return `${campaign}:${epoch}:${partition}/${k}:${index}`;
}

export function itemRef(key: PageKey, index: number) {
  return itemRefOf(itemId(key, index))!;
}
