import { NAME_MAX } from "../../core/names.ts";

/** What a frame may hold at most. Part of protocol version 1: see `docs/protocol.md`. */
export const WIRE_LIMITS = {
  /** Length of `hello.credential`, in UTF-16 code units, as every length of a string here. */
  credentialMax: 8192,
  /** Length of `hello.device`, and of a user's id in a credential. */
  nameMax: NAME_MAX,
  resumeMax: 256,
  /** Entries of `ack.offsets`. */
  ackOffsetsMax: 1000,
  /** Arrays and objects inside each other, the frame itself included. */
  depthMax: 32,
  /** Length of an address, as `send.to`. */
  addressMax: NAME_MAX + 16,
  /** How long a `send` may ask others to take for an answer, in milliseconds. */
  answerWithinMsMax: 300_000,
  /** How long a `send` may be kept for those who are away, in milliseconds: 30 days. */
  keepMsMax: 2_592_000_000,
  /** Length of `answer.error`. */
  answerErrorMax: 1024,
  /** Length of `upload.kind`, and of a topic's `epoch`. */
  kindMax: 64,
} as const;
