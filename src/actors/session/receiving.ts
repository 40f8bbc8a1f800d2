import type { Outcome, Parcel } from "./messages.ts";
import { routingOf, sweepBy } from "./routing.ts";
import type { Ctx, Message, SessionDeps, SessionState } from "./state.ts";
import { tell } from "./telling.ts";

type Handed = Extract<Message, { type: "parcel" }>;

/** Gives the device a message of another, and says so to the session that it comes from. */
export function receive(
  state: SessionState,
  { parcel, share }: Handed,
  deps: SessionDeps,
  ctx: Ctx,
): SessionState {
  if (state.connection === undefined || !state.opened) return miss(state, parcel, share, ctx);
  const request = parcel.answerWithinMs === undefined ? undefined : ask(state, parcel, deps, ctx);
  if (request === "full") {
    return settle(state, parcel, { share, reached: 0, kept: 0, error: "route.too-many" }, ctx);
  }
  const { topic, payload, from, session, answerWithinMs } = parcel;
  const about = topic === undefined ? undefined : { topic };
  if (request === undefined || answerWithinMs === undefined) {
    tell(state, { type: "message", from, session, payload, ...about }, ctx);
  } else {
    const frame = { type: "message", from, session, payload, request, answerWithinMs } as const;
    tell(state, about === undefined ? frame : { ...frame, ...about }, ctx);
    // Its sender waits for the answer: that it came this far tells nothing more.
    return state;
  }
  return settle(state, parcel, { share, reached: 1, kept: 0, error: undefined }, ctx);
}

/** A parcel for this session alone: whether its sender may is for its user to say. */
export function addressed(
  state: SessionState,
  { parcel, share }: Extract<Message, { type: "addressed" }>,
  ctx: Ctx,
): SessionState {
  const { owner } = state;
  const refused: Outcome = { share, reached: 0, kept: 0, error: "route.offline" };
  if (owner === undefined) return settle(state, parcel, refused, ctx);
  const { origin, number } = parcel;
  ctx.trySend(owner, { type: "arrive", parcel, share, only: state.id }, () => ({
    ...{ type: "unpassed", origin, number, share },
  }));
  return state;
}

export function unpassed(
  state: SessionState,
  { origin, number, share }: Extract<Message, { type: "unpassed" }>,
  ctx: Ctx,
): SessionState {
  const outcome = { share, reached: 0, kept: 0, error: "mailbox.full" } as const;
  ctx.sendAnyway(origin, { type: "outcome", number, outcome });
  return state;
}

/** The number by which the device answers; `full` when it owes as many answers as it may. */
function ask(state: SessionState, parcel: Parcel, { limits }: SessionDeps, ctx: Ctx) {
  const routing = routingOf(state);
  routing.asked ??= new Map();
  if (routing.asked.size >= limits.requestsMax) return "full";
  const { origin, number, answerWithinMs = 0 } = parcel;
  const until = ctx.monotonic + answerWithinMs;
  const request = ++routing.number;
  routing.asked.set(request, { origin, number, until });
  sweepBy(routing, until, ctx);
  return request;
}

/** Its device left while the parcel was on its way here. */
function miss(state: SessionState, parcel: Parcel, share: number, ctx: Ctx): SessionState {
  if (parcel.keepMs !== undefined && state.owner !== undefined) {
    ctx.send(state.owner, { type: "missed", parcel, share });
    return state;
  }
  return settle(state, parcel, { share, reached: 0, kept: 0, error: "route.offline" }, ctx);
}

function settle(state: SessionState, parcel: Parcel, outcome: Outcome, ctx: Ctx): SessionState {
  const { origin, number } = parcel;
  ctx.sendAnyway(origin, { type: "outcome", number, outcome });
  return state;
}
