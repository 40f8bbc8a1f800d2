import type { CloseReason, SessionMessage } from "../../actors/session/messages.ts";
import type { RuntimeError } from "../../core/errors.ts";
import { CLOSE_CODES, mayReconnect } from "./close-codes.ts";
import type { ServerFrame, SessionFrame } from "./frames.ts";

const NO_OFFSETS: readonly number[] = [];

/** What a frame of a logged-in device is to its session. The same for every transport. */
export function toSessionMessage(frame: SessionFrame): SessionMessage {
  switch (frame.type) {
    case "ping":
      // A ping is the same on the wire and in the session: it is passed on as it is.
      return frame;
    case "ack": {
      const { offsets = NO_OFFSETS, upTo = -1 } = frame;
      return { type: "ack", offsets, upTo };
    }
    case "send":
    case "answer":
    case "subscribe":
    case "unsubscribe":
    case "publish":
    case "who":
    case "upload":
    case "command":
      return { type: "request", request: frame };
  }
}

/** What went wrong with a request that has this id, or with what has none. */
export function errorFrame(
  { code, message, retryAfterMs }: RuntimeError,
  id: number | undefined,
): ServerFrame {
  return {
    ...{ type: "error", code, message },
    ...(id === undefined ? {} : { id }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

interface Kick {
  readonly reason: CloseReason;
  readonly message?: string | undefined;
  /** Where to connect instead. */
  readonly url?: string | undefined;
}

/** Why a connection is closed; with `retryAfterMs`, how long the device is to stay away. */
export function kickFrame({ reason, message, url }: Kick, retryAfterMs?: number): ServerFrame {
  const code = CLOSE_CODES[reason];
  return {
    ...{ type: "kick", code, reason, reconnect: mayReconnect(code) },
    ...(message === undefined ? {} : { message }),
    ...(url === undefined ? {} : { url }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}
