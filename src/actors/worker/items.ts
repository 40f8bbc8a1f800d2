import type { Message } from "../../core/variants.ts";
import type { Recipient } from "../../persistence/ports/audience.ts";
import type { Campaign } from "../../persistence/ports/campaign.ts";
import type { ProviderItem } from "../../providers/provider.ts";
import type { PageRun } from "./page-run.ts";
import { type ArmAt, type Cause, type Settled, Tally } from "./results.ts";

/** An item, and whose it is. */
export interface Numbered {
  readonly index: number;
  readonly item: ProviderItem;
}

interface Source {
  readonly campaign: Campaign;
  readonly message: Message;
  readonly run: PageRun;
}

/** What building items brought beside them. */
export interface Built {
  readonly items: readonly Numbered[];
  /** Why a recipient gets none; empty when all do, or are in the control group. */
  readonly refusal: string;
}

/** The items for some recipients; who gets none by a rule of the campaign is settled here. */
export function buildItems(
  { campaign, message, run }: Source,
  indices: Iterable<number>,
  now: number,
  tally: Tally,
): Built {
  const { id, topic, ack } = campaign;
  const prefix = itemPrefix(campaign, run);
  const expiresAt = now + campaign.ttlMs;
  const items: Numbered[] = [];
  let refusal = "";
  for (const index of indices) {
    const { member, vars }: Recipient = run.recipients[index]!;
    const { template } = message.choose(id, member, vars);
    if (template === undefined) {
      tally.add("held", index);
      continue;
    }
    const rendered = template(member, vars);
    if (rendered.ok) {
      const payload = rendered.text;
      items.push({ index, item: { id: prefix + index, member, topic, payload, ack, expiresAt } });
    } else {
      const reason = `missing variable ${rendered.missing}`;
      refusal ||= reason;
      tally.add("skipped", index, { status: "skipped", rule: "variable", reason });
    }
  }
  return { items, refusal };
}

/** What the ids of a page's items begin with; the index follows. */
export function itemPrefix(campaign: Pick<Campaign, "id" | "epoch">, run: PageRun): string {
  return `${campaign.id}:${campaign.epoch}:${run.page.partition}/${run.page.k}:`;
}

/** Recipients that a dead worker may have sent to, and that nobody will send to again. */
export function settleLost(
  source: Omit<Source, "run"> & { readonly recipients: readonly Recipient[] },
  { from, to, cause }: { readonly from: number; readonly to: number; readonly cause: Cause },
): Settled {
  const { campaign, message, recipients } = source;
  const tally = new Tally(armsOf(campaign, message, recipients));
  for (let index = from; index < to; index += 1) {
    const { member, vars } = recipients[index]!;
    const { template } = message.choose(campaign.id, member, vars);
    const rendered = template?.(member, vars);
    if (rendered === undefined) tally.add("held", index);
    else if (rendered.ok) tally.add("unknown", index, cause);
    else {
      const reason = `missing variable ${rendered.missing}`;
      tally.add("skipped", index, { status: "skipped", rule: "variable", reason });
    }
  }
  return tally.settled;
}

/** Why a recipient is unknown whose worker died, when nobody may be sent to twice. */
export const LOST: Cause = {
  status: "unknown",
  rule: "crash",
  reason: "its worker died while it was on its way",
};

/** Which arm each recipient of a page counts in. */
export function armsOf(
  campaign: Campaign,
  message: Message,
  recipients: readonly Recipient[],
): ArmAt {
  const { id, arms = [], controlPercent = 0 } = campaign;
  if (arms.length === 0 && controlPercent === 0) return () => undefined;
  return (index) => {
    const { member, vars } = recipients[index]!;
    return message.choose(id, member, vars).arm;
  };
}
