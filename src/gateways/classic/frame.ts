import type { Buffer } from "node:buffer";
import { ok, type Result } from "../../core/result.ts";
import { refuse } from "../protocol/fields.ts";

/**
 * Where a frame has its ids: `wide` has 64-bit ids at bytes 8 and 16, `narrow` (the branch with
 * 32-bit ids) its destination at byte 4, in eight bytes whose value fits into 32 bits.
 */
export type Layout = "wide" | "narrow";

/** What the low three bits of a frame say. */
export const OPCODES = { toServer: 2, forward: 3 } as const;

/** The 24 bytes that every classic message begins with. Numbers are little-endian. */
export interface FrameHeader {
  readonly isFinal: boolean;
  readonly isMasked: boolean;
  /** 0 to 7. */
  readonly version: number;
  /** 0 to 7: see `OPCODES`. */
  readonly opcode: number;
  /** 0 to 65 535. */
  readonly sequence: number;
  /** Seconds since the Unix epoch. */
  readonly time: number;
  readonly destination: bigint;
  readonly source: bigint;
}

export const FRAME_HEADER_BYTES = 24;

/** Of a narrow frame, bytes 0 to 15: flags, a reserved byte, sequence, destination, source. */
export const NARROW_HEADER_BYTES = 16;

export function headerBytes(layout: Layout): number {
  return layout === "wide" ? FRAME_HEADER_BYTES : NARROW_HEADER_BYTES;
}

/** Reads the header; `protocol.invalid` when the bytes end too early. Never throws. */
export function readFrameHeader(bytes: Buffer, layout: Layout): Result<FrameHeader> {
  const needed = headerBytes(layout);
  if (bytes.length < needed) {
    return refuse("header", `at least ${needed} bytes`, `${bytes.length} bytes`);
  }
  const flags = bytes[0]!;
  const isWide = layout === "wide";
  return ok({
    isFinal: (flags & 0x80) !== 0,
    isMasked: (flags & 0x40) !== 0,
    version: (flags >> 3) & 7,
    opcode: flags & 7,
    sequence: bytes.readUInt16LE(2),
    time: isWide ? bytes.readUInt32LE(4) : 0,
    destination: bytes.readBigInt64LE(isWide ? 8 : 4),
    source: isWide ? bytes.readBigInt64LE(16) : BigInt(bytes.readInt32LE(12)),
  });
}

/** Writes the header into the first bytes. */
export function writeFrameHeader(to: Buffer, header: FrameHeader, layout: Layout): void {
  const { isFinal, isMasked, version, opcode, sequence, time, destination, source } = header;
  to[0] = (isFinal ? 0x80 : 0) | (isMasked ? 0x40 : 0) | ((version & 7) << 3) | (opcode & 7);
  to[1] = 0;
  to.writeUInt16LE(sequence & 0xffff, 2);
  if (layout === "wide") {
    to.writeUInt32LE(time >>> 0, 4);
    to.writeBigInt64LE(destination, 8);
    to.writeBigInt64LE(source, 16);
  } else {
    to.writeBigInt64LE(destination, 4);
    to.writeInt32LE(Number(source), 12);
  }
}
