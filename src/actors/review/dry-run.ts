import { RuntimeError } from "../../core/errors.ts";
import { price } from "../../core/price.ts";
import { openingOf } from "../../core/schedule.ts";
import { CONTROL, templateHash } from "../../core/variants.ts";
import type { Audience, Page, Recipient } from "../../persistence/ports/audience.ts";
import type { Campaign, Certificate } from "../../persistence/ports/campaign.ts";
import type { ProviderItem } from "../../providers/provider.ts";
import { type DryFate, DryTally } from "./dry-counts.ts";
import { paceOf } from "./dry-pace.ts";
import { pageAfter } from "./locate.ts";
import type { DryRun, Sample } from "./messages.ts";
import { type Render, rendererOf, type Variation } from "./rendering.ts";
import { mustReadAudience, mustReadCampaign, type Request, type ReviewDeps } from "./state.ts";

const SAMPLES_PER_VARIANT = 2;
const SAMPLES_MAX = 20;
const MISSING_MAX = 10;
const LEDGER = "dry-run";

/** One dry run under way; changed in place. */
interface Running {
  readonly deps: ReviewDeps;
  readonly campaign: Campaign;
  readonly render: Render;
  readonly tally: DryTally;
  /** Who would get it, by time zone. */
  readonly toSend: Map<string, number>;
  readonly samples: Sample[];
  readonly sampled: Map<string, number>;
  readonly missing: { member: string; variable: string }[];
  readonly now: number;
  readonly signal: AbortSignal;
}

/**
 * Sends every page through a provider that sends nothing: the same recipients, variants and rules
 * as a start now, without a trace in the journal. Keeps a certificate of what it has seen.
 *
 * @throws RuntimeError `campaign.unknown`, `audience.not-ready`.
 */
export async function dryRun(
  { id, by }: Request<"dry-run">,
  deps: ReviewDeps,
  signal: AbortSignal,
): Promise<DryRun> {
  const campaign = await mustReadCampaign(deps, id);
  const audience = await mustReadAudience(deps, campaign);
  if (audience.state !== "finished") {
    const message = `audience ${audience.id} is ${audience.state}, not finished`;
    throw new RuntimeError("audience.not-ready", message);
  }
  const run: Running = {
    ...{ deps, campaign, signal, now: deps.clock.now(), render: rendererOf(campaign, id) },
    ...{ tally: new DryTally(), toSend: new Map(), samples: [], sampled: new Map(), missing: [] },
  };
  for (let page = await pageAfter(deps.audiences, audience, undefined); page !== undefined; ) {
    signal.throwIfAborted();
    // The next page is on its way while this one is written.
    const [next] = await Promise.all([
      pageAfter(deps.audiences, audience, page),
      tryPage(run, page),
    ]);
    page = next;
  }
  const { tally, samples, missing } = run;
  const provider = deps.providers.get(campaign.provider);
  return {
    campaign: id,
    counts: tally.all,
    arms: tally.arms,
    locales: tally.locales,
    ...paceOf(campaign, provider, run.toSend, run.now),
    samples,
    missing,
    price: price(campaign),
    certificate: await certify(run, audience, by),
  };
}

async function certify(
  { deps, campaign, now: at }: Running,
  { hash: audienceHash }: Audience,
  by: string,
): Promise<Certificate> {
  const certificate: Certificate = {
    id: deps.newId("dry"),
    campaign: campaign.id,
    audienceHash,
    templateHash: templateHash(campaign),
    at,
    by,
  };
  await deps.campaigns.certify(certificate);
  return certificate;
}

async function tryPage(run: Running, page: Page): Promise<void> {
  const { campaign, deps, signal } = run;
  const zone = page.zone ?? "";
  const isLate = lateIn(run, zone);
  const isCapped = await cappedIn(run, page);
  const blocked = await blockedIn(deps, page);
  const items: ProviderItem[] = [];
  for (const [index, recipient] of page.recipients.entries()) {
    const variation = run.render(recipient);
    const isOut = { capped: isCapped[index] === true, blocked: blocked.has(recipient.member) };
    const fate = isLate ? "late" : fateOf(variation, isOut);
    run.tally.add(fate, variation);
    if (fate === "missingVariable") noteMissing(run, recipient, variation);
    if (fate !== "sent" || variation.rendered?.ok !== true) continue;
    const { member } = recipient;
    const { topic, ack } = campaign;
    const payload = variation.rendered.text;
    noteSample(run, { member, arm: variation.arm, locale: variation.locale, payload });
    items.push({ id: `${LEDGER}:${member}`, member, topic, payload, ack, expiresAt: run.now });
  }
  run.toSend.set(zone, (run.toSend.get(zone) ?? 0) + items.length);
  const deadline = Number.POSITIVE_INFINITY;
  await deps.simulated.sendBatch(items, { ledger: LEDGER, deadline, fence: 0, signal });
}

interface Out {
  readonly capped: boolean;
  readonly blocked: boolean;
}

function fateOf({ arm, rendered }: Variation, { capped, blocked }: Out): DryFate {
  if (arm === CONTROL || rendered === undefined) return "held";
  if (!rendered.ok) return "missingVariable";
  if (blocked) return "blocked";
  return capped ? "capped" : "sent";
}

async function blockedIn({ members }: ReviewDeps, page: Page): Promise<ReadonlySet<string>> {
  const { optedOut, suppressed } = await members.blocked(page.recipients.map((it) => it.member));
  return new Set([...optedOut, ...suppressed]);
}

async function cappedIn({ campaign, deps, now }: Running, page: Page): Promise<readonly boolean[]> {
  const { cap } = campaign;
  if (cap === undefined) return [];
  const members = page.recipients.map(({ member }) => member);
  return deps.campaigns.overCaps({ members, cap, now });
}

/** Whether what is due in this zone is so long past that it would not go by itself. */
function lateIn({ campaign, now }: Running, zone: string): boolean {
  const { schedule } = campaign;
  if (schedule === undefined) return false;
  return now > openingOf(campaign, zone, now).dueAt + schedule.maxLatenessMs;
}

function noteMissing(run: Running, { member }: Recipient, { rendered }: Variation): void {
  if (run.missing.length >= MISSING_MAX || rendered === undefined || rendered.ok) return;
  run.missing.push({ member, variable: rendered.missing });
}

function noteSample({ samples, sampled }: Running, sample: Sample): void {
  const variant = `${sample.arm} ${sample.locale}`;
  const had = sampled.get(variant) ?? 0;
  if (had >= SAMPLES_PER_VARIANT || samples.length >= SAMPLES_MAX) return;
  sampled.set(variant, had + 1);
  samples.push(sample);
}
