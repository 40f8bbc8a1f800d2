import { armOf } from "../../core/variants.ts";
import type { AudienceStore } from "../../persistence/ports/audience.ts";
import type { CampaignStore, PageKey } from "../../persistence/ports/campaign.ts";
import type { PageReceipt, ReceiptStore } from "../../persistence/ports/receipts.ts";
import type { Campaign } from "./messages.ts";

/** Pages looked at in one go. */
const PAGES = 8;

interface SettleDeps {
  readonly campaigns: CampaignStore;
  readonly audiences: AudienceStore;
  readonly receipts: Pick<ReceiptStore, "ofPage">;
}

/**
 * Settles recipients that were in doubt, where receipts have come for them since.
 *
 * Looks at a few pages after the cursor `after`; returns the next one, undefined at the end.
 */
export async function settleUnknown(
  deps: SettleDeps,
  campaign: Campaign,
  after: string | undefined,
): Promise<string | undefined> {
  const { id, epoch, provider } = campaign;
  const request = { after, limit: PAGES, unknown: true };
  const { items, next } = await deps.campaigns.pageStates(id, epoch, request);
  for (const { partition, k } of items) {
    const page = { campaign: id, epoch, partition, k };
    const told = await deps.receipts.ofPage(provider, page);
    if (told.length > 0) await settlePage(deps, campaign, page, told);
  }
  return next;
}

async function settlePage(
  deps: SettleDeps,
  campaign: Campaign,
  page: PageKey,
  told: readonly PageReceipt[],
): Promise<void> {
  const arms = await armsOf(deps, campaign, page);
  const groups = new Map<string, number[]>();
  for (const { index, status } of told) {
    const key = `${status === "failed" ? "refused" : "delivered"} ${arms?.[index] ?? ""}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [index]);
    else group.push(index);
  }
  for (const [key, indices] of groups) {
    const as = key.startsWith("refused") ? "refused" : "delivered";
    const arm = arms === undefined ? undefined : key.slice(as.length + 1);
    const reason = as === "refused" ? "a receipt says that it failed" : "a receipt says so";
    await deps.campaigns.resolve(page, { indices, as, arm, rule: "receipt", reason });
  }
}

/** The arm of each recipient of a page; undefined for a campaign without arms. */
async function armsOf(
  { audiences }: SettleDeps,
  campaign: Campaign,
  page: PageKey,
): Promise<readonly string[] | undefined> {
  const { arms = [], controlPercent = 0, id } = campaign;
  if (arms.length === 0 && controlPercent === 0) return undefined;
  const content = await audiences.page(campaign.audience, page);
  return content?.recipients.map(({ member }) => armOf(campaign, id, member)) ?? [];
}
