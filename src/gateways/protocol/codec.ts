import type { Push } from "../../actors/session/messages.ts";
import type { Publication } from "../../actors/topic/messages.ts";
import type { RuntimeError } from "../../core/errors.ts";
import type { ClientFrame, ServerFrame } from "./frames.ts";

/** A frame as it goes into one WebSocket message. A string is sent as its UTF-8 bytes. */
export type Encoded = string | Uint8Array;

/** A frame, or why it is none; `id` is that of the refused request, where it could be read. */
export type Decoded =
  | { readonly ok: true; readonly value: ClientFrame }
  | { readonly ok: false; readonly error: RuntimeError; readonly id?: number };

/**
 * One encoding of the protocol's frames.
 *
 * What comes in is hostile; what goes out is Herald's own. Both implementations pass
 * `test/conformance/codec.ts`.
 */
export interface Codec {
  /** Its name in `Sec-WebSocket-Protocol`. */
  readonly subprotocol: string;
  /** Whether its frames travel as binary messages; the other kind of message is refused. */
  readonly binary: boolean;
  /**
   * Reads one frame. Never throws, keeps nothing of `bytes`, ignores unknown fields.
   *
   * The error is `protocol.invalid`; its one problem names the field, what it should have been
   * and what it was, without repeating what may be secret.
   */
  decode(bytes: ArrayBuffer): Decoded;
  encode(frame: ServerFrame): Encoded;
  /** The `pong` frame; apart from `encode` because devices wait for it. */
  encodePong(id: number, data: unknown): Encoded;
  /** The `push` frame. Of a volatile push the bytes are made once and shared by everyone. */
  encodePush(push: Push, redelivered: boolean): Encoded;
  /** The `publication` frame; when nothing was lost its bytes are made once and shared. */
  encodePublication(publication: Publication, lost: number): Encoded;
}
