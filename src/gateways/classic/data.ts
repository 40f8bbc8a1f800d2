import { Buffer } from "node:buffer";
import { ok, type Result } from "../../core/result.ts";
import { refuse } from "../protocol/fields.ts";
import { crc8 } from "./crc8.ts";
import {
  FRAME_HEADER_BYTES,
  type FrameHeader,
  type Layout,
  readFrameHeader,
  writeFrameHeader,
} from "./frame.ts";

/** The 12 bytes after a frame header that describe its body. */
export interface DataHeader {
  readonly isRead: boolean;
  readonly isAck: boolean;
  /** 0 to 3 each, passed on as they come. */
  readonly format: number;
  readonly keyLevel: number;
  readonly encryption: number;
  /** 0 to 255. */
  readonly sequence: number;
  readonly deviceType: number;
  /** What the body is: see `MESSAGE_IDS` and `COMMANDS`. */
  readonly messageId: number;
}

/** Ids of messages between devices and of uploads. */
export const MESSAGE_IDS = {
  state: 0x30,
  alarm: 0x31,
  online: 0x34,
  bind: 0x35,
  status: 0x36,
} as const;

/** One whole message: both headers, checked, and its body. */
export interface ClassicMessage {
  readonly frame: FrameHeader;
  readonly data: DataHeader;
  readonly body: Buffer;
}

export const DATA_HEADER_BYTES = 12;
const BODY_AT = FRAME_HEADER_BYTES + DATA_HEADER_BYTES;
/** The header check is over everything before it. */
const HEADER_CHECK_AT = FRAME_HEADER_BYTES + 8;
const BODY_CHECK_AT = HEADER_CHECK_AT + 1;
/** Offset of the fields within the data header. */
const AT = FRAME_HEADER_BYTES;

/**
 * Reads one message of a wide layout. Every length and both checks are verified; bytes after the
 * body are refused. `protocol.invalid` names what is wrong. Never throws; `body` is a view.
 */
export function readMessage(bytes: Buffer): Result<ClassicMessage> {
  const frame = readFrameHeader(bytes, "wide");
  if (!frame.ok) return frame;
  if (bytes.length < BODY_AT) {
    return refuse("data header", `${BODY_AT} bytes with the frame's`, `${bytes.length} bytes`);
  }
  const length = bytes.readUInt16LE(AT + 6);
  if (bytes.length !== BODY_AT + length) {
    return refuse("body length", `${bytes.length - BODY_AT}, as many as came`, `${length}`);
  }
  const headerCheck = crc8(bytes, 0, HEADER_CHECK_AT);
  if (bytes[HEADER_CHECK_AT] !== headerCheck) {
    return refuse("header check", hex(headerCheck), hex(bytes[HEADER_CHECK_AT]!));
  }
  const bodyCheck = crc8(bytes, BODY_CHECK_AT + 1, bytes.length);
  if (bytes[BODY_CHECK_AT] !== bodyCheck) {
    return refuse("body check", hex(bodyCheck), hex(bytes[BODY_CHECK_AT]!));
  }
  return ok({ frame: frame.value, data: readDataHeader(bytes), body: bytes.subarray(BODY_AT) });
}

function readDataHeader(bytes: Buffer): DataHeader {
  const flags = bytes[AT]!;
  return {
    isRead: (flags & 0x80) !== 0,
    isAck: (flags & 0x40) !== 0,
    format: (flags >> 4) & 3,
    keyLevel: (flags >> 2) & 3,
    encryption: flags & 3,
    sequence: bytes[AT + 1]!,
    deviceType: bytes.readUInt16LE(AT + 2),
    messageId: bytes.readUInt16LE(AT + 4),
  };
}

/** @throws RangeError when the body is longer than 65 535 bytes. */
export function writeMessage({ frame, data, body }: ClassicMessage): Buffer {
  if (body.length > 0xffff) throw new RangeError(`a body of ${body.length} bytes is too long`);
  const bytes = Buffer.alloc(BODY_AT + body.length);
  writeFrameHeader(bytes, frame, "wide");
  bytes[AT] =
    (data.isRead ? 0x80 : 0) |
    (data.isAck ? 0x40 : 0) |
    ((data.format & 3) << 4) |
    ((data.keyLevel & 3) << 2) |
    (data.encryption & 3);
  bytes[AT + 1] = data.sequence;
  bytes.writeUInt16LE(data.deviceType, AT + 2);
  bytes.writeUInt16LE(data.messageId, AT + 4);
  bytes.writeUInt16LE(body.length, AT + 6);
  bytes.set(body, BODY_AT);
  bytes[HEADER_CHECK_AT] = crc8(bytes, 0, HEADER_CHECK_AT);
  bytes[BODY_CHECK_AT] = crc8(bytes, BODY_CHECK_AT + 1, bytes.length);
  return bytes;
}

/** A copy of a message with another frame header and, if it is wide, a check that fits it. */
export function restamped(bytes: Buffer, frame: FrameHeader, layout: Layout): Buffer {
  const copy = Buffer.from(bytes);
  const reserved = copy[1]!;
  writeFrameHeader(copy, frame, layout);
  copy[1] = reserved;
  if (layout === "wide") copy[HEADER_CHECK_AT] = crc8(copy, 0, HEADER_CHECK_AT);
  return copy;
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}
