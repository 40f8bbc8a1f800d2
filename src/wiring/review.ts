import type { Ref } from "../actors/kernel/actor.ts";
import type { CampaignMessage } from "../actors/master/messages.ts";
import { newReview, reviewDesk } from "../actors/review/desk.ts";
import { systemClock } from "../core/clock.ts";
import { systemNewId, systemRandom } from "../core/random.ts";
import type { Provider } from "../providers/provider.ts";
import { simulatedProvider } from "../providers/simulated.ts";
import type { Base } from "./base.ts";

type Resend = Extract<CampaignMessage, { readonly type: "resend" }>;
type Answer = Resend["replyTo"] extends Ref<infer Given> ? Given : never;

/** A campaign answers earlier, also when it takes long. */
const RESEND_MS = 20_000;

/** Starts the desk that answers what campaigns would do and did. */
export function openReview(
  { stores, system }: Base,
  providers: readonly Provider[],
  campaigns: Ref<CampaignMessage>,
) {
  const deps = {
    ...stores,
    providers: new Map(providers.map((provider) => [provider.name, provider])),
    simulated: simulatedProvider({
      clock: systemClock,
      random: systemRandom,
      latencyMs: { min: 0, max: 0 },
    }),
    resend: async (id: string, pages: Resend["pages"]) => {
      const answer = await system.ask<CampaignMessage, Answer>(
        campaigns,
        (replyTo) => ({ type: "resend", id, pages, replyTo }),
        { deadlineMs: RESEND_MS },
      );
      if (!answer.ok) throw answer.error;
      return answer.value;
    },
    clock: systemClock,
    newId: systemNewId,
  };
  return system.spawn(reviewDesk(deps), { name: "review-desk", state: newReview });
}
