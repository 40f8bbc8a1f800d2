import { RuntimeError } from "../../core/errors.ts";
import type { Audience } from "../../persistence/ports/audience.ts";
import type { Campaign } from "../../persistence/ports/campaign.ts";
import { locate } from "./locate.ts";
import type { Resolved } from "./messages.ts";
import { outcomeOf, type PageStory, readStory } from "./outcomes.ts";
import { mustReadAudience, mustReadCampaign, type Request, type ReviewDeps } from "./state.ts";
import { unknownPages } from "./unknown.ts";

/** Recipients that one call settles; more are left for the next. */
const SETTLED_MAX = 10_000;

interface Group {
  readonly story: PageStory;
  readonly indices: readonly number[];
}

/**
 * Settles recipients that may or may not have got their message, as an operator says.
 *
 * Whoever is not unknown is left alone and counted as such: repeating it changes nothing.
 *
 * @throws RuntimeError `campaign.unknown`; `member.unknown` for somebody outside the audience.
 */
export async function resolveUnknown(
  request: Request<"resolve-unknown">,
  deps: ReviewDeps,
): Promise<Resolved> {
  const { id, as, members } = request;
  const campaign = await mustReadCampaign(deps, id);
  const audience = await mustReadAudience(deps, campaign);
  const found =
    members === undefined
      ? await everybody(deps, campaign)
      : await named(deps, { campaign, audience, members });
  const { groups, notUnknown, more } = found;
  if (as === "resend") {
    const pages = groups.map(({ story: { key }, indices }) => {
      return { page: { partition: key.partition, k: key.k }, indices };
    });
    return { as, ...(await deps.resend(id, pages)), notUnknown, more };
  }
  const settled = { delivered: 0, refused: 0, unknown: 0 };
  for (const group of groups) {
    const count = await settle({ deps, campaign, request, as }, group);
    settled[as === "delivered" ? "delivered" : "refused"] += count;
    settled.unknown += group.indices.length - count;
  }
  return { as, ...settled, notUnknown, more };
}

interface Found {
  readonly groups: readonly Group[];
  readonly notUnknown: number;
  readonly more: boolean;
}

async function everybody(deps: ReviewDeps, campaign: Campaign): Promise<Found> {
  const groups: Group[] = [];
  let left = SETTLED_MAX;
  for await (const { story, indices } of unknownPages(deps, campaign, undefined)) {
    if (left === 0) return { groups, notUnknown: 0, more: true };
    const taken = indices.slice(0, left);
    if (taken.length > 0) groups.push({ story, indices: taken });
    left -= taken.length;
    if (taken.length < indices.length) return { groups, notUnknown: 0, more: true };
  }
  return { groups, notUnknown: 0, more: false };
}

async function named(
  deps: ReviewDeps,
  it: {
    readonly campaign: Campaign;
    readonly audience: Audience;
    readonly members: readonly string[];
  },
): Promise<Found> {
  const { campaign, audience } = it;
  const groups = new Map<string, { story: PageStory; indices: number[] }>();
  let notUnknown = 0;
  for (const member of new Set(it.members)) {
    const place = await locate(deps.audiences, audience, member);
    if (place === undefined) {
      throw new RuntimeError("member.unknown", `${member} is not in the audience ${audience.id}`);
    }
    const { page, index } = place;
    const name = `${page.partition}/${page.k}`;
    const known = groups.get(name);
    const story =
      known?.story ?? (await readStory(deps, campaign, { page, epoch: campaign.epoch }));
    if (known === undefined) groups.set(name, { story, indices: [] });
    if (outcomeOf(story, index).state === "unknown") groups.get(name)!.indices.push(index);
    else notUnknown += 1;
  }
  const some = [...groups.values()].filter(({ indices }) => indices.length > 0);
  return { groups: some, notUnknown, more: false };
}

interface Settling {
  readonly deps: ReviewDeps;
  readonly campaign: Campaign;
  readonly request: Request<"resolve-unknown">;
  readonly as: "delivered" | "give-up";
}

/** Returns how many were settled; each counts in its own arm. */
async function settle(
  { deps, campaign, request, as }: Settling,
  { story, indices }: Group,
): Promise<number> {
  const { arms = [], controlPercent = 0 } = campaign;
  const hasArms = arms.length > 0 || controlPercent > 0;
  const armAt = (index: number) =>
    hasArms ? story.armOf(story.page.recipients[index]!.member) : undefined;
  let count = 0;
  for (const [arm, ofArm] of Map.groupBy(indices, armAt)) {
    const to = as === "delivered" ? "delivered" : "refused";
    const settled = { indices: ofArm, as: to, arm, rule: "operator", reason: request.why } as const;
    count += (await deps.campaigns.resolve(story.key, settled)).length;
  }
  return count;
}
