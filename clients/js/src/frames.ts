/**
 * The frames of protocol version 1, as `docs/protocol.md` describes them.
 *
 * The SDK depends on nothing, so it states them itself; a test holds them against the server's.
 * Both encodings, JSON text and MessagePack binary, carry these same objects.
 */

import type { AnswerFrame, RequestFrame } from "./device-frames.ts";

/** How frames are written; each has its own WebSocket subprotocol. */
export type Encoding = "json" | "msgpack";

/** Device to server. The first frame is `hello`, and only the first. */
export type ClientFrame =
  | {
      readonly type: "hello";
      readonly credential: string;
      readonly device: string;
      readonly resume?: string;
      readonly offset?: number;
    }
  | { readonly type: "ack"; readonly offsets: readonly number[] }
  | { readonly type: "ping"; readonly id: number; readonly data?: unknown }
  | { readonly type: "refresh"; readonly id: number; readonly credential: string }
  | RequestFrame;

/** Offsets after `after`, up to `upTo`: what may have been missed. */
export interface OffsetRange {
  readonly after: number;
  readonly upTo: number;
}

export interface WelcomeFrame {
  readonly type: "welcome";
  readonly session: string;
  readonly resume: string;
  readonly heartbeatMs: number;
  readonly recovered: boolean;
  readonly gap?: OffsetRange;
  readonly head: number;
  readonly expiresInMs?: number;
  readonly limits: { readonly frameBytes: number; readonly framesPerSecond: number };
}

export interface PushFrame {
  readonly type: "push";
  readonly id: string;
  readonly offset?: number;
  readonly topic: string;
  readonly payload: unknown;
  readonly ack: boolean;
  readonly expiresAt: number;
  readonly redelivered?: true;
}

export interface PongFrame {
  readonly type: "pong";
  readonly id: number;
  readonly data?: unknown;
}

export interface ErrorFrame {
  readonly type: "error";
  readonly code: string;
  readonly message: string;
  readonly id?: number;
  /** Over UDP: of the push that is too large for a datagram, and stays in the inbox. */
  readonly offset?: number;
  readonly retryAfterMs?: number;
}

/** The connection is closed with this code right after. */
export interface KickFrame {
  readonly type: "kick";
  readonly code: number;
  readonly reason: string;
  readonly reconnect: boolean;
  readonly message?: string;
  readonly retryAfterMs?: number;
  /** With `redirect`: where to connect instead. */
  readonly url?: string;
}

/** What was published to a topic; `lost` counts what was let go before it. */
export interface PublicationFrame {
  readonly type: "publication";
  readonly topic: string;
  readonly offset: number;
  readonly payload: unknown;
  readonly from?: string;
  readonly lost?: number;
}

/** Server to device. */
export type ServerFrame =
  | WelcomeFrame
  | PushFrame
  | PongFrame
  | ErrorFrame
  | KickFrame
  | PublicationFrame
  | AnswerFrame;

/** What the server says to a device that is logged in. */
export type ReceivedFrame = Exclude<ServerFrame, WelcomeFrame | KickFrame>;
