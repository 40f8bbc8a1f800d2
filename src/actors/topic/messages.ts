import type { DeviceAnswer, Presence } from "../../core/device-request.ts";
import type { Result } from "../../core/result.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";

/** A topic is found by its name, and is here while it has subscribers or history to keep. */
export const topicKind = kind<TopicMessage>("topic");

/** What is published, as the same object for everybody, so that its bytes are made once. */
export interface Publication {
  readonly topic: string;
  /** Its place: 1, 2, 3 ... within the topic's epoch. */
  readonly offset: number;
  /** The address of the publisher's principal; undefined when it came over HTTP. */
  readonly from: string | undefined;
  /** The payload as JSON text. */
  readonly payload: string;
  /** What a connection does with it that cannot keep up. */
  readonly slow: SlowPolicy;
  readonly wire: { json?: Uint8Array | undefined; msgpack?: Uint8Array | undefined };
}

/**
 * What happens to what a slow subscriber has not read: the oldest goes first, only the latest of
 * each topic stays, or its connection is closed as `slow` (and recovers by history).
 */
export type SlowPolicy = "drop-oldest" | "coalesce" | "disconnect";

/** How topics of one pattern behave. */
export interface TopicRule {
  /** The pattern; absent for the defaults. */
  readonly match?: string;
  /** Publications that are kept for those who come back, at most. 0: none. */
  readonly historyMax: number;
  /** How long each is kept, in milliseconds. */
  readonly historyMs: number;
  /** Whether one may ask who is there. */
  readonly presence: boolean;
  /** Sessions up to which those who ask for it are told who comes and goes, one by one. */
  readonly presenceMax: number;
  readonly slow: SlowPolicy;
}

/** A publication that is kept, and since when, in milliseconds since the epoch. */
export interface Kept extends Pick<Publication, "offset" | "from" | "payload"> {
  readonly at: number;
}

/** A topic as those see it who look from outside. */
export interface TopicView {
  readonly name: string;
  readonly rule: TopicRule;
  readonly epoch: string;
  readonly offset: number;
  /** How many publications. */
  readonly kept: number;
  /** How many are subscribed. */
  readonly sessions: number;
  /** Whose sessions those are: at most 1 000 principals, and how many there are. */
  readonly members: readonly Presence[];
  readonly count: number;
}

/** How one subscriber stands after it subscribed. */
export interface Subscribed {
  readonly epoch: string;
  readonly offset: number;
  readonly recovered: boolean;
  /** What it missed, when recovered: all up to `offset`, or the first of it. */
  readonly missed: readonly Publication[];
}

/** What a topic sends to the sessions that are subscribed. */
export type TopicNotice =
  | { readonly type: "publication"; readonly publication: Publication }
  | {
      readonly type: "presence";
      readonly frame: Extract<DeviceAnswer, { type: "joined" | "left" | "occupancy" }>;
    }
  /** How far it is, for a session that had no room for all that was published. */
  | { readonly type: "moved"; readonly topic: string; readonly offset: number };

/** What anyone may send to a topic. Whether one may was decided by the session. */
export type TopicMessage =
  | {
      readonly type: "subscribe";
      readonly session: Ref<TopicNotice>;
      readonly sessionId: string;
      /** The address of its principal. */
      readonly principal: string;
      readonly presence: boolean;
      /** Where the subscriber was before, if it says so. */
      readonly since: { readonly epoch: string; readonly offset: number } | undefined;
      readonly replyTo: Ref<Result<Subscribed>>;
    }
  | { readonly type: "unsubscribe"; readonly sessionId: string }
  | {
      readonly type: "publish";
      readonly payload: string;
      readonly from: string | undefined;
      readonly replyTo?: Ref<Result<{ readonly offset: number; readonly reached: number }>>;
    }
  /** What is kept, or some of it, for those who look from outside. */
  | {
      readonly type: "history";
      /** Only later ones, and at most so many. */
      readonly after?: number;
      readonly limit?: number;
      readonly replyTo: Ref<
        Result<{
          readonly epoch: string;
          readonly offset: number;
          readonly kept: readonly Kept[];
        }>
      >;
    }
  | { readonly type: "describe"; readonly replyTo: Ref<Result<TopicView>> }
  | {
      readonly type: "who";
      readonly replyTo: Ref<
        Result<{ readonly members: readonly Presence[]; readonly count: number }>
      >;
    };
