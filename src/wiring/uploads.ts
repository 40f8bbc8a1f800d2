import type { Ref } from "../actors/kernel/actor.ts";
import { outboxDesk } from "../actors/outbox/behavior.ts";
import { OUTBOX, type OutboxMessage } from "../actors/outbox/messages.ts";
import { newOutbox } from "../actors/outbox/state.ts";
import { uploadsClerk } from "../actors/uploads/behavior.ts";
import { UPLOADS } from "../actors/uploads/messages.ts";
import { newUploads } from "../actors/uploads/state.ts";
import { outboxBroker } from "../broker/outbox/outbox-broker.ts";
import type { Config } from "../core/config.ts";
import { matchesGlob, parseGlob } from "../core/glob.ts";
import type { Base } from "./base.ts";

/** Takes what devices upload, and gives it to the consumers of the outbox. */
export function openUploads({ config, logger, metrics, stores, system }: Base): Ref<OutboxMessage> {
  const { max, retentionMs } = config.outbox;
  const broker = outboxBroker({ store: stores.outbox, max });
  system.spawn(uploadsClerk({ broker, metrics }), { name: UPLOADS, state: newUploads() });
  const type = outboxDesk({ store: stores.outbox, logger, metrics, limits: { retentionMs } });
  return system.spawn(type, { name: OUTBOX, state: newOutbox() });
}

/** The kind under which the back end gets messages of a topic; undefined without any rule. */
export function copyKindOf({ rules }: Config["outbox"]) {
  if (rules.length === 0) return undefined;
  const parsed = rules.map(({ match, kind }) => ({ glob: parseGlob(match), kind }));
  return (topic: string): string | undefined =>
    parsed.find(({ glob }) => matchesGlob(glob, topic))?.kind;
}
