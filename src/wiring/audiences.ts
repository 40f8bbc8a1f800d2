import { collectionActor } from "../actors/collect/collection.ts";
import { audienceDesk, newAudienceDesk } from "../actors/collect/desk.ts";
import { collectionKind } from "../actors/collect/messages.ts";
import { newCollection } from "../actors/collect/state.ts";
import { systemClock } from "../core/clock.ts";
import { systemNewId } from "../core/random.ts";
import { fetchMemberApi } from "../gateways/member-api/fetch.ts";
import { audienceDecoder } from "./audience-decoder.ts";
import type { Base } from "./base.ts";

/** Far more than the back-off of the restarts lets a few broken collections reach. */
const COLLECTION_RESTARTS = { max: 1_000, withinMs: 10_000 };

/** Starts the desk for audiences; those that were being collected go on. */
export function openAudiences({ config, stores, system }: Base) {
  const { audiences, collections, members } = stores;
  const memberApi = fetchMemberApi({ origins: config.pull.origins, clock: systemClock });
  const deps = { audiences, collections, members, memberApi };
  // One collection that crashes again and again must not end the others, nor the node.
  const under = system.supervisor("collections", { intensity: COLLECTION_RESTARTS });
  const type = collectionActor(deps);
  system.registerEntity(collectionKind, { under, type, state: newCollection });
  const desk = { audiences, newId: systemNewId, newDecoder: audienceDecoder };
  return system.spawn(audienceDesk({ ...desk, collect: deps }), {
    name: "audience-desk",
    state: newAudienceDesk,
  });
}
