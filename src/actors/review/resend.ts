import { RuntimeError } from "../../core/errors.ts";
import type { Campaign } from "../../persistence/ports/campaign.ts";
import type { ItemResult, Provider, ProviderItem } from "../../providers/provider.ts";
import { ledgerName } from "../master/messages.ts";
import { itemId, outcomeOf, type PageStory } from "./outcomes.ts";
import { rendererOfVersion } from "./rendering.ts";
import type { ReviewDeps } from "./state.ts";

/** How long a batch that is sent by hand may take until it is handed off, in milliseconds. */
const HAND_OFF_MS = 30_000;

interface Resending {
  readonly deps: ReviewDeps;
  readonly campaign: Campaign;
  readonly story: PageStory;
  readonly indices: readonly number[];
  readonly signal: AbortSignal;
}

/** Which of them the provider took, and which it will never take; the rest is still unknown. */
export interface Resent {
  readonly delivered: readonly number[];
  readonly refused: readonly number[];
}

/**
 * Sends to recipients again, under the ids that they had, with the version that they were sent.
 *
 * @throws RuntimeError `provider.unknown`.
 */
export async function resend(it: Resending): Promise<Resent> {
  const { campaign, deps } = it;
  const provider = deps.providers.get(campaign.provider);
  if (provider === undefined) {
    throw new RuntimeError("provider.unknown", `there is no provider ${campaign.provider}`);
  }
  const delivered: number[] = [];
  const refused: number[] = [];
  const { maxBatch } = provider.capabilities;
  for (let start = 0; start < it.indices.length; start += maxBatch) {
    const indices = it.indices.slice(start, start + maxBatch);
    const results = await sendAgain(it, provider, indices);
    for (const [at, index] of indices.entries()) {
      const status = results[at]?.status;
      // What is handed over is settled in the provider's own ledger, which the run's looks into.
      if (status === "ok") delivered.push(index);
      if (status === "refused" || status === "invalid") refused.push(index);
    }
  }
  return { delivered, refused };
}

async function sendAgain(
  { deps, campaign, story, signal }: Resending,
  provider: Provider,
  indices: readonly number[],
): Promise<readonly ItemResult[]> {
  const items: ProviderItem[] = [];
  const results: ItemResult[] = indices.map(() => ({ status: "unknown" }));
  const sent: number[] = [];
  const expiresAt = deps.clock.now() + campaign.ttlMs;
  for (const [at, index] of indices.entries()) {
    const recipient = story.page.recipients[index]!;
    const { version } = outcomeOf(story, index);
    const render = await rendererOfVersion(deps, campaign, version);
    const { rendered } = render(recipient);
    if (rendered?.ok !== true) continue;
    const { member } = recipient;
    const { topic, ack } = campaign;
    const id = itemId(story.key, index);
    items.push({ id, member, topic, payload: rendered.text, ack, expiresAt });
    sent.push(at);
  }
  const deadline = deps.clock.monotonic() + HAND_OFF_MS;
  const fence = story.state?.fence ?? 0;
  const options = { ledger: ledgerName(campaign), deadline, fence, signal };
  const answers = await provider.sendBatch(items, options).catch(() => []);
  for (const [n, at] of sent.entries()) results[at] = answers[n] ?? { status: "unknown" };
  return results;
}
