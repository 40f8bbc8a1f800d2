import { RuntimeError } from "../../core/errors.ts";
import type { DeviceFrame } from "./messages.ts";
import type { Ctx, SessionState } from "./state.ts";

/** Tells the device something; what it asked for may be told by any later turn, too. */
export function tell(state: SessionState, frame: DeviceFrame, ctx: Ctx): void {
  if (state.connection !== undefined) ctx.send(state.connection, { type: "frame", frame });
}

/** Tells the device that a request of it came to nothing. */
export function tellError(
  state: SessionState,
  id: number,
  { code, message, retryAfterMs }: RuntimeError,
  ctx: Ctx,
): void {
  const retry = retryAfterMs === undefined ? {} : { retryAfterMs };
  tell(state, { type: "error", id, code, message, ...retry }, ctx);
}

/** The answer to a request that this node does not serve. */
export function tellUnserved(state: SessionState, id: number, ctx: Ctx): SessionState {
  tellError(state, id, new RuntimeError("protocol.invalid", "this node does not serve that"), ctx);
  return state;
}
