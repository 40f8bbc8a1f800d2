import { randomBytes } from "node:crypto";
import type { Ref } from "../actors/kernel/actor.ts";
import { relationsDesk } from "../actors/relations/behavior.ts";
import { RELATIONS, type RelationsMessage } from "../actors/relations/messages.ts";
import { newRelations } from "../actors/relations/state.ts";
import type { SecretVersion } from "../actors/session/state.ts";
import { boardOf } from "../core/address.ts";
import {
  DEVICE_SECRET_BYTES,
  deviceSecret,
  PHONE_SECRET_VERSION,
  type SecretOwner,
  writeSecret,
} from "../core/device-secret.ts";
import { systemNewId } from "../core/random.ts";
import { ok, type Result } from "../core/result.ts";
import type { Base } from "./base.ts";

const FLUSH_MS = 5_000;
const ASK_MS = 5_000;

/** Starts the desk of boards, families and who may reach whom. */
export function openRelations({
  config,
  logger,
  metrics,
  stores,
  system,
}: Base): Ref<RelationsMessage> {
  const { relations, audit } = stores;
  const boardsBind = config.platform.boardsBind || config.platform.url !== undefined;
  const deps = { relations, audit, boardsBind, newId: systemNewId, logger, metrics };
  const type = relationsDesk(deps);
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

/** Asks the desk for the version of a board's secret, which it knows mostly by heart. */
export function openSecretVersions({ system }: Base, desk: Ref<RelationsMessage>): SecretVersion {
  return async (principal) => {
    const board = boardOf(principal);
    if (board === undefined) return ok(PHONE_SECRET_VERSION);
    return system.ask<RelationsMessage, Result<number | undefined>>(
      desk,
      (replyTo) => ({ type: "secret-version", board, replyTo }),
      { deadlineMs: ASK_MS },
    );
  };
}

/** Gives the secrets that devices use over UDP, as they are shown. */
export async function openDeviceSecrets({ stores }: Base): Promise<(owner: SecretOwner) => string> {
  const fresh = randomBytes(DEVICE_SECRET_BYTES);
  const installation = await stores.credentials.secret("devices", fresh);
  return (owner) => writeSecret(deviceSecret(installation, owner));
}
