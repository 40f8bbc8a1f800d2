import type { Ref } from "../actors/kernel/actor.ts";
import { relationsDesk } from "../actors/relations/behavior.ts";
import { RELATIONS, type RelationsMessage } from "../actors/relations/messages.ts";
import { newRelations } from "../actors/relations/state.ts";
import { systemNewId } from "../core/random.ts";
import type { Result } from "../core/result.ts";
import type { Base } from "./base.ts";

const FLUSH_MS = 5_000;

/** Starts the desk of boards, families and who may reach whom. */
export function openRelations({ logger, metrics, stores, system }: Base): Ref<RelationsMessage> {
  const { relations, audit } = stores;
  const type = relationsDesk({ relations, audit, newId: systemNewId, logger, metrics });
  return system.spawn(type, { name: RELATIONS, state: newRelations() });
}

/** Stores when principals were last seen, before the node stops. */
export async function flushSeen({ system }: Base, desk: Ref<RelationsMessage>): Promise<void> {
  await system.ask<RelationsMessage, Result<true>>(
    desk,
    (replyTo) => ({ type: "flush-seen", replyTo }),
    { deadlineMs: FLUSH_MS },
  );
}
