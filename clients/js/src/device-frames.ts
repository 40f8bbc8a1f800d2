/** Frames by which devices reach each other, topics and the back end: see `docs/protocol.md`. */

/** What a device asks; each with an id gets one answer with it, or an error. */
export type RequestFrame =
  /** A message to an address; with `answerWithinMs` somebody must answer. */
  | {
      readonly type: "send";
      readonly id: number;
      readonly to: string;
      readonly payload: unknown;
      /** What it is about; 1 to 128 characters. */
      readonly topic?: string;
      readonly answerWithinMs?: number;
      /** Put into the inboxes of those who are away, for so long. Not with `answerWithinMs`. */
      readonly keepMs?: number;
    }
  /** The answer to a `message` that had this number as `request`. Not answered itself. */
  | {
      readonly type: "answer";
      readonly request: number;
      readonly payload?: unknown;
      readonly error?: string;
    }
  /** With the place of an earlier subscription, what was missed since follows. */
  | {
      readonly type: "subscribe";
      readonly id: number;
      readonly topic: string;
      readonly epoch?: string;
      readonly offset?: number;
      /** Whether to be told who joins and leaves. */
      readonly presence?: boolean;
    }
  | { readonly type: "unsubscribe"; readonly id: number; readonly topic: string }
  | {
      readonly type: "publish";
      readonly id: number;
      readonly topic: string;
      readonly payload: unknown;
    }
  /** Who is subscribed to a topic. */
  | { readonly type: "who"; readonly id: number; readonly topic: string }
  /** Who is online of those at an address, as `boards`. */
  | { readonly type: "who"; readonly id: number; readonly of: string }
  /**
   * Something for the back end (a state, an alarm), answered once it is stored for it. `key`
   * makes a repeated upload one upload.
   */
  | {
      readonly type: "upload";
      readonly id: number;
      /** The routing key, as `state`, `alarm`: 1 to 64 of letters, digits, `.`, `_`, `-`. */
      readonly kind: string;
      readonly payload: unknown;
      readonly key?: string;
    }
  /** What a board says of itself: its name, its sub-devices, that it belongs to nobody. */
  | {
      readonly type: "command";
      readonly id: number;
      readonly command: Command;
    };

export type Command =
  | { readonly do: "rename"; readonly name: string }
  | { readonly do: "bind"; readonly user: string }
  | { readonly do: "unbind" }
  | { readonly do: "sub-online" | "sub-offline"; readonly sub: string };

/** What a device is told beside pushes. `id` is that of its request. */
export type AnswerFrame =
  /** The message went to `reached` sessions, and into `kept` inboxes of principals away. */
  | {
      readonly type: "sent";
      readonly id: number;
      readonly reached: number;
      readonly kept: number;
    }
  /** What somebody answered to a `send` that asked for it; the first answer counts. */
  | {
      readonly type: "answer";
      readonly id: number;
      /** The address of the session that answered. */
      readonly from: string;
      readonly payload?: unknown;
      readonly error?: string;
    }
  /** A message of another device. With `request` its sender waits for an `answer`. */
  | {
      readonly type: "message";
      /** The address of the sender's principal, `user:` or `board:`. */
      readonly from: string;
      /** The address of the sender's session. */
      readonly session: string;
      readonly topic?: string;
      readonly payload: unknown;
      readonly request?: number;
      readonly answerWithinMs?: number;
    }
  /** `recovered`: nothing since the given place was missed, and what came since follows. */
  | {
      readonly type: "subscribed";
      readonly id: number;
      readonly topic: string;
      readonly epoch: string;
      readonly offset: number;
      readonly recovered: boolean;
    }
  | { readonly type: "unsubscribed"; readonly id: number; readonly topic: string }
  | { readonly type: "published"; readonly id: number; readonly offset: number }
  /** What came since its last place is lost, and with the topic itself its epoch, too. */
  | {
      readonly type: "resubscribed";
      readonly topic: string;
      readonly epoch: string;
      readonly offset: number;
      readonly recovered: boolean;
    }
  | {
      readonly type: "joined" | "left";
      readonly topic: string;
      readonly who: Presence;
    }
  /** So many are there: who came and left before was not told one by one. */
  | { readonly type: "occupancy"; readonly topic: string; readonly count: number }
  | {
      readonly type: "here";
      readonly id: number;
      readonly topic: string;
      /** At most 1 000 of them. */
      readonly members: readonly Presence[];
      readonly count: number;
    }
  | {
      readonly type: "present";
      readonly id: number;
      /** At most 1 000 of them. */
      readonly members: readonly OnlineState[];
      readonly count: number;
    }
  /** It is durable in the broker, or in the outbox that waits for it. */
  | { readonly type: "uploaded"; readonly id: number }
  | { readonly type: "done"; readonly id: number; readonly result?: unknown }
  /** The new credential is taken; the connection may stay for so long from here on. */
  | { readonly type: "refreshed"; readonly id: number; readonly expiresInMs: number };

/** A principal that is subscribed to a topic, once, however many sessions it has there. */
export interface Presence {
  /** Its address: `user:` or `board:`. */
  readonly principal: string;
  readonly sessions: number;
}

/** Whether a principal, by its address, is online: how many of its sessions are connected. */
export type OnlineState =
  | { readonly principal: string; readonly online: true; readonly sessions: number }
  /** `lastSeen` in milliseconds since the epoch; absent: nothing is known of it. */
  | { readonly principal: string; readonly online: false; readonly lastSeen?: number };
