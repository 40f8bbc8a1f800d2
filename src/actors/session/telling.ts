import type { RuntimeError } from "../../core/errors.ts";
import type { DeviceFrame } from "./messages.ts";
import { noteFailed } from "./noting.ts";
import { routingOf } from "./routing.ts";
import type { Ctx, Message, SessionState } from "./state.ts";
import { traceFrame } from "./tracing.ts";

/** Answers that wait for a device that is away; beyond, the oldest go first. */
const HELD_MAX = 256;

/**
 * Tells the device something. An answer to a request of it (a frame with an `id`) waits for its
 * next connection when there is none now; anything else is for who is connected.
 */
export function tell(state: SessionState, frame: DeviceFrame, ctx: Ctx): void {
  if (state.trace !== undefined) traceFrame(state, frame, ctx);
  const { connection } = state;
  if (connection === undefined || !state.opened) return hold(state, frame);
  ctx.trySend(connection, { type: "frame", frame }, () => ({ type: "untold", frame }));
}

/** Something that this session asked for has an answer for the device. */
export function told(
  state: SessionState,
  message: Extract<Message, { type: "tell" | "tell-error" }>,
  ctx: Ctx,
): SessionState {
  if (message.type === "tell-error") return tellError(state, message.id, message.error, ctx);
  tell(state, message.frame, ctx);
  return state;
}

/** Tells the device that a request of it came to nothing. */
export function tellError(
  state: SessionState,
  id: number,
  { code, message, retryAfterMs }: Pick<RuntimeError, "code" | "message" | "retryAfterMs">,
  ctx: Ctx,
): SessionState {
  noteFailed(state, code, message, ctx);
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
