import type { Address, Place } from "../../core/address.ts";
import type { OnlineState } from "../../core/device-request.ts";
import type { Reach } from "../../core/relations.ts";
import type { Result } from "../../core/result.ts";
import type { InboxItem } from "../../persistence/ports/inbox.ts";
import type { Ref } from "../kernel/actor.ts";
import { kind } from "../kernel/kind.ts";
import type { Parcel, Push, SessionMessage } from "../session/messages.ts";

/**
 * A principal, a user or a board, is found by its key (`core/address.ts`). It is here while it
 * has sessions, and a little longer when others are told of its comings and goings.
 */
export const userKind = kind<UserMessage>("user");

export interface SubDevice {
  readonly sub: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** That a principal (key) has come, or gone: then `lastSeen` says when. */
export interface PresenceTold {
  readonly principal: string;
  readonly lastSeen: number | undefined;
}

/** Principals at an address, and how many there are. */
export interface Company {
  /** At most 1 000 of them. */
  readonly members: readonly OnlineState[];
  readonly count: number;
}

/** What anyone may send to a user: the owner of the principal's sessions and inbox. */
export type UserMessage =
  /**
   * A session begins, or wants the inbox (again); answered by `opened`, with every later item
   * following as `push`, or by `close` where the log-in policy has no room for it. Another
   * session of the same device is closed as `replaced`.
   */
  | {
      readonly type: "open-session";
      readonly session: Ref<SessionMessage>;
      readonly sessionId: string;
      readonly device: string;
      /** Whether it has a connection. */
      readonly attached: boolean;
    }
  | { readonly type: "close-session"; readonly sessionId: string }
  /** A session has got a connection, or lost its own. */
  | { readonly type: "attached"; readonly sessionId: string; readonly attached: boolean }
  /** From a session of its own: a parcel to pass on to whoever the address says. */
  | { readonly type: "route"; readonly parcel: Parcel; readonly address: Address }
  /**
   * From another user, who may reach this one: a parcel for its sessions. With `only` it comes
   * from a session, is for that session alone, and whether it may is decided here.
   */
  | {
      readonly type: "arrive";
      readonly parcel: Parcel;
      readonly share: number;
      readonly only: string | undefined;
    }
  /** A session could not hand over a parcel that is to be kept: its device has just left. */
  | { readonly type: "missed"; readonly parcel: Parcel; readonly share: number }
  /** From the relations desk: whom it may reach from now on. */
  | { readonly type: "reach"; readonly reach: Reach }
  /** Items that the inbox has recorded for this user, by offset; none means: look again. */
  | { readonly type: "deliver"; readonly items: readonly InboxItem[] }
  /**
   * Goes to the sessions that are connected, or to one of them alone, and is not kept. Answered
   * with how many there are.
   */
  | {
      readonly type: "volatile";
      readonly push: Push;
      readonly presence?: PresenceTold | undefined;
      readonly only?: string | undefined;
      readonly replyTo?: Ref<Result<{ readonly reached: number }>>;
    }
  /** From a session of its own: who of those at the address is online. */
  | { readonly type: "who"; readonly address: Place; readonly replyTo: Ref<Result<Company>> }
  /** From another user, who may see this one: how many of its sessions are connected. */
  | { readonly type: "count-connected"; readonly replyTo: Ref<number> }
  /** Which sessions it has, for those who look from outside. */
  | {
      readonly type: "list-sessions";
      readonly replyTo: Ref<Result<readonly { readonly id: string; readonly device: string }[]>>;
    }
  /** From a board's session: a device behind the board has come or gone. */
  | {
      readonly type: "change-sub";
      readonly sub: string;
      readonly online: boolean;
      readonly replyTo: Ref<Result<{ readonly changed: boolean }>>;
    }
  /** The devices behind a board that are here, and since when. */
  | {
      readonly type: "list-subs";
      readonly replyTo: Ref<Result<readonly SubDevice[]>>;
    }
  /** Ends the sessions of one device, or all of them; `why` is told to them. */
  | { readonly type: "kick"; readonly device: string | undefined; readonly why?: string };
