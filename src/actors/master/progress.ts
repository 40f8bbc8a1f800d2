import { emptyLedger, type Ledger, ledgerGap } from "../../core/ledger.ts";
import { holdersMax, windowFor } from "../../core/price.ts";
import type { SendCounts } from "../../core/send-counts.ts";
import { isFinal, isRunning } from "../../core/task.ts";
import type { RunTotals } from "../../persistence/ports/campaign.ts";
import type { Campaign, CampaignProgress } from "./messages.ts";

/** What a campaign's figures are computed from; each comes from its own source. */
export interface Figures {
  /** Recipients of the audience when the run was accepted. */
  readonly accepted: number;
  /** From the page states. */
  readonly totals: RunTotals;
  /** From the provider, for what it settles later. */
  readonly provider: Ledger;
}

/**
 * Where everything of a run ended.
 *
 * Before its first start nothing has been accepted. What the provider knows of and the journal
 * does not (`extra`) is in doubt in the journal only: it left in a window that was under way, or
 * whose worker died. So it is taken from what is under way, then from the unknown, and last from
 * the untouched, because the provider's ledger is read after the journal.
 */
export function runLedger(campaign: Campaign, figures: Figures): Ledger {
  if (campaign.epoch === 0) return emptyLedger;
  const { accepted, totals, provider } = figures;
  const untouched = totals.recipients - totals.settled - totals.inDoubt;
  // Nobody will settle what a run that is over left in doubt.
  const over = isFinal(campaign.state);
  let unknown = totals.counts.unknown + (over ? totals.inDoubt : 0);
  let pending = untouched + (over ? 0 : totals.inDoubt);

  let extra = Math.max(0, provider.accepted - totals.counts.handed);
  const underWay = Math.min(extra, over ? 0 : totals.inDoubt);
  extra -= underWay;
  const known = Math.min(extra, unknown);
  extra -= known;
  unknown -= known;
  pending -= underWay + Math.min(extra, untouched);
  return {
    accepted,
    delivered: totals.counts.delivered + provider.delivered,
    acked: provider.acked,
    expired: provider.expired,
    shed: notSent(totals.counts) + provider.shed,
    unknown: unknown + provider.unknown,
    pending: pending + provider.pending,
  };
}

/** Recipients that got nothing, on purpose or because they were refused. */
function notSent({ shed, invalid, held, capped, skipped }: SendCounts): number {
  return shed + invalid + held + capped + skipped;
}

/** Whether no figure can change any more without a command. */
export function isSettled(campaign: Campaign, figures: Figures): boolean {
  if (isRunning(campaign.state)) return false;
  return figures.provider.pending === 0;
}

/** What only the master knows. */
export interface Live
  extends Pick<
    CampaignProgress,
    "workerStates" | "oldestWindowMs" | "opensAt" | "lateZones" | "provider"
  > {
  readonly rate: number;
  readonly workers: number;
  readonly at: number;
}

export function progressOf(campaign: Campaign, figures: Figures, live: Live): CampaignProgress {
  const ledger = runLedger(campaign, figures);
  const { settled } = figures.totals;
  const left = figures.accepted - settled;
  const etaMs = left === 0 ? 0 : live.rate > 0 ? Math.ceil((left * 1_000) / live.rate) : -1;
  const window = windowFor(campaign.rate, campaign.window);
  return {
    id: campaign.id,
    state: campaign.state,
    why: campaign.why,
    epoch: campaign.epoch,
    collected: figures.accepted,
    sent: settled,
    acked: ledger.acked,
    inInbox: figures.provider.pending,
    rate: Math.round(live.rate),
    etaMs: isRunning(campaign.state) || left === 0 ? etaMs : -1,
    pauseBound: holdersMax(campaign) * campaign.inFlight * window,
    version: campaign.version,
    counts: figures.totals.counts,
    arms: figures.totals.arms,
    workerStates: live.workerStates,
    ...(live.provider === undefined ? {} : { provider: live.provider }),
    oldestWindowMs: live.oldestWindowMs,
    opensAt: live.opensAt,
    ...(live.lateZones === undefined ? {} : { lateZones: live.lateZones }),
    ledger,
    ledgerGap: ledgerGap(ledger),
    workers: live.workers,
    at: live.at,
  };
}
