import { openingOf } from "../../core/schedule.ts";
import { compileMessage } from "../../core/variants.ts";
import type { Recipient } from "../../persistence/ports/audience.ts";
import type {
  Campaign,
  PageException,
  PageKey,
  PageState,
} from "../../persistence/ports/campaign.ts";
import type { ProviderMessage } from "../../persistence/ports/receipts.ts";
import { readBlocked } from "./blocked.ts";
import { armsOf } from "./items.ts";
import type { ResendWindow, Resent } from "./messages.ts";
import { planWindow, takeUp } from "./page-run.ts";
import { type Cause, nothingSettled } from "./results.ts";
import { type Attempt, sendWindow } from "./send-window.ts";
import type { WorkerDeps } from "./state.ts";

/** How long a window that is sent again may take until it is handed off, in milliseconds. */
const HAND_OFF_MS = 30_000;

/** Some recipients of one page who are unknown, and everything that their message is made of. */
interface Again {
  readonly campaign: Campaign;
  readonly key: PageKey;
  readonly state: PageState;
  readonly recipients: readonly Recipient[];
  readonly indices: readonly number[];
}

/**
 * Sends a window again to those of it who are still unknown, as a worker does: under the ids that
 * they had, with the version that they were sent, within caps and quiet hours.
 *
 * They stay unknown until the answer is journalled, so a crash leaves them what they were.
 */
export function resender(deps: WorkerDeps): ResendWindow {
  return async ({ campaign, page: { partition, k }, indices }, signal) => {
    const key = { campaign: campaign.id, epoch: campaign.epoch, partition, k };
    const [content, state, exceptions] = await Promise.all([
      deps.audiences.page(campaign.audience, { partition, k }),
      deps.campaigns.pageState(key),
      deps.campaigns.exceptions(key),
    ]);
    const open = indices.filter((index) => isUnknown(exceptions, index));
    const nothing = { delivered: 0, refused: 0, unknown: open.length, named: [] };
    if (content === undefined || state === undefined || open.length === 0) return nothing;
    const now = deps.clock.now();
    if (openingOf(campaign, content.zone ?? "", now).opensAt > now) return nothing;
    let sum: Resent = { ...nothing, unknown: 0 };
    for (const [version, some] of byVersion(state, open)) {
      const asSent = { ...(await atVersion(deps, campaign, version)), id: campaign.id };
      const { recipients } = content;
      const again = { campaign: asSent, key, state, recipients, indices: some };
      sum = add(sum, await sendAgain(deps, again, signal));
    }
    return sum;
  };
}

function isUnknown(exceptions: readonly PageException[], index: number): boolean {
  return exceptions.some(
    ({ status, from, to }) => status === "unknown" && from <= index && index < to,
  );
}

function byVersion({ versions }: PageState, indices: readonly number[]): Map<number, number[]> {
  return Map.groupBy(indices, (index) => {
    return versions.findLast(({ from }) => from <= index)?.version ?? 0;
  });
}

/** The campaign as it was in an earlier version; one that is not known is as it is now. */
async function atVersion(
  { campaigns }: WorkerDeps,
  campaign: Campaign,
  version: number,
): Promise<Campaign> {
  if (version === campaign.version) return campaign;
  const request = { after: String(version - 1), limit: 1 };
  const [found] = (await campaigns.versions(campaign.id, request)).items;
  return found?.version === version ? { ...campaign, ...found.spec } : campaign;
}

async function sendAgain(deps: WorkerDeps, again: Again, signal: AbortSignal): Promise<Resent> {
  const { campaign, state, recipients, indices } = again;
  const provider = deps.providers.get(campaign.provider);
  const message = compileMessage(campaign);
  const unknown = indices.length;
  if (provider === undefined || !message.ok) {
    return { delivered: 0, refused: 0, unknown, named: [] };
  }
  const { clock, receipts, campaigns: caps } = deps;
  const deadline = clock.monotonic() + HAND_OFF_MS;
  const lost = () => nothingSettled;
  const settled = { ...state, done: 0, intent: 0 };
  const taken = { zone: "", recipients, guarantee: campaign.guarantee, deadline, resendAt: 0 };
  // They may have gone before: nothing is taken back of what was counted for them.
  const run = { ...takeUp(settled, { ...taken, lost }), doubtUntil: state.size };
  const window = { ...planWindow(run, state.size).windows[0]!, left: indices };
  const asked = indices.map((index) => recipients[index]!);
  const blocked = await readBlocked(deps.members, asked);
  const job = { provider, clock, campaign, message: message.value, run, window, caps, receipts };
  const attempt = await sendWindow({ ...job, blocked, signal });
  await noteInvalid(deps, campaign, attempt);
  // A provider settles later what it takes, or never does.
  const as = attempt.settled.counts.handed > 0 ? "handed" : "delivered";
  const armAt = armsOf(campaign, message.value, recipients);
  const { delivered, refused } = await settle(deps, again, { attempt, as, armAt });
  const named = attempt.named.map(({ index, message: name }): ProviderMessage => {
    return { provider: provider.name, message: name, item: { ...again.key, index } };
  });
  return { delivered, refused, unknown: unknown - delivered - refused, named };
}

async function noteInvalid(
  { suppressions, clock }: WorkerDeps,
  { provider }: Campaign,
  { invalid }: Attempt,
): Promise<void> {
  if (invalid.length === 0 || suppressions === undefined) return;
  const at = clock.now();
  const entries = invalid.map((it) => ({ ...it, by: `provider:${provider}`, at }));
  // Whoever sends to them next is told again.
  await suppressions.suppress(entries).catch(() => {});
}

interface Settling {
  readonly attempt: Attempt;
  readonly as: "delivered" | "handed";
  readonly armAt: (index: number) => string | undefined;
}

/** Journals what the provider said of each; who is not among them stays unknown. */
async function settle(
  { campaigns }: WorkerDeps,
  { key, indices }: Again,
  { attempt, as, armAt }: Settling,
): Promise<{ readonly delivered: number; readonly refused: number }> {
  const { retry, throttled, doubtful, lost, settled } = attempt;
  const open = new Set([...retry, ...throttled, ...[...doubtful, ...lost].map((it) => it.index)]);
  const counts = { delivered: 0, refused: 0 };
  const mark = async (
    some: readonly number[],
    to: Settling["as"] | "refused",
    { rule, reason }: Pick<Cause, "rule" | "reason">,
  ): Promise<void> => {
    for (const [arm, ofArm] of Map.groupBy(some, armAt)) {
      const done = await campaigns.resolve(key, { indices: ofArm, as: to, arm, rule, reason });
      counts[to === "refused" ? "refused" : "delivered"] += done.length;
    }
  };
  const excepted = new Set<number>();
  for (const { from, to, ...cause } of settled.exceptions) {
    const some = indices.filter((index) => from <= index && index < to);
    for (const index of some) excepted.add(index);
    await mark(some, "refused", cause);
  }
  const went = indices.filter((index) => !open.has(index) && !excepted.has(index));
  await mark(went, as, { rule: "resent", reason: "sent again" });
  return counts;
}

function add(a: Resent, b: Resent): Resent {
  return {
    delivered: a.delivered + b.delivered,
    refused: a.refused + b.refused,
    unknown: a.unknown + b.unknown,
    named: [...a.named, ...b.named],
  };
}
