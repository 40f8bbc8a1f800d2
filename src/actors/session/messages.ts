import type { Origin, Settled } from "../../core/chronicle.ts";
import type { DeviceAnswer, DeviceRequest, Grants } from "../../core/device-request.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { Result } from "../../core/result.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";
import type { Publication } from "../topic/messages.ts";

/** Sessions are found by their id, also by the gateway that continues one. */
export const sessionKind = kind<SessionMessage>("session");

/**
 * Starts a session and returns its address; `main.ts` gives this to the gateways.
 *
 * The session introduces itself to its user. The gateway sends it `attach` next, and `detach`
 * when the connection ends for any reason; without an `attach` it ends after the grace period.
 */
export type OpenSession = (session: {
  readonly id: string;
  /** The key of its principal: a user's id, or `board:` and a board's (`core/address.ts`). */
  readonly user: string;
  readonly device: string;
}) => Ref<SessionMessage>;

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

/** What a user actor tells a session of its inbox, once it has been read. */
export interface InboxView {
  /** The user's highest offset so far. */
  readonly head: number;
  /** The highest offset that was let go without any device's confirmation. */
  readonly forgotten: number;
  /** Items with this offset or a higher one were never given to any device. */
  readonly newFrom: number;
  /** What is unsettled, by offset. */
  readonly items: readonly Push[];
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
  | "lifetime"
  | "redirect"
  | "replaced"
  | "kicked"
  | "unauthorized"
  | "credential-expired"
  | "invalid-frame"
  | "too-large"
  | "too-many-sessions";

/**
 * A push as it goes to a session and from there, the same object, to the connection.
 *
 * `redelivered` is false when it is sent to a session: only the session knows.
 */
export interface PushMessage {
  readonly type: "push";
  readonly push: Push;
  /** Whether the device may have received it before. */
  readonly redelivered: boolean;
}

/**
 * A message of one device on its way to others, the same object all the way.
 *
 * It begins at a session with `WHOLE` as its share; whoever passes it on to several divides the
 * share between them, and whoever passes it on to nobody returns its own by `outcome`. So the
 * session knows that everybody has spoken when the shares that came back make the whole, in
 * whatever order they come. Who took a parcel that asks for an answer returns nothing but that.
 */
export interface Parcel {
  /** The session that it comes from, and the number by which that session knows it. */
  readonly origin: Ref<SessionMessage>;
  readonly number: number;
  readonly sessionId: string;
  /** The key of that session's principal. */
  readonly principal: string;
  /** The addresses of both, made once for all parcels of a session. */
  readonly session: string;
  readonly from: string;
  readonly topic: string | undefined;
  readonly payload: unknown;
  /** The sender waits so long for an answer, in milliseconds; undefined: it wants none. */
  readonly answerWithinMs: number | undefined;
  /** How long it may be kept for those who are away, in milliseconds; undefined: not. */
  readonly keepMs: number | undefined;
}

/** Divisible by far more receivers than there can be. */
export const WHOLE = 2 ** 50;

/** Why somebody did not get a parcel. */
export type RouteError = Extract<
  ErrorCode,
  "route.offline" | "route.forbidden" | "route.too-many" | "mailbox.full" | "store.unavailable"
>;

/** What became of a share of a parcel. */
export interface Outcome {
  readonly share: number;
  /** Sessions whose connection took it. */
  readonly reached: number;
  /** Principals who are away, into whose inbox it was put. */
  readonly kept: number;
  readonly error: RouteError | undefined;
}

/** A session as those see it who look from outside. */
export interface SessionView {
  readonly id: string;
  readonly principal: string;
  readonly device: string;
  /** Undefined while it has none. `since` is in milliseconds since the epoch. */
  readonly connection: { readonly from: Origin | undefined; readonly since: number } | undefined;
  /** When the last frame of its device came; undefined before the first. */
  readonly heardAt: number | undefined;
  /** Pushes that it keeps until they are confirmed or a device is there. */
  readonly backlog: number;
  /** Its user's highest offset, as far as it knows; the highest that a device may have had. */
  readonly head: number;
  readonly given: number;
  /** Messages of its device that are on their way. */
  readonly requests: number;
  /** Answers that its device owes to others. */
  readonly questions: number;
  readonly subscriptions: readonly string[];
  /** How its last messages ended, the oldest first. */
  readonly lately: readonly Settled[];
}

/** What anyone may send to a session. */
export type SessionMessage =
  | PushMessage
  | { readonly type: "ping"; readonly id: number; readonly data?: unknown }
  | { readonly type: "ack"; readonly offsets: readonly number[]; readonly upTo: number }
  /** From the user: the inbox has been read, and what comes later follows as `push`. */
  | { readonly type: "opened"; readonly inbox: InboxView }
  /** From the user: it is about to end; introduce yourself to the next of its name. */
  | { readonly type: "reopen" }
  /** First connection, or the next one; one that is still there is closed as `replaced`. */
  | {
      readonly type: "attach";
      readonly connection: Ref<ConnectionMessage>;
      /** The highest offset up to which the device has handled everything; -1 if it did not say. */
      readonly offset: number;
      /** The version of its board's secret that the credential is of, if it is of one. */
      readonly secretVersion?: number | undefined;
      /** What the credential allows; nothing without it. */
      readonly grants?: Grants | undefined;
      /** Where it comes from, for people who look. */
      readonly from?: Origin | undefined;
    }
  | { readonly type: "inspect"; readonly replyTo: Ref<Result<SessionView>> }
  /** Its principal is followed from now on, or no longer: the chronicle has more. */
  | { readonly type: "trace" }
  /** A newer credential allows this from now on. */
  | { readonly type: "grants"; readonly grants: Grants | undefined }
  /** From the user: a parcel for this session's device. */
  | { readonly type: "parcel"; readonly parcel: Parcel; readonly share: number }
  /** From another session: a parcel addressed to this one; its user decides about it. */
  | { readonly type: "addressed"; readonly parcel: Parcel; readonly share: number }
  /** What became of a share of the parcel that this session sent with this number. */
  | { readonly type: "outcome"; readonly number: number; readonly outcome: Outcome }
  /** What a device answered to the parcel with this number. */
  | {
      readonly type: "answered";
      readonly number: number;
      /** The address of the session that answered. */
      readonly from: string;
      readonly payload: unknown;
      readonly error: string | undefined;
    }
  /** What the device asks, answered by one `frame` with its id. */
  | { readonly type: "request"; readonly request: DeviceRequest }
  /** The connection's unsent bytes are at or below the low-water mark; answers `when-drained`. */
  | { readonly type: "drained" }
  /** The connection is gone; `final` when the device said good-bye. */
  | {
      readonly type: "detach";
      readonly connection: Ref<ConnectionMessage>;
      readonly final: boolean;
      /** How it ended, for people who look. */
      readonly why?: string;
    }
  /** Closes the connection; the session ends, too, unless the reason invites to reconnect. */
  | { readonly type: "close"; readonly reason: CloseReason; readonly message?: string };

/** What a device is told because it asked, or because another device sent it something. */
export type DeviceFrame =
  | DeviceAnswer
  | {
      readonly type: "error";
      readonly id?: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly retryAfterMs?: number;
    };

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
  /** Always taken: a connection that cannot keep up is closed as `slow` by its gateway. */
  | PushMessage
  /** Asks for one `drained`: at once, or as soon as the unsent bytes are low enough. */
  | { readonly type: "when-drained" }
  | { readonly type: "pong"; readonly id: number; readonly data?: unknown }
  | { readonly type: "frame"; readonly frame: DeviceFrame }
  /** `lost`: how many before it the session knows to be missing. */
  | {
      readonly type: "publication";
      readonly publication: Publication;
      readonly lost: number;
    }
  /** `message` says more than the reason, for people. */
  | { readonly type: "close"; readonly reason: CloseReason; readonly message?: string };
