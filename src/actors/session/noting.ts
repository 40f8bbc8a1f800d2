import type { Origin } from "../../core/chronicle.ts";
import { secondsOf } from "./inspecting.ts";
import type { Ctx, SessionState } from "./state.ts";

/** Notes where a new connection comes from. */
export function noteConnected(state: SessionState, from: Origin | undefined, ctx: Ctx): void {
  const { id: session, device, opened: resumed, chronicle } = state;
  state.from = from;
  state.connectedAt = secondsOf(ctx);
  state.trace = chronicle?.traceOf(state.user, ctx.now);
  chronicle?.note(state.user, { type: "connected", session, device, from, resumed }, ctx.now);
}

/** Notes why a connection ended; `message` is what the device was told beside the reason. */
export function noteClosed(
  state: SessionState,
  reason: string,
  message: string | undefined,
  ctx: Ctx,
): void {
  const { id: session, device, user, chronicle } = state;
  state.from = undefined;
  chronicle?.note(user, { type: "closed", session, device, reason, message }, ctx.now);
}

export function noteEnded({ id: session, device, user, chronicle }: SessionState, ctx: Ctx): void {
  chronicle?.note(user, { type: "ended", session, device }, ctx.now);
}

/** Notes that a request of the device was answered with an error. */
export function noteFailed(state: SessionState, code: string, message: string, ctx: Ctx): void {
  const { id: session, device, user, chronicle } = state;
  chronicle?.note(user, { type: "request-failed", session, device, code, message }, ctx.now);
}
