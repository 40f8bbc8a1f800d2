import type { Origin } from "../../core/chronicle.ts";
import type { Outcome } from "../../core/ledger.ts";
import { secondsOf } from "./inspecting.ts";
import type { Ctx, SessionState } from "./state.ts";

/** Messages of which a session remembers how they ended: it may cost a session little. */
const LATELY_MAX = 5;

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

export function noteEnded(state: SessionState, ctx: Ctx): void {
  const { id: session, device, user, chronicle, lately = [] } = state;
  chronicle?.note(user, { type: "ended", session, device, lately }, ctx.now);
}

/** Keeps how messages ended, of the last ones. */
export function noteSettled(
  state: SessionState,
  offsets: readonly number[],
  outcome: Outcome,
  { now: at }: Ctx,
): void {
  state.lately ??= [];
  for (const offset of offsets.slice(-LATELY_MAX)) {
    if (state.lately.push({ offset, outcome, at }) > LATELY_MAX) state.lately.shift();
  }
}

/** Notes that a request of the device was answered with an error. */
export function noteFailed(state: SessionState, code: string, message: string, ctx: Ctx): void {
  const { id: session, device, user, chronicle } = state;
  chronicle?.note(user, { type: "request-failed", session, device, code, message }, ctx.now);
}
