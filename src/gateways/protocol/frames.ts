/**
 * The frames of protocol version 1, as `docs/protocol.md` describes them.
 *
 * A published frame is never edited: fields may be added, and receivers ignore what they do not
 * know. Both encodings, JSON text and MessagePack binary, carry these same objects.
 */

import type { DeviceAnswer, DeviceRequest } from "../../core/device-request.ts";

export const SUBPROTOCOLS = { json: "herald.v1.json", msgpack: "herald.v1.msgpack" } as const;

/** Device to server. The first frame must be `hello`, and only the first. */
export type ClientFrame =
  | {
      readonly type: "hello";
      /** The device's JWT. */
      readonly credential: string;
      /** Names the device among those of its user; 1 to 128 characters. */
      readonly device: string;
      /** From the last `welcome`, to continue that session. */
      readonly resume?: string;
      /** The highest offset up to which the device has handled everything. */
      readonly offset?: number;
    }
  | { readonly type: "ack"; readonly offsets?: readonly number[]; readonly upTo?: number }
  /** Answered by `pong` with the same id and data. */
  | { readonly type: "ping"; readonly id: number; readonly data?: unknown }
  /** A newer credential of the same principal; answered by `refreshed`. */
  | { readonly type: "refresh"; readonly id: number; readonly credential: string }
  | DeviceRequest;

/** Frames that a session handles; the others are the gateway's. */
export type SessionFrame = Exclude<ClientFrame, { readonly type: "hello" | "refresh" }>;

/** The id of a request, for an answer to it; undefined for frames that have none. */
export function idOf(frame: ClientFrame): number | undefined {
  return "id" in frame ? frame.id : undefined;
}

/** Server to device. */
export type ServerFrame =
  | {
      readonly type: "welcome";
      readonly session: string;
      readonly resume: string;
      /** The server pings at least this often; silence for twice as long means it is gone. */
      readonly heartbeatMs: number;
      /** Whether nothing was missed since `offset`. */
      readonly recovered: boolean;
      /** What may have been missed: offsets after `after`, up to `upTo`. */
      readonly gap?: { readonly after: number; readonly upTo: number };
      /** The user's highest offset so far. */
      readonly head: number;
      /** How long the credential is good from here on; absent where none expires. */
      readonly expiresInMs?: number;
      readonly limits: {
        readonly frameBytes: number;
        readonly framesPerSecond: number;
      };
    }
  | {
      readonly type: "push";
      readonly id: string;
      /** Absent from volatile pushes, which are never repeated. */
      readonly offset?: number;
      readonly topic: string;
      readonly payload: unknown;
      /** Whether the server keeps it until an `ack`. */
      readonly ack: boolean;
      /** Milliseconds since the epoch. */
      readonly expiresAt: number;
      /** Present and true when it may have been received before. */
      readonly redelivered?: true;
    }
  | { readonly type: "pong"; readonly id: number; readonly data?: unknown }
  | {
      readonly type: "error";
      readonly code: string;
      readonly message: string;
      /** The id of the request that failed, if it had one. */
      readonly id?: number;
      /** Over UDP: of the push that is too large for a datagram, and stays in the inbox. */
      readonly offset?: number;
      readonly retryAfterMs?: number;
    }
  /** The connection is closed with this code right after. */
  | {
      readonly type: "kick";
      readonly code: number;
      readonly reason: string;
      readonly reconnect: boolean;
      /** Why, in words, when there is more to say than the reason. */
      readonly message?: string;
      readonly retryAfterMs?: number;
      /** With `redirect`: where to connect instead. */
      readonly url?: string;
    }
  /** What was published to a topic that the session is subscribed to. */
  | {
      readonly type: "publication";
      readonly topic: string;
      readonly offset: number;
      readonly payload: unknown;
      /** The address of the publisher's principal; absent when it came over HTTP. */
      readonly from?: string;
      /** How many before it were let go because this connection was too slow. */
      readonly lost?: number;
    }
  | DeviceAnswer;
