import { createHash } from "node:crypto";
import type { Ref } from "../actors/kernel/actor.ts";
import type { RelationsMessage } from "../actors/relations/messages.ts";
import { pushToUser } from "../actors/session/broadcast.ts";
import { addressOf, boardKey } from "../core/address.ts";
import { systemClock } from "../core/clock.ts";
import { BOARD_DEVICE, type SecretOwner } from "../core/device-secret.ts";
import { RuntimeError, toRuntimeError } from "../core/errors.ts";
import { systemNewId } from "../core/random.ts";
import { maySend, type Reach } from "../core/relations.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { PeerPort, PeerView } from "../gateways/http/api.ts";
import type { RegisterBoard } from "../gateways/udp/messages.ts";
import type { Base } from "./base.ts";
import type { Decisions } from "./platform.ts";

/** The topic of pushes that tell where another device is. */
const PEER_TOPIC = "herald.peer";
const PEER_TTL_MS = 30_000;
const ASK_MS = 5_000;
const ID_LENGTH = 22;

type Find = PeerPort["find"];

/** Tells devices of each other, where the one may send to the other. */
export function peerPort({ system }: Base, desk: Ref<RelationsMessage>, find: Find): PeerPort {
  const tell = (principal: string, about: string, place: PeerView): void => {
    const { address, port } = place;
    const now = systemClock.now();
    pushToUser(system, principal, {
      id: systemNewId("peer"),
      topic: PEER_TOPIC,
      payload: JSON.stringify({ peer: addressOf(about), address, port }),
      expiresAt: now + PEER_TTL_MS,
    });
  };
  return {
    find,
    tell,
    async introduce(asker, at, other) {
      const reach = await system.ask<RelationsMessage, Result<Reach>>(
        desk,
        (replyTo) => ({ type: "reach", principal: asker, replyTo }),
        { deadlineMs: ASK_MS },
      );
      if (!reach.ok) return reach;
      if (!maySend(reach.value.roles.get(other), { from: asker, to: other })) {
        return fail(new RuntimeError("route.forbidden", `${asker} may not reach ${other}`));
      }
      const place = find(other);
      if (place === undefined) {
        return fail(new RuntimeError("route.offline", `${other} is not here over UDP`));
      }
      tell(other, asker, at);
      return ok(place);
    },
  };
}

/**
 * Registers boards by themselves.
 *
 * The id comes from hardware address and serial number, unless a service of the user's own
 * chooses one, so that an answer that was lost can be asked for again. A board that belongs to
 * somebody is not given its secret a second time: whoever has the provisioning key could become it.
 */
export function boardRegistry(
  { system }: Base,
  desk: Ref<RelationsMessage>,
  deviceSecret: (owner: SecretOwner) => string,
  chooseId: Decisions["boardId"],
): RegisterBoard {
  const ask = async <T>(request: (replyTo: Ref<Result<T>>) => RelationsMessage): Promise<T> => {
    const answer = await system.ask<RelationsMessage, Result<T>>(desk, request, {
      deadlineMs: ASK_MS,
    });
    if (!answer.ok) throw answer.error;
    return answer.value;
  };
  return async ({ mac, serial, model, name }, by) => {
    const chosen = await chooseId({ mac, serial, model, name });
    if (!chosen.ok) return chosen;
    const { board: id = boardIdOf(mac, serial) } = chosen.value;
    const principal = boardKey(id);
    try {
      const reach = await ask<Reach>((replyTo) => ({ type: "reach", principal, replyTo }));
      if (reach.roles.size > 0) {
        const message = "the board belongs to somebody; it must be unbound first";
        return fail(new RuntimeError("relation.refused", message));
      }
      const facts = { id, mac, serial, model, ...(name === "" ? {} : { name }) };
      await ask((replyTo) => ({
        ...{ type: "change", change: { type: "register", board: facts }, by, replyTo },
      }));
      const { secretVersion: version } = await ask<{ readonly secretVersion: number }>(
        (replyTo) => ({ type: "read-board", board: id, replyTo }),
      );
      return ok({ board: id, secret: deviceSecret({ principal, device: BOARD_DEVICE, version }) });
    } catch (error) {
      return fail(toRuntimeError(error));
    }
  };
}

function boardIdOf(mac: string, serial: string): string {
  const digest = createHash("sha256")
    .update(JSON.stringify([mac, serial]))
    .digest("base64url");
  return `b-${digest.slice(0, ID_LENGTH)}`;
}
