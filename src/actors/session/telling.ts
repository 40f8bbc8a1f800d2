import type { RuntimeError } from "../../core/errors.ts";
import type { DeviceFrame } from "./messages.ts";
import { routingOf } from "./routing.ts";
import type { Ctx, SessionState } from "./state.ts";

/** Answers that wait for a device that is away; beyond, the oldest go first. */
const HELD_MAX = 256;

/**
 * Tells the device something. An answer to a request of it (a frame with an `id`) waits for its
 * next connection when there is none now; anything else is for who is connected.
 */
export function tell(state: SessionState, frame: DeviceFrame, ctx: Ctx): void {
  const { connection } = state;
  if (connection === undefined || !state.opened) return hold(state, frame);
  ctx.trySend(connection, { type: "frame", frame }, () => ({ type: "untold", frame }));
}

/** Tells the device that a request of it came to nothing. */
export function tellError(
  state: SessionState,
  id: number,
  { code, message, retryAfterMs }: Pick<RuntimeError, "code" | "message" | "retryAfterMs">,
  ctx: Ctx,
): SessionState {
  const retry = retryAfterMs === undefined ? {} : { retryAfterMs };
  tell(state, { type: "error", id, code, message, ...retry }, ctx);
  return state;
}

/** Keeps an answer until the device is back. */
export function hold(state: SessionState, frame: DeviceFrame): void {
  if (!("id" in frame)) return;
  const routing = routingOf(state);
  routing.held ??= [];
  routing.held.push(frame);
  if (routing.held.length > HELD_MAX) routing.held.shift();
}

/** The device is back: what waited for it follows its welcome. */
export function tellHeld(state: SessionState, ctx: Ctx): void {
  const held = state.routing?.held;
  if (held === undefined) return;
  state.routing!.held = undefined;
  for (const frame of held) tell(state, frame, ctx);
}

/** The answer to a request that this node does not serve. */
export function tellUnserved(state: SessionState, id: number, ctx: Ctx): SessionState {
  return tellError(state, id, { ...UNSERVED, retryAfterMs: undefined }, ctx);
}

const UNSERVED = { code: "protocol.invalid", message: "this node does not serve that" } as const;
