import { parsePlace } from "../../core/address.ts";
import type { DeviceRequest } from "../../core/device-request.ts";
import type { Result } from "../../core/result.ts";
import type { Company, UserMessage } from "../user/messages.ts";
import { routeError, routingOf } from "./routing.ts";
import type { Ctx, Message, SessionDeps, SessionState } from "./state.ts";
import { tell, tellError } from "./telling.ts";

/** Questions of one session that may be in work at once: each may be one to 1 000 others. */
const LOOKS_MAX = 4;

type WhoOf = Extract<DeviceRequest, { readonly type: "who"; readonly of: string }>;

/** Has its user find out who of those at an address is online; answered by `present`. */
export function whoIsPresent(
  state: SessionState,
  { id, of }: WhoOf,
  { limits }: SessionDeps,
  ctx: Ctx,
): SessionState {
  const address = parsePlace(of);
  if (!address.ok) return tellError(state, id, address.error, ctx);
  // Between two incarnations of its user it has none.
  if (state.owner === undefined) return tellError(state, id, routeError("mailbox.full"), ctx);
  const routing = routingOf(state);
  if (routing.looks >= LOOKS_MAX) return tellError(state, id, routeError("route.too-many"), ctx);
  routing.looks += 1;
  ctx.ask<UserMessage, Result<Company>>(
    state.owner,
    (replyTo) => ({ type: "who", address: address.value, replyTo }),
    limits.outcomeMs,
    (outcome) => ({ type: "looked", id, outcome }),
  );
  return state;
}

/** Its user has answered, or has not. */
export function looked(
  state: SessionState,
  { id, outcome }: Extract<Message, { type: "looked" }>,
  ctx: Ctx,
): SessionState {
  routingOf(state).looks -= 1;
  if (!outcome.ok) {
    const isLate = outcome.error.code === "ask.timeout";
    return tellError(state, id, routeError(isLate ? "route.timeout" : "mailbox.full"), ctx);
  }
  const answer = outcome.value;
  if (!answer.ok) return tellError(state, id, answer.error, ctx);
  tell(state, { type: "present", id, ...answer.value }, ctx);
  return state;
}
