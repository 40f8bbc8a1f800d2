import { isUtf8 } from "node:buffer";
import { WIRE_LIMITS } from "./limits.ts";

/** Thrown for bytes that are not MessagePack of the JSON model, with what was expected. */
export class NotMsgpack extends Error {
  override readonly name = "NotMsgpack";
}

/**
 * Reads one MessagePack value of hostile bytes, to the last byte.
 *
 * Takes what JSON can say and nothing else: maps with string keys, arrays, strings in UTF-8,
 * safe integers, finite floats, true, false and nil. Extensions and binary are refused, and
 * nothing is allocated for elements that the bytes do not have. A general library does more than
 * that, and each of its extensions would be reachable from outside.
 *
 * @throws NotMsgpack
 * @see https://github.com/msgpack/msgpack/blob/master/spec.md
 */
export function readMsgpack(bytes: ArrayBuffer): unknown {
  input = new Uint8Array(bytes);
  at = 0;
  try {
    const value = readValue(1);
    if (at !== input.length) throw new NotMsgpack("one value and nothing after it");
    return value;
  } finally {
    input = NOTHING;
  }
}

const NOTHING = new Uint8Array(0);
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
/** Up to this many bytes a loop is quicker than a decoder, if they are ASCII. */
const SHORT_BYTES = 24;
const floats = new DataView(new ArrayBuffer(8));

// The position is kept here, not in an object: a frame is read in one go.
let input: Uint8Array = NOTHING;
let at = 0;

function readValue(depth: number): unknown {
  const tag = readByte();
  if (tag < 0x80) return tag;
  if (tag < 0x90) return readMap(tag & 0x0f, depth);
  if (tag < 0xa0) return readArray(tag & 0x0f, depth);
  if (tag < 0xc0) return readString(tag & 0x1f);
  if (tag >= 0xe0) return tag - 0x100;
  switch (tag) {
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xca:
      return readFloat(4);
    case 0xcb:
      return readFloat(8);
    case 0xcc:
      return readByte();
    case 0xcd:
      return readUint(2);
    case 0xce:
      return readUint(4);
    case 0xcf:
      return readInt64(0);
    case 0xd0:
      return (readByte() << 24) >> 24;
    case 0xd1:
      return (readUint(2) << 16) >> 16;
    case 0xd2:
      return readUint(4) | 0;
    case 0xd3:
      return readInt64(1);
    case 0xd9:
      return readString(readByte());
    case 0xda:
      return readString(readUint(2));
    case 0xdb:
      return readString(readUint(4));
    case 0xdc:
      return readArray(readUint(2), depth);
    case 0xdd:
      return readArray(readUint(4), depth);
    case 0xde:
      return readMap(readUint(2), depth);
    case 0xdf:
      return readMap(readUint(4), depth);
    default:
      throw new NotMsgpack("without binary, extension and unused types");
  }
}

function readMap(count: number, depth: number): Record<string, unknown> {
  enter(count * 2, depth);
  const map: Record<string, unknown> = {};
  for (let index = 0; index < count; index += 1) {
    const key = readValue(depth + 1);
    if (typeof key !== "string") throw new NotMsgpack("maps whose keys are strings");
    if (key === "__proto__") throw new NotMsgpack("without a key __proto__");
    map[key] = readValue(depth + 1);
  }
  return map;
}

function readArray(count: number, depth: number): unknown[] {
  enter(count, depth);
  const array: unknown[] = [];
  for (let index = 0; index < count; index += 1) array.push(readValue(depth + 1));
  return array;
}

/** Every element has at least a byte. */
function enter(elements: number, depth: number): void {
  if (depth > WIRE_LIMITS.depthMax) {
    throw new NotMsgpack(`at most ${WIRE_LIMITS.depthMax} levels deep`);
  }
  if (elements > input.length - at) throw cutShort();
}

function readString(length: number): string {
  const start = advance(length);
  if (length <= SHORT_BYTES) {
    let text = "";
    let index = start;
    for (; index < at; index += 1) {
      const byte = input[index]!;
      if (byte >= 0x80) break;
      text += String.fromCharCode(byte);
    }
    if (index === at) return text;
  }
  const part = input.subarray(start, at);
  if (!isUtf8(part)) throw new NotMsgpack("strings in UTF-8");
  return utf8.decode(part);
}

function readFloat(size: 4 | 8): number {
  const start = advance(size);
  for (let index = 0; index < size; index += 1) floats.setUint8(index, input[start + index]!);
  const value = size === 4 ? floats.getFloat32(0) : floats.getFloat64(0);
  if (!Number.isFinite(value)) throw new NotMsgpack("finite numbers");
  return value;
}

/** A 64-bit integer; the sign is that of its upper half when `signed` is 1. */
function readInt64(signed: 0 | 1): number {
  const upper = signed === 1 ? readUint(4) | 0 : readUint(4);
  const value = upper * 4_294_967_296 + readUint(4);
  if (!Number.isSafeInteger(value)) throw new NotMsgpack("integers from -2^53 + 1 to 2^53 - 1");
  return value;
}

function readUint(size: 2 | 4): number {
  const start = advance(size);
  const upper = input[start]! * 256 + input[start + 1]!;
  if (size === 2) return upper;
  return upper * 65_536 + input[start + 2]! * 256 + input[start + 3]!;
}

function readByte(): number {
  return input[advance(1)]!;
}

/** Passes over that many bytes and returns where they start. */
function advance(count: number): number {
  const start = at;
  if (count > input.length - start) throw cutShort();
  at = start + count;
  return start;
}

function cutShort(): NotMsgpack {
  return new NotMsgpack("as long as its headers say");
}
