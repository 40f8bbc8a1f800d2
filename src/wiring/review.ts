import { newReview, reviewDesk } from "../actors/review/desk.ts";
import { systemClock } from "../core/clock.ts";
import { systemNewId, systemRandom } from "../core/random.ts";
import type { Provider } from "../providers/provider.ts";
import { simulatedProvider } from "../providers/simulated.ts";
import type { Base } from "./base.ts";

/** Starts the desk that answers what campaigns would do and did. */
export function openReview({ stores, system }: Base, providers: readonly Provider[]) {
  const deps = {
    ...stores,
    providers: new Map(providers.map((provider) => [provider.name, provider])),
    simulated: simulatedProvider({
      clock: systemClock,
      random: systemRandom,
      latencyMs: { min: 0, max: 0 },
    }),
    clock: systemClock,
    newId: systemNewId,
  };
  return system.spawn(reviewDesk(deps), { name: "review-desk", state: newReview });
}
