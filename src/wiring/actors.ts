import { accessDesk } from "../actors/access/behavior.ts";
import type { AccessMessage } from "../actors/access/messages.ts";
import { newAccessState } from "../actors/access/state.ts";
import { clerkType } from "../actors/inbox/behavior.ts";
import { inboxDesk } from "../actors/inbox/desk.ts";
import { CLERK } from "../actors/inbox/messages.ts";
import { CLERK_LIMITS, clerkFigures, newClerk } from "../actors/inbox/state.ts";
import type { Ref } from "../actors/kernel/actor.ts";
import type { ActorSystem } from "../actors/kernel/system.ts";
import { numberedDesk } from "../actors/numbered/desk.ts";
import { receiptsDesk } from "../actors/receipts/behavior.ts";
import { RECEIPTS } from "../actors/receipts/messages.ts";
import { newReceipts } from "../actors/receipts/state.ts";
import { hashApiToken, newApiToken } from "../core/api-token.ts";
import { systemClock } from "../core/clock.ts";
import { systemNewId, systemRandom } from "../core/random.ts";
import type { Result } from "../core/result.ts";
import type { Actors } from "../gateways/http/api.ts";
import { withFigures } from "../providers/limits/usual.ts";
import { nullProvider } from "../providers/null.ts";
import type { Provider } from "../providers/provider.ts";
import { sessionProvider } from "../providers/session.ts";
import { simulatedProvider } from "../providers/simulated.ts";
import { openAudiences } from "./audiences.ts";
import type { Base } from "./base.ts";
import { openCampaigns, type Sabotage } from "./campaigns.ts";
import { openMembers } from "./members.ts";
import { openRelations } from "./relations.ts";
import { openReview } from "./review.ts";
import { openSightings } from "./sightings.ts";
import { openTopics } from "./topics.ts";
import { openUploads } from "./uploads.ts";
import { openUsers } from "./users.ts";

const ASK_MS = 10_000;

/** What a caller may add to a node, beside its configuration. */
export interface NodeExtras {
  /** Further providers that campaigns may name. */
  readonly providers?: readonly Provider[];
  /** Called once when the node cannot go on; it has begun to stop by then. */
  readonly onFailure?: (error: unknown) => void;
  readonly sabotage?: Sabotage;
  /** What the node says of its version. */
  readonly version?: string;
}

/** Starts every actor that is there from the beginning, and lets running campaigns go on. */
export async function openActors(base: Base, extras: NodeExtras) {
  const { boot, config, logger, metrics, stores, system } = base;
  const access = system.spawn(
    accessDesk({ ...stores, newId: systemNewId, owner: boot, logger, metrics }),
    { name: "access", state: newAccessState },
  );
  const clerk = system.spawn(
    clerkType({
      store: stores.inbox,
      logger,
      figures: clerkFigures(metrics),
      limits: { ...CLERK_LIMITS, keyTtlMs: config.inbox.keyTtlMs },
    }),
    { name: CLERK, state: newClerk() },
  );
  const relations = openRelations(base);
  openUsers(base);
  openTopics(base);
  const outbox = openUploads(base);

  const inbox = inboxDesk(system, stores.inbox);
  const audiences = openAudiences(base);
  const providers = [
    sessionProvider({ ...inbox, clock: systemClock, keyTtlMs: config.inbox.keyTtlMs }),
    nullProvider(),
    simulatedProvider({ clock: systemClock, random: systemRandom }),
    ...(extras.providers ?? []),
  ].map((provider) => withFigures(provider, { clock: systemClock, metrics }));
  const campaigns = await openCampaigns(base, providers, extras.sabotage);
  const review = openReview(base, providers, campaigns);
  const numbered = system.spawn(numberedDesk(stores.numbered), { name: "numbered", state: null });
  const receipts = system.spawn(receiptsDesk({ store: stores.receipts, logger, metrics }), {
    name: RECEIPTS,
    state: newReceipts(),
  });
  const members = openMembers(base);
  openSightings(base);
  const actors: Actors = {
    access,
    audiences,
    campaigns,
    inbox: clerk,
    members,
    numbered,
    outbox,
    receipts,
    relations,
    review,
  };
  return { actors, inbox, providers };
}

/** Makes the first admin token when this data folder has none. */
export async function ensureAdmin(
  system: ActorSystem,
  access: Ref<AccessMessage>,
): Promise<string | undefined> {
  const token = newApiToken();
  const hash = hashApiToken(token);
  const made = await system.ask<AccessMessage, Result<boolean>>(
    access,
    (replyTo) => ({ type: "ensure-admin", hash, replyTo }),
    { deadlineMs: ASK_MS },
  );
  if (!made.ok) throw made.error;
  return made.value ? token : undefined;
}
