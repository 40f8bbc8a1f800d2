import type { Kind, Ref } from "../../actors/kernel/actor.ts";
import type { ConnectionMessage, SessionMessage } from "../../actors/session/messages.ts";
import type { Grants } from "../../core/device-request.ts";
import type { Result } from "../../core/result.ts";

/** UDP sessions are found by the id in the header of their packets, in hex. */
export const udpKind: Kind<UdpMessage> = Object.freeze({ name: "udp" });

/** One datagram and where it came from. */
export interface Datagram {
  readonly type: "datagram";
  readonly bytes: Buffer;
  readonly address: string;
  readonly port: number;
}

/** One datagram and where it goes. */
export interface Outbound {
  readonly bytes: Uint8Array;
  readonly address: string;
  readonly port: number;
}

/** What anyone may send to a UDP session: it is the connection of a session, too. */
export type UdpMessage =
  | ConnectionMessage
  | Datagram
  /** The node stops; the device is to come back elsewhere after that time. */
  | { readonly type: "drain"; readonly retryAfterMs: number };

/** Whose channel it is, as the key says that it was opened with. */
export type Holder =
  | {
      readonly type: "device";
      /** The principal's key (`core/address.ts`). */
      readonly principal: string;
      readonly device: string;
      readonly grants: Grants | undefined;
      /** The version of the board's secret that keyed the channel; undefined for phones. */
      readonly secretVersion?: number | undefined;
    }
  | { readonly type: "provisioning"; readonly id: string };

/** What a device says first. */
export interface Hello {
  readonly resume: string | undefined;
  /** The highest offset up to which it has handled everything; -1 when it did not say. */
  readonly offset: number;
}

/** The session that a device continues or begins. */
export interface Joined {
  readonly id: string;
  readonly session: Ref<SessionMessage>;
  /** Whether it was there before. */
  readonly isResumed: boolean;
}

/** A new board as it presents itself. */
export interface NewBoard {
  readonly mac: string;
  readonly serial: string;
  readonly model: string;
  /** May be empty. */
  readonly name: string;
}

/** What a new board is told: its id and the secret of its device, in base64url. */
export interface RegisteredBoard {
  readonly board: string;
  readonly secret: string;
}

/**
 * Registers a board; the same hardware address and serial number again give the same board.
 *
 * Fails with `platform.failed`, `platform.refused` or `relation.refused`.
 */
export type RegisterBoard = (board: NewBoard, by: string) => Promise<Result<RegisteredBoard>>;

export type PrivateMessage =
  | UdpMessage
  | { readonly type: "start" }
  /** All datagrams that came with this one are handled. */
  | { readonly type: "flush" }
  /** Something may have to be sent again, or acknowledged. */
  | { readonly type: "tick" }
  | { readonly type: "hello-late" }
  | { readonly type: "joined"; readonly hello: Hello; readonly outcome: Result<Joined> }
  | { readonly type: "attach-refused"; readonly hello: Hello; readonly isResumed: boolean }
  | { readonly type: "session-refused"; readonly id: number | undefined }
  | {
      readonly type: "registered";
      readonly id: number;
      readonly outcome: Result<Result<RegisteredBoard>>;
    }
  | { readonly type: "peer-found"; readonly id: number; readonly outcome: Result<Result<unknown>> }
  | { readonly type: "linger-over" };
