import type { Ref } from "../kernel/actor.ts";

/** Bytes of a push per encoding, made once by the first connection that needs them. */
export interface WireCache {
  json?: Uint8Array | undefined;
  msgpack?: Uint8Array | undefined;
}

/**
 * One push on its way to devices.
 *
 * The same object goes to every session that gets the same bytes, so that `wire` is filled once
 * per encoding. With an offset it is the user's own: recorded in the inbox and repeated after a
 * reconnect until confirmed. Without one it is volatile: written once to who is connected.
 */
export interface Push {
  readonly id: string;
  readonly offset: number | undefined;
  readonly topic: string;
  /** The payload as JSON text. */
  readonly payload: string;
  readonly ack: boolean;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly wire: WireCache;
}

/** Why a server ends a connection; the gateway's table gives each its close code. */
export type CloseReason =
  | "draining"
  | "slow"
  | "too-fast"
  | "busy"
  | "heartbeat-lost"
  | "internal"
  | "hello-timeout"
  | "replaced"
  | "kicked"
  | "unauthorized"
  | "credential-expired"
  | "invalid-frame"
  | "too-large";

/** What anyone may send to a session. */
export type SessionMessage =
  | { readonly type: "ping"; readonly id: number; readonly data?: unknown }
  | { readonly type: "ack"; readonly offsets: readonly number[]; readonly upTo: number }
  | { readonly type: "push"; readonly push: Push }
  | {
      readonly type: "attach";
      readonly connection: Ref<ConnectionMessage>;
      /** The highest offset up to which the device has handled everything; -1 if it did not say. */
      readonly offset: number;
    }
  /** The connection's unsent bytes are back below the low-water mark. */
  | { readonly type: "drained" }
  /** The connection is gone; `final` when the device said good-bye. */
  | {
      readonly type: "detach";
      readonly connection: Ref<ConnectionMessage>;
      readonly final: boolean;
    }
  | { readonly type: "close"; readonly reason: CloseReason };

/** What a session sends to the connection it is attached to. */
export type ConnectionMessage =
  | {
      readonly type: "welcome";
      readonly session: string;
      readonly recovered: boolean;
      /** What may be missing, when something may: offsets after `after`, up to `upTo`. */
      readonly gap: { readonly after: number; readonly upTo: number } | undefined;
      /** The user's highest offset at this moment. */
      readonly head: number;
    }
  | { readonly type: "push"; readonly push: Push; readonly redelivered: boolean }
  | { readonly type: "pong"; readonly id: number; readonly data?: unknown }
  | { readonly type: "close"; readonly reason: CloseReason };
