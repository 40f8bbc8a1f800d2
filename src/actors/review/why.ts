import { isFinal } from "../../core/task.ts";
import type { Campaign } from "../../persistence/ports/campaign.ts";
import type { Receipt } from "../../persistence/ports/receipts.ts";
import { locate } from "./locate.ts";
import type { Outcome, RecipientState, Why } from "./messages.ts";
import { itemId, itemRef, outcomeOf, type PageStory, readStory } from "./outcomes.ts";
import { remediesFor } from "./remedies.ts";
import { mustReadAudience, mustReadCampaign, type Request, type ReviewDeps } from "./state.ts";

/** Says why somebody did or did not get a campaign's message, from the journal and beyond. */
export async function askWhy(
  { id, member, epoch: wanted }: Request<"ask-why">,
  deps: ReviewDeps,
): Promise<Why> {
  const campaign = await mustReadCampaign(deps, id);
  const audience = await mustReadAudience(deps, campaign);
  const epoch = wanted ?? campaign.epoch;
  const about = { campaign: id, epoch, member };
  const place = await locate(deps.audiences, audience, member);
  if (place === undefined) {
    const { optedOut, suppressed } = await deps.members.blocked([member]);
    const out = optedOut.length > 0 ? "; they opted out" : "";
    const barred = suppressed.length > 0 ? "; they are suppressed" : "";
    const missing = `${member} is not in the audience ${audience.name} (${audience.id})`;
    const answer = `${missing}${out}${barred}`;
    return { ...about, inAudience: false, answer, receipts: [], can: [] };
  }
  const story = await readStory(deps, campaign, { page: place.page, epoch });
  const { index } = place;
  const outcome = outcomeOf(story, index);
  const [inbox, receipts] = await Promise.all([
    inboxState(deps, story, index),
    deps.receipts.ofItem(itemRef(story.key, index)),
  ]);
  const isPresent = epoch === campaign.epoch;
  const { done = 0, intent = 0 } = story.state ?? {};
  return {
    ...about,
    inAudience: true,
    answer: inWords({ campaign, epoch, outcome, inbox, receipts }),
    outcome,
    page: { size: place.page.recipients.length, done, intent },
    ...(inbox === undefined ? {} : { inbox }),
    receipts,
    can: isPresent ? remediesFor(outcome.state, campaign, deps.providers) : [],
  };
}

async function inboxState(
  deps: ReviewDeps,
  story: PageStory,
  index: number,
): Promise<Why["inbox"]> {
  if (story.settledAs !== "handed") return undefined;
  const fate = await deps.inbox.fate(itemId(story.key, index));
  if (fate === undefined) return undefined;
  const { outcome: state, at } = fate.settled ?? { outcome: "pending", at: 0 };
  return { state, at };
}

interface Facts {
  readonly campaign: Campaign;
  readonly epoch: number;
  readonly outcome: Outcome;
  readonly inbox: Why["inbox"];
  readonly receipts: readonly Receipt[];
}

function inWords(facts: Facts): string {
  const { campaign, epoch, outcome, inbox, receipts } = facts;
  const { member } = outcome;
  if (epoch === 0) return `nothing was sent to ${member}: the campaign has never been started`;
  const sent = `${member} ${WORDS[outcome.state](outcome, campaign)}`;
  const waits = inbox === undefined ? [] : [inboxWords(inbox)];
  const told = receipts.map(({ provider, status, reason }) =>
    reason === "" ? `${provider} says: ${status}` : `${provider} says: ${status}, ${reason}`,
  );
  return [sent, ...waits, ...told].join("; ");
}

const WORDS: Readonly<Record<RecipientState, (it: Outcome, campaign: Campaign) => string>> = {
  untouched: (_, { state, why }) =>
    isFinal(state)
      ? `was not reached: the run is over (${state}: ${why})`
      : `is not reached yet: the campaign is ${state} (${why})`,
  "in-doubt": (_, { state }) =>
    isFinal(state) || state === "pause"
      ? "is in a window whose worker died: it may have gone"
      : "is in a window that is on its way",
  delivered: (_, { provider }) => `got it: ${provider} confirmed it`,
  handed: (_, { provider }) => `was handed to ${provider}, which settles it by itself`,
  held: () => "is in the control group, which gets nothing",
  refused: ({ rule, reason }) => `was given up by ${rule}: ${reason}`,
  invalid: ({ reason }) => `has an address that the provider calls bad: ${reason}`,
  unknown: ({ rule, reason }) => `may have got it: in doubt since ${rule} (${reason})`,
  capped: ({ reason }) => `had enough messages: ${reason}`,
  skipped: ({ rule, reason }) => `was left out by ${rule}: ${reason}`,
};

function inboxWords({ state, at }: NonNullable<Why["inbox"]>): string {
  if (state === "pending") return "in their inbox it waits for a device";
  const when = new Date(at).toISOString();
  const ended: Readonly<Record<string, string>> = {
    acked: "their device confirmed it",
    delivered: "it was written to their device",
    expired: "it expired in their inbox",
    shed: "their inbox was full, and it was the oldest",
    unknown: "it was written to a device that did not answer",
  };
  return `${ended[state] ?? state} (${when})`;
}
