/** What a frame may hold at most. Part of protocol version 1: see `docs/protocol.md`. */
export const WIRE_LIMITS = {
  /** Length of `hello.credential`, in UTF-16 code units, as every length of a string here. */
  credentialMax: 8192,
  /** Length of `hello.device`, and of a user's id in a credential. */
  nameMax: 128,
  resumeMax: 256,
  /** Entries of `ack.offsets`. */
  ackOffsetsMax: 1000,
  /** Arrays and objects inside each other, the frame itself included. */
  depthMax: 32,
} as const;

/** A user's or device's name: something to see, and no control characters. */
export function isName(text: string): boolean {
  return text.length > 0 && text.length <= WIRE_LIMITS.nameMax && !CONTROL.test(text);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it looks for.
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]|\p{Cs}/u;
