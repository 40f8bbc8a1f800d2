import { addressed, receive, unpassed } from "./receiving.ts";
import { answered, outcomeOf, sweep, unsent } from "./sending.ts";
import type { Ctx, Message, SessionDeps, SessionState } from "./state.ts";

/** What comes and goes between this device and others. */
type Exchange = Extract<
  Message,
  {
    readonly type:
      | "parcel"
      | "outcome"
      | "answered"
      | "addressed"
      | "unsent"
      | "unpassed"
      | "sweep";
  }
>;

/** One step of a message between devices. */
export function exchange(
  state: SessionState,
  message: Exchange,
  deps: SessionDeps,
  ctx: Ctx,
): SessionState {
  switch (message.type) {
    case "parcel":
      return receive(state, message, deps, ctx);
    case "outcome":
      return outcomeOf(state, message.number, message.outcome, deps, ctx);
    case "answered":
      return answered(state, message, deps, ctx);
    case "addressed":
      return addressed(state, message, ctx);
    case "unsent":
      return unsent(state, message.number, message.error, deps, ctx);
    case "unpassed":
      return unpassed(state, message, ctx);
    case "sweep":
      return sweep(state, deps, ctx);
  }
}
