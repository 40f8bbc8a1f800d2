import { Buffer } from "node:buffer";
import { PAYLOAD_MAX } from "./packet.ts";
import { RANGES_MAX, type Range } from "./received.ts";

/** What a sealed packet holds, one part after another, each with its type before it. */
export const PART = {
  /** Packets that have come. */
  ack: 1,
  /** One frame that is repeated until it is acknowledged. */
  message: 2,
  /** One frame that is sent once. */
  once: 3,
  /** Wants an acknowledgement and is nothing else. */
  probe: 4,
  /** The last of its sender; holds a `kick` frame, or nothing. */
  close: 5,
} as const;

const ACK_BYTES = 1 + 6 + 2 + 1;
const RANGE_BYTES = 4;
const MESSAGE_BYTES = 1 + 4 + 2;
const ONCE_BYTES = 1 + 2;
/** The largest frame that one datagram can carry. Larger ones are refused, never cut. */
export const FRAME_MAX = PAYLOAD_MAX - MESSAGE_BYTES;

export type Part =
  | { readonly type: "ack"; readonly ranges: readonly Range[]; readonly delayMs: number }
  | { readonly type: "message"; readonly sequence: number; readonly frame: Uint8Array }
  | { readonly type: "once" | "close"; readonly frame: Uint8Array }
  | { readonly type: "probe" };

/** Puts parts into one buffer, which is used again for every packet. */
export class PayloadWriter {
  readonly #bytes = Buffer.alloc(PAYLOAD_MAX);
  #at = 0;
  #max = PAYLOAD_MAX;

  get length(): number {
    return this.#at;
  }

  /** What has been written; good until the next `begin`. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Begins a payload of at most `max` bytes. */
  begin(max = PAYLOAD_MAX): void {
    this.#at = 0;
    this.#max = Math.min(max, PAYLOAD_MAX);
  }

  fitsMessage(frame: Uint8Array): boolean {
    return this.#at + MESSAGE_BYTES + frame.length <= this.#max;
  }

  fitsOnce(frame: Uint8Array): boolean {
    return this.#at + ONCE_BYTES + frame.length <= this.#max;
  }

  fitsAck(ranges: readonly Range[]): boolean {
    return this.#at + ACK_BYTES + ranges.length * RANGE_BYTES <= this.#max;
  }

  /** The ranges come newest first. */
  ack(ranges: readonly Range[], delayMs: number): void {
    const bytes = this.#bytes;
    bytes[this.#at] = PART.ack;
    bytes.writeUIntBE(ranges[0]!.high, this.#at + 1, 6);
    bytes.writeUInt16BE(Math.min(delayMs, 0xffff), this.#at + 7);
    bytes[this.#at + 9] = ranges.length;
    this.#at += ACK_BYTES;
    let above = ranges[0]!.high + 1;
    for (const { low, high } of ranges) {
      bytes.writeUInt16BE(above - high - 1, this.#at);
      bytes.writeUInt16BE(high - low + 1, this.#at + 2);
      above = low;
      this.#at += RANGE_BYTES;
    }
  }

  message(sequence: number, frame: Uint8Array): void {
    this.#bytes[this.#at] = PART.message;
    this.#bytes.writeUInt32BE(sequence, this.#at + 1);
    this.#bytes.writeUInt16BE(frame.length, this.#at + 5);
    this.#bytes.set(frame, this.#at + MESSAGE_BYTES);
    this.#at += MESSAGE_BYTES + frame.length;
  }

  once(frame: Uint8Array): void {
    this.#framed(PART.once, frame);
  }

  close(frame: Uint8Array): void {
    this.#framed(PART.close, frame);
  }

  probe(): void {
    this.#bytes[this.#at++] = PART.probe;
  }

  #framed(type: number, frame: Uint8Array): void {
    this.#bytes[this.#at] = type;
    this.#bytes.writeUInt16BE(frame.length, this.#at + 1);
    this.#bytes.set(frame, this.#at + ONCE_BYTES);
    this.#at += ONCE_BYTES + frame.length;
  }
}

/** Reads all parts, which share the bytes; undefined when anything is not as it should be. */
export function readPayload(bytes: Buffer): Part[] | undefined {
  const parts: Part[] = [];
  let at = 0;
  while (at < bytes.length) {
    const type = bytes[at];
    const size = sizeAt(bytes, at, type);
    if (size === undefined || at + size > bytes.length) return undefined;
    const part = partAt(bytes, at, type, at + size);
    if (part === undefined) return undefined;
    parts.push(part);
    at += size;
  }
  return parts.length === 0 ? undefined : parts;
}

function sizeAt(bytes: Buffer, at: number, type: number | undefined): number | undefined {
  const left = bytes.length - at;
  switch (type) {
    case PART.ack:
      return left < ACK_BYTES ? undefined : ACK_BYTES + bytes[at + 9]! * RANGE_BYTES;
    case PART.message:
      return left < MESSAGE_BYTES ? undefined : MESSAGE_BYTES + bytes.readUInt16BE(at + 5);
    case PART.once:
    case PART.close:
      return left < ONCE_BYTES ? undefined : ONCE_BYTES + bytes.readUInt16BE(at + 1);
    case PART.probe:
      return 1;
    default:
      return undefined;
  }
}

function partAt(
  bytes: Buffer,
  at: number,
  type: number | undefined,
  end: number,
): Part | undefined {
  switch (type) {
    case PART.ack:
      return readAck(bytes, at);
    case PART.message:
      return {
        type: "message",
        sequence: bytes.readUInt32BE(at + 1),
        frame: bytes.subarray(at + MESSAGE_BYTES, end),
      };
    case PART.probe:
      return { type: "probe" };
    default: {
      const name = type === PART.once ? "once" : "close";
      return { type: name, frame: bytes.subarray(at + ONCE_BYTES, end) };
    }
  }
}

/** Every range holds something and lies below the one before it. */
function readAck(bytes: Buffer, at: number): Part | undefined {
  const count = bytes[at + 9]!;
  if (count === 0 || count > RANGES_MAX) return undefined;
  const ranges: Range[] = [];
  let above = bytes.readUIntBE(at + 1, 6) + 1;
  for (let index = 0; index < count; index += 1) {
    const from = at + ACK_BYTES + index * RANGE_BYTES;
    const gap = bytes.readUInt16BE(from);
    const length = bytes.readUInt16BE(from + 2);
    const high = above - gap - 1;
    const low = high - length + 1;
    if (length === 0 || low < 0 || (index === 0) !== (gap === 0)) return undefined;
    ranges.push({ low, high });
    above = low;
  }
  return { type: "ack", ranges, delayMs: bytes.readUInt16BE(at + 7) };
}
