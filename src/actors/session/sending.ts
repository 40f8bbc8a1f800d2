import { type Address, parseAddress } from "../../core/address.ts";
import type { DeviceRequest } from "../../core/device-request.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { Ref } from "../kernel/actor.ts";
import {
  type Outcome,
  type Parcel,
  type RouteError,
  type SessionMessage,
  sessionKind,
  WHOLE,
} from "./messages.ts";
import { graver, routeError, routingOf, sweepBy, takeDue } from "./routing.ts";
import type { Asked, Ctx, Message, Routing, Sent, SessionDeps, SessionState } from "./state.ts";
import { publish } from "./subscriptions.ts";
import { tell, tellError } from "./telling.ts";

type Send = Extract<DeviceRequest, { type: "send" }>;
type Answer = Extract<DeviceRequest, { type: "answer" }>;

/** Puts a message of the device on its way; what became of it is told by a later turn. */
export function send(state: SessionState, asked: Send, deps: SessionDeps, ctx: Ctx): SessionState {
  const { id, to, answerWithinMs } = asked;
  const address = parseAddress(to);
  if (!address.ok) return tellError(state, id, address.error, ctx);
  if (address.value.type === "topic") return sendToTopic(state, asked, address.value.id, ctx);
  const { requestsMax, outcomeMs } = deps.limits;
  const { routes } = deps.tally;
  routes.accepted++;
  const routing = routingOf(state);
  routing.sent ??= new Map();
  if (routing.sent.size >= requestsMax) {
    routes.refuse("route.too-many");
    return tellError(state, id, routeError("route.too-many"), ctx);
  }
  const number = ++routing.number;
  const until = ctx.monotonic + (answerWithinMs ?? outcomeMs);
  const wantsAnswer = answerWithinMs !== undefined;
  const sent: Sent = {
    ...{ id, wantsAnswer, until, left: WHOLE, reached: 0, kept: 0, error: undefined },
  };
  routing.sent.set(number, sent);
  routes.pending++;
  sweepBy(routing, until, ctx);
  return dispatch(state, parcelOf(state, routing, asked, ctx), address.value, deps, ctx);
}

/** A topic is asked by nobody and keeps by its own rules, so it takes a bare payload only. */
function sendToTopic(state: SessionState, asked: Send, topic: string, ctx: Ctx): SessionState {
  const { id, payload, answerWithinMs, keepMs } = asked;
  if (answerWithinMs === undefined && keepMs === undefined) {
    return publish(state, { type: "publish", id, topic, payload }, ctx);
  }
  const field = keepMs === undefined ? "answerWithinMs" : "keepMs";
  const message = `${field} must be absent where to is a topic`;
  return tellError(state, id, new RuntimeError("protocol.invalid", message), ctx);
}

/** The parcel of the latest number. */
function parcelOf(state: SessionState, routing: Routing, asked: Send, ctx: Ctx): Parcel {
  const { topic, payload, answerWithinMs, keepMs } = asked;
  const { id: sessionId, user: principal } = state;
  const { number, session, from } = routing;
  const origin: Ref<SessionMessage> = ctx.self;
  return {
    origin,
    number,
    sessionId,
    principal,
    session,
    from,
    topic,
    payload,
    answerWithinMs,
    keepMs,
  };
}

function dispatch(
  state: SessionState,
  parcel: Parcel,
  address: Address,
  deps: SessionDeps,
  ctx: Ctx,
): SessionState {
  const { number } = parcel;
  const full = (): Message => ({ type: "unsent", number, error: "mailbox.full" });
  if (address.type === "session") {
    const target = ctx.find(sessionKind, address.id);
    if (target === undefined) return unsent(state, number, "route.offline", deps, ctx);
    ctx.trySend(target, { type: "addressed", parcel, share: WHOLE }, full);
    return state;
  }
  // Between two incarnations of its user it has none.
  if (state.owner === undefined) return unsent(state, number, "mailbox.full", deps, ctx);
  ctx.trySend(state.owner, { type: "route", parcel, address }, full);
  return state;
}

/** The whole of a parcel went nowhere. */
export function unsent(
  state: SessionState,
  number: number,
  error: RouteError,
  deps: SessionDeps,
  ctx: Ctx,
): SessionState {
  const outcome = { share: WHOLE, reached: 0, kept: 0, error };
  return outcomeOf(state, number, outcome, deps, ctx);
}

/** Sums what became of a parcel, and tells the device when everybody has spoken. */
export function outcomeOf(
  state: SessionState,
  number: number,
  { share, reached, kept, error }: Outcome,
  deps: SessionDeps,
  ctx: Ctx,
): SessionState {
  const sent = state.routing?.sent?.get(number);
  // It was answered, or its time is over: the device has been told.
  if (sent === undefined) return state;
  sent.left -= share;
  sent.reached += reached;
  sent.kept += kept;
  sent.error = graver(sent.error, error);
  if (sent.left > 0) return state;
  const { id } = sent;
  if (sent.reached + sent.kept === 0) {
    forget(state, number, deps);
    const code = sent.error ?? "route.offline";
    deps.tally.routes.refuse(code);
    return tellError(state, id, routeError(code), ctx);
  }
  forget(state, number, deps);
  deps.tally.routes.sent++;
  tell(state, { type: "sent", id, reached: sent.reached, kept: sent.kept }, ctx);
  return state;
}

/** The device answers what it was asked; it cannot answer what it was not, or twice. */
export function answer(
  state: SessionState,
  { request, payload, error }: Answer,
  { tally }: SessionDeps,
  ctx: Ctx,
): SessionState {
  const asked = state.routing?.asked?.get(request);
  if (asked === undefined) {
    tally.routes.answersStray++;
    return state;
  }
  state.routing!.asked!.delete(request);
  const { origin, number } = asked;
  const { session: from } = state.routing!;
  ctx.sendAnyway(origin, { type: "answered", number, from, payload, error });
  return state;
}

/** Somebody answered: the first counts, and the device is told that one. */
export function answered(
  state: SessionState,
  { number, from, payload, error }: Extract<Message, { type: "answered" }>,
  deps: SessionDeps,
  ctx: Ctx,
): SessionState {
  const sent = state.routing?.sent?.get(number);
  if (sent === undefined || !sent.wantsAnswer) {
    deps.tally.routes.answersLate++;
    return state;
  }
  forget(state, number, deps);
  deps.tally.routes.answered++;
  const said = error === undefined ? { payload: payload ?? null } : { error };
  tell(state, { type: "answer", id: sent.id, from, ...said }, ctx);
  return state;
}

/** Ends what is overdue, and looks again when the next is. */
export function sweep(state: SessionState, deps: SessionDeps, ctx: Ctx): SessionState {
  const { routing } = state;
  if (routing === undefined) return state;
  const { monotonic } = ctx;
  const overdue: Sent[] = [];
  const nextSent = takeDue(routing.sent, monotonic, (sent) => void overdue.push(sent));
  const nextAsked = takeDue<Asked>(routing.asked, monotonic, () => {});
  if (routing.sent?.size === 0) routing.sent = undefined;
  if (routing.asked?.size === 0) routing.asked = undefined;
  routing.sweepAt = Number.POSITIVE_INFINITY;
  const next = Math.min(nextSent, nextAsked);
  if (next < Number.POSITIVE_INFINITY) sweepBy(routing, next, ctx);
  for (const { id } of overdue) {
    deps.tally.routes.pending--;
    deps.tally.routes.refuse("route.timeout");
    tellError(state, id, routeError("route.timeout"), ctx);
  }
  return state;
}

function forget(state: SessionState, number: number, { tally }: SessionDeps): void {
  if (state.routing?.sent?.delete(number)) tally.routes.pending--;
}
