import type { ActorSystem } from "../kernel/system.ts";
import { userKind } from "../user/messages.ts";
import { type Push, type PushMessage, sessionKind } from "./messages.ts";
import type { PushTally } from "./tally.ts";

/** What is pushed without being kept: once to who is connected. */
export type VolatilePush = Pick<Push, "id" | "topic" | "payload" | "expiresAt">;

/**
 * Sends a push to every session of this node; returns to how many.
 *
 * All get the same message, which goes on as it is to each connection, so that its bytes are
 * made once per encoding.
 */
export function broadcast(
  system: Pick<ActorSystem, "each" | "count">,
  push: VolatilePush,
  tally: PushTally,
): number {
  const message: PushMessage = { type: "push", push: toPush(push), redelivered: false };
  const sessions = system.count(sessionKind);
  // Counted before: a session that refuses it is a dead letter at once.
  tally.accept(sessions);
  system.each(sessionKind, (session) => void session.send(message));
  return sessions;
}

/** Sends a push to the sessions of one user; false when the user is not here, or too busy. */
export function pushToUser(
  system: Pick<ActorSystem, "find">,
  user: string,
  push: VolatilePush,
): boolean {
  return system.find(userKind, user)?.send({ type: "volatile", push: toPush(push) }) ?? false;
}

function toPush({ id, topic, payload, expiresAt }: VolatilePush): Push {
  return { id, offset: undefined, topic, payload, ack: false, expiresAt, wire: {} };
}
