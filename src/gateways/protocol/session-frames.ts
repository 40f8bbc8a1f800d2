import type {
  CloseReason,
  ConnectionMessage,
  SessionMessage,
} from "../../actors/session/messages.ts";
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

/**
 * The frame of what a session tells its connection; undefined for what is no frame by itself: a
 * `welcome` needs the transport's own limits, `when-drained` asks the transport something.
 *
 * Codecs write pongs, pushes and publications faster than by way of this.
 */
export function toServerFrame(message: ConnectionMessage): ServerFrame | undefined {
  switch (message.type) {
    case "pong": {
      const { id, data } = message;
      return data === undefined ? { type: "pong", id } : { type: "pong", id, data };
    }
    case "push":
      return pushFrame(message);
    case "publication":
      return publicationFrame(message);
    case "frame":
      return message.frame;
    case "close":
      return kickFrame(message);
    case "welcome":
    case "when-drained":
      return undefined;
  }
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

function pushFrame(message: Extract<ConnectionMessage, { type: "push" }>): ServerFrame {
  const { push, redelivered } = message;
  const { id, offset, topic, payload, ack, expiresAt } = push;
  return {
    ...{ type: "push", id, topic, payload: JSON.parse(payload) as unknown, ack, expiresAt },
    ...(offset === undefined ? {} : { offset }),
    ...(redelivered ? { redelivered } : {}),
  };
}

function publicationFrame(
  message: Extract<ConnectionMessage, { type: "publication" }>,
): ServerFrame {
  const { publication, lost } = message;
  const { topic, offset, from, payload } = publication;
  return {
    ...{ type: "publication", topic, offset, payload: JSON.parse(payload) as unknown },
    ...(from === undefined ? {} : { from }),
    ...(lost === 0 ? {} : { lost }),
  };
}
