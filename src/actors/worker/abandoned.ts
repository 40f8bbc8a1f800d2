import { noCounts } from "../../core/send-counts.ts";
import { compileMessage } from "../../core/variants.ts";
import type { OpenPage, PageState } from "../../persistence/ports/campaign.ts";
import { settleLost } from "./items.ts";
import type { SettleAbandoned } from "./messages.ts";
import type { Cause, Settled } from "./results.ts";
import type { WorkerDeps } from "./state.ts";

/** Pages looked at in one go. */
const PAGES = 64;

const ABANDONED: Cause = {
  status: "unknown",
  rule: "stopped",
  reason: "its run was over before it was known whether it went",
};

type Deps = Pick<WorkerDeps, "campaigns" | "audiences" | "clock">;
type Run = Parameters<SettleAbandoned>[0];

/**
 * Settles what a run that is over has left in doubt: nobody will send it any more, so it is
 * `unknown`. A crash in the middle loses nothing: what is still in doubt is found the next time.
 */
export function abandonedPages(deps: Deps): SettleAbandoned {
  const { campaigns, clock } = deps;
  return async (campaign, owner) => {
    const { id, epoch } = campaign;
    for (;;) {
      const pages = await campaigns.interrupted(id, epoch, {
        limit: PAGES,
        owner,
        now: clock.now(),
      });
      let settled = 0;
      for (const page of pages) {
        if (await settlePage(deps, campaign, { page, owner })) settled += 1;
      }
      if (pages.length < PAGES || settled === 0) return;
    }
  };
}

async function settlePage(
  { campaigns, audiences, clock }: Deps,
  campaign: Run,
  { page: { partition, k }, owner }: { readonly page: OpenPage; readonly owner: string },
): Promise<boolean> {
  const key = { campaign: campaign.id, epoch: campaign.epoch, partition, k };
  const state = await campaigns.seize(key, { owner, now: clock.now() });
  if (state === undefined) return false;
  const page = await audiences.page(campaign.audience, { partition, k });
  const recipients = page?.recipients.length === state.size ? page.recipients : undefined;
  const { fence, intent } = state;
  const { counts, arms, exceptions } = settledOf(campaign, state, recipients);
  const step = { fence, done: intent, intent, counts, arms, exceptions, leaseUntil: 0 };
  await campaigns.advance({ ...key, ...step });
  return true;
}

function settledOf(
  campaign: Run,
  { done: from, intent: to }: PageState,
  recipients: Parameters<typeof settleLost>[0]["recipients"] | undefined,
): Settled {
  const message = compileMessage(campaign);
  if (recipients !== undefined && message.ok) {
    const source = { campaign, message: message.value, recipients };
    return settleLost(source, { from, to, cause: ABANDONED });
  }
  // Its audience is another one by now, or gone.
  const counts = { ...noCounts, unknown: to - from };
  return { counts, arms: {}, exceptions: [{ from, to, ...ABANDONED }] };
}
