import type { Chronicle, Origin, Settled } from "../../core/chronicle.ts";
import type { BoardCommand, DeviceRequest, Grants } from "../../core/device-request.ts";
import type { RuntimeError } from "../../core/errors.ts";
import type { Result } from "../../core/result.ts";
import type { Trace } from "../../core/trace.ts";
import type { Context, Ref } from "../kernel/actor.ts";
import type { Subscribed, TopicMessage, TopicNotice } from "../topic/messages.ts";
import type { Company, UserMessage } from "../user/messages.ts";
import type {
  ConnectionMessage,
  DeviceFrame,
  OpenSession,
  Push,
  RouteError,
  SessionMessage,
} from "./messages.ts";
import type { PushTally } from "./tally.ts";

/**
 * One device of one user, which outlives the connections that carry it.
 *
 * Changed in place: there may be a million of them and every push changes one (see
 * `bench/sessions.ts` and `bench/fanout.ts`). A session that crashes is not started again, so
 * nobody ever sees a state that a crashed turn left half changed. Nothing is allocated before it
 * is needed.
 */
export interface SessionState {
  readonly id: string;
  readonly user: string;
  readonly device: string;
  owner: Ref<UserMessage> | undefined;
  connection: Ref<ConnectionMessage> | undefined;
  /** What the credential allows beside being here. */
  grants: Grants | undefined;
  /** Whether the user has said what is in the inbox; no connection is welcomed before. */
  opened: boolean;
  /** Whether the user was asked for the inbox and has not answered. */
  asked: boolean;
  /** Whether a replay waits for the connection's `drained`. */
  paused: boolean;
  /** What the connection's device says it has handled everything up to; -1 when it did not say. */
  claimed: number;
  /** The user's highest offset, as far as this session knows. */
  head: number;
  /** Everything up to this came here; what is beyond is in the store only. */
  taken: number;
  /** The highest offset that a device may have received. */
  given: number;
  /** The highest offset that this session can never write again, and no device confirmed. */
  forgotten: number;
  /** What was taken and is not settled, by offset; undefined when empty. */
  backlog: Push[] | undefined;
  /** Length of the payloads in it. */
  retainedBytes: number;
  /** How many of the backlog, from its start, were written to this connection. */
  cursor: number;
  /** What it has sent and been asked; undefined before the first. */
  routing: Routing | undefined;
  /** By topic; undefined when there are none. */
  subscriptions: Map<string, Subscription> | undefined;
  /** Bytes of what was missed, pushes and publications, since the connection last had room. */
  replayedBytes: number;
  /** Where the connection comes from and since when, in monotonic seconds. */
  from: Origin | undefined;
  connectedAt: number;
  /** When the device's last frame came, in monotonic seconds; -1 before the first. */
  heardAt: number;
  /** A connection that is not attached before the device is admitted. */
  joining: Attach | undefined;
  /** What whoever admitted the device allows beside the credential. */
  extra: Grants | undefined;
  /** Nobody may come back: it answers what is on its way to it, and is gone. */
  hasEnded: boolean;
  chronicle: Chronicle | undefined;
  /** How its last messages ended, the oldest first; undefined before the first. */
  lately: Settled[] | undefined;
  /** What follows its principal; undefined for almost all. */
  trace: Trace | undefined;
}

/** What a session knows of the messages between its device and others. */
export interface Routing {
  /** The addresses of the session and of its principal. */
  readonly session: string;
  readonly from: string;
  /** The latest number given out, to a parcel of its own or to a question of another. */
  number: number;
  /** Its parcels that it has not told the device the end of, by number; undefined when none. */
  sent: Map<number, Sent> | undefined;
  /** Whom the device owes an answer, by the number it was told; undefined when nobody. */
  asked: Map<number, Asked> | undefined;
  /** Answers for a device that is not connected now; undefined when none. */
  held: DeviceFrame[] | undefined;
  /** How many commands of its board are in work. */
  commands: number;
  /** How many questions of who is online are in work. */
  looks: number;
  /** When the next of them is looked at, in monotonic milliseconds; Infinity when none is. */
  sweepAt: number;
}

/** A parcel of its own. */
export interface Sent {
  /** The device's own number for the request. */
  readonly id: number;
  /** Whether somebody must answer it. */
  readonly wantsAnswer: boolean;
  /** When the device is told that nobody did, in monotonic milliseconds. */
  readonly until: number;
  /** The share of those who have not said what became of it. */
  left: number;
  reached: number;
  kept: number;
  error: RouteError | undefined;
}

/** A question of another device. */
export interface Asked {
  readonly origin: Ref<SessionMessage>;
  readonly number: number;
  readonly until: number;
}

/** One topic that the connection is subscribed to. Changed in place by every publication. */
export interface Subscription {
  ref: Ref<TopicMessage>;
  /** The device's request that waits for its answer. */
  id: number | undefined;
  /** The place of the last publication that went to the connection; no epoch: none is known. */
  epoch: string;
  offset: number;
  readonly presence: boolean;
  /** Whether publications are awaited; until then they are taken from the topic's history. */
  isLive: boolean;
  /** Whether more of what was missed is to be asked for when the connection has room. */
  hasMore: boolean;
  /** Failures in a row. */
  failures: number;
}

export interface SessionLimits {
  /** How long a session waits for a new connection, in milliseconds. Default 60 000. */
  readonly graceMs: number;
  /**
   * Pushes kept in memory per session; further ones stay in the store until confirmations make
   * room. So it is also how many may be unconfirmed at once. Default 1 000.
   */
  readonly retainedMax: number;
  /** The same in bytes of their payloads; the last one may go beyond. Default 16 MiB. */
  readonly retainedBytesMax: number;
  /** A replay pauses after so many pushes or bytes of payload. Default 64 and 32 768. */
  readonly chunkPushes: number;
  readonly chunkBytes: number;
  /** Messages of its device on their way at once, and questions it may owe an answer to. 256. */
  readonly requestsMax: number;
  /** When a message counts as lost of which nothing was heard, in milliseconds. 10 000. */
  readonly outcomeMs: number;
  /** Topics that one session may be subscribed to. Default 100. */
  readonly subscriptionsMax: number;
}

export const SESSION_LIMITS: SessionLimits = {
  graceMs: 60_000,
  retainedMax: 1_000,
  retainedBytesMax: 16_777_216,
  chunkPushes: 64,
  chunkBytes: 32_768,
  requestsMax: 256,
  outcomeMs: 10_000,
  subscriptionsMax: 100,
};

/** What all sessions of a node share. */
export interface SessionDeps {
  readonly tally: PushTally;
  readonly limits: SessionLimits;
  readonly chronicle?: Chronicle | undefined;
  /** The kind under which the back end gets what has this topic, too; undefined: it does not. */
  readonly copyKind?: ((topic: string) => string | undefined) | undefined;
  /** Does what boards ask to be done with themselves; absent: nobody does. */
  readonly commands?: BoardCommands | undefined;
  /** Says whether a device may come in whose credential is good; absent: all may. */
  readonly admit?: Admit | undefined;
  /** The version of a board's secret now, by its principal; absent: all versions are good. */
  readonly secretVersion?: SecretVersion | undefined;
}

export type Attach = Extract<SessionMessage, { readonly type: "attach" }>;

/** Whoever decides about log-ins: an error is a refusal, or that nobody could decide. */
export type Admit = (who: {
  readonly principal: string;
  readonly device: string;
}) => Promise<Result<{ readonly grants?: Grants | undefined }>>;

/** Undefined when the board is not registered. */
export type SecretVersion = (principal: string) => Promise<Result<number | undefined>>;

/** Whoever keeps boards: does what one asks, or answers why not. */
export type BoardCommands = (
  board: string,
  command: BoardCommand,
) => Promise<Result<{ readonly changed: boolean }>>;

export type Message =
  | SessionMessage
  | TopicNotice
  /** The topic's actor has ended, and its history with it. */
  | { readonly type: "topic-ended"; readonly ref: Ref<never> }
  | {
      readonly type: "subscribed";
      readonly topic: string;
      readonly subscription: Subscription;
      readonly outcome: Result<Result<Subscribed>>;
    }
  | {
      readonly type: "subscribe-again";
      readonly topic: string;
      readonly subscription: Subscription;
    }
  /** Something that this session asked for has an answer for the device. */
  | { readonly type: "tell"; readonly frame: DeviceFrame }
  | { readonly type: "tell-error"; readonly id: number; readonly error: RuntimeError }
  /** The back end has its copy of this message, which goes on its way. */
  | { readonly type: "copied"; readonly request: DeviceRequest }
  | {
      readonly type: "admitted";
      readonly attach: Attach;
      readonly outcome: Awaited<ReturnType<Admit>>;
    }
  | {
      readonly type: "commanded";
      readonly id: number;
      readonly outcome: Result<{ readonly changed: boolean }>;
    }
  | {
      readonly type: "looked";
      readonly id: number;
      readonly outcome: Result<Result<Company>>;
    }
  | { readonly type: "start" }
  /** Time to introduce itself to its user again. */
  | { readonly type: "introduce" }
  | { readonly type: "grace-over" }
  /** The connection did not take a push: it may have ended without this session knowing. */
  | { readonly type: "write-refused"; readonly isVolatile: boolean }
  /** The connection did not take this frame. */
  | { readonly type: "untold"; readonly frame: DeviceFrame }
  /** Whoever was to pass a parcel of this session on has no room for it. */
  | { readonly type: "unsent"; readonly number: number; readonly error: RouteError }
  /** Its user has no room for a parcel that another session sent to this one. */
  | {
      readonly type: "unpassed";
      readonly origin: Ref<SessionMessage>;
      readonly number: number;
      readonly share: number;
    }
  /** The earliest deadline of what was sent and asked has come. */
  | { readonly type: "sweep" };

export type Ctx = Context<Message>;

export function newSession(session: Parameters<OpenSession>[0]): SessionState {
  return {
    id: session.id,
    user: session.user,
    device: session.device,
    owner: undefined,
    connection: undefined,
    grants: undefined,
    opened: false,
    asked: false,
    paused: false,
    claimed: -1,
    head: 0,
    taken: 0,
    given: 0,
    forgotten: 0,
    backlog: undefined,
    retainedBytes: 0,
    cursor: 0,
    routing: undefined,
    subscriptions: undefined,
    replayedBytes: 0,
    from: undefined,
    connectedAt: 0,
    heardAt: -1,
    joining: undefined,
    extra: undefined,
    chronicle: undefined,
    hasEnded: false,
    lately: undefined,
    trace: undefined,
  };
}
