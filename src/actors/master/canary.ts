import type { CampaignStore, Canary, RunTotals } from "../../persistence/ports/campaign.ts";
import type { Campaign } from "./messages.ts";
import type { CanaryVerdict, Listed } from "./state.ts";

/**
 * The next pages of a campaign whose first pages go alone: as many as there are workers, so that
 * each round can be judged before the next one.
 */
export async function listCanary(
  campaigns: CampaignStore,
  campaign: Campaign & { readonly canary: Canary },
  { zones, failed }: { readonly zones: readonly string[] | undefined; readonly failed: number },
): Promise<Listed> {
  const { id, epoch, canary, workers } = campaign;
  const totals = await campaigns.totals(id, epoch);
  const verdict = judgeCanary(canary, totals, failed);
  if (verdict !== undefined) return { items: [], next: undefined, canary: verdict };
  const left = canary.pages - totals.pagesDone;
  const limit = Math.min(left, workers);
  const { items } = await campaigns.openPages(id, epoch, { limit, zones });
  return { items, next: undefined };
}

/**
 * What the pages so far say; undefined while there are too few of them to say it is well.
 *
 * `failed` counts attempts that failed, which the totals do not show once a later one went well.
 */
export function judgeCanary(
  canary: Canary,
  totals: RunTotals,
  failed: number,
): CanaryVerdict | undefined {
  const { delivered, handed, shed, unknown, invalid } = totals.counts;
  const tried = delivered + handed + shed + unknown + invalid;
  const shareOf = (count: number): number => (tried === 0 ? 0 : count / tried);
  const errors = Math.min(1, shareOf(Math.max(unknown, failed)));
  const refusals = shareOf(shed + invalid);
  const wrong = `${inPercent(errors)} unknown or failed, ${inPercent(refusals)} refused`;
  const said = `of ${tried} messages ${wrong}`;
  const { errorRateMax, refusalRateMax } = canary;
  if (errors > errorRateMax || refusals > refusalRateMax) {
    const limits = `at most ${inPercent(errorRateMax)} and ${inPercent(refusalRateMax)}`;
    return { passed: false, why: `the canary halted: ${said} (${limits})` };
  }
  if (totals.pagesDone < Math.min(canary.pages, totals.pages)) return undefined;
  return { passed: true, why: `the canary passed: ${said}` };
}

function inPercent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`;
}
