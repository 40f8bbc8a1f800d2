import { Buffer } from "node:buffer";
import { Packr } from "msgpackr";
import type { Push } from "../../actors/session/messages.ts";
import type { Publication } from "../../actors/topic/messages.ts";
import { ok, type Result } from "../../core/result.ts";
import { readClientFrame } from "./client-frame.ts";
import type { Codec, Decoded, Encoded } from "./codec.ts";
import { refuse } from "./fields.ts";
import { type ServerFrame, SUBPROTOCOLS } from "./frames.ts";
import { NotMsgpack, readMsgpack } from "./msgpack-reader.ts";
import { MsgpackWriter } from "./msgpack-writer.ts";

/** The frames as MessagePack maps, one in a binary message. */
export const msgpackCodec: Codec = {
  subprotocol: SUBPROTOCOLS.msgpack,
  binary: true,
  decode,
  encode: (frame: ServerFrame): Encoded => packr.pack(withLongIntegers(frame)),
  encodePong,
  encodePush,
  encodePublication,
};

/** No records and no shared structures: what it writes, every MessagePack library can read. */
const packr = new Packr({ useRecords: false, variableMapSize: true });
const writer = new MsgpackWriter();

const TYPE_PONG = header("type", "pong");
const TYPE_PUSH = header("type", "push");
const ID = key("id");
const DATA = key("data");
const OFFSET = key("offset");
const TOPIC = key("topic");
const ACK = key("ack");
const EXPIRES_AT = key("expiresAt");
const REDELIVERED = key("redelivered");
const PAYLOAD = key("payload");

function decode(bytes: ArrayBuffer): Decoded {
  const value = readMsgpackValue(bytes);
  return value.ok ? readClientFrame(value.value) : value;
}

/** The value that the bytes are; `protocol.invalid` says why they are none. Never throws. */
export function readMsgpackValue(bytes: ArrayBuffer): Result<unknown> {
  try {
    return ok(readMsgpack(bytes));
  } catch (error) {
    if (!(error instanceof NotMsgpack)) throw error;
    return refuse("", `MessagePack: ${error.message}`, "something else");
  }
}

function encodePong(id: number, data: unknown): Encoded {
  const isText = typeof data === "string";
  const packed = isText || data === undefined ? undefined : packr.pack(data);
  writer.begin(64 + (isText ? data.length * 3 : (packed?.length ?? 0)));
  writer.byte(data === undefined ? 0x82 : 0x83);
  writer.bytes(TYPE_PONG);
  writer.bytes(ID);
  writer.integer(id);
  if (data !== undefined) writer.bytes(DATA);
  if (isText) writer.text(data);
  if (packed !== undefined) writer.bytes(packed);
  return writer.take();
}

function encodePush(push: Push, redelivered: boolean): Encoded {
  if (push.offset !== undefined) return pushBytes(push, push.offset, redelivered);
  push.wire.msgpack ??= Buffer.from(pushBytes(push, undefined, false));
  return push.wire.msgpack;
}

function pushBytes(push: Push, offset: number | undefined, redelivered: boolean): Uint8Array {
  const { id, topic, ack, expiresAt } = push;
  const payload = offset === undefined ? toMsgpack(push.payload) : payloadOf(push);
  writer.begin(128 + (id.length + topic.length) * 3 + payload.length);
  writer.byte(0x86 + (offset === undefined ? 0 : 1) + (redelivered ? 1 : 0));
  writer.bytes(TYPE_PUSH);
  writer.bytes(ID);
  writer.text(id);
  if (offset !== undefined) {
    writer.bytes(OFFSET);
    writer.integer(offset);
  }
  writer.bytes(TOPIC);
  writer.text(topic);
  writer.bytes(ACK);
  writer.byte(ack ? 0xc3 : 0xc2);
  writer.bytes(EXPIRES_AT);
  writer.integer(expiresAt);
  if (redelivered) {
    writer.bytes(REDELIVERED);
    writer.byte(0xc3);
  }
  writer.bytes(PAYLOAD);
  writer.bytes(payload);
  return writer.take();
}

function encodePublication(publication: Publication, lost: number): Encoded {
  if (lost > 0) return publicationBytes(publication, lost);
  publication.wire.msgpack ??= Buffer.from(publicationBytes(publication, 0));
  return publication.wire.msgpack;
}

function publicationBytes(publication: Publication, lost: number): Uint8Array {
  const { topic, offset, from, payload } = publication;
  return packr.pack({
    ...{ type: "publication", topic, offset: long(offset) },
    ...(from === undefined ? {} : { from }),
    ...(lost > 0 ? { lost: long(lost) } : {}),
    payload: JSON.parse(payload) as unknown,
  });
}

/** Of a push that is one user's own only the payload is kept: made once for all its devices. */
function payloadOf(push: Push): Uint8Array {
  push.wire.msgpack ??= toMsgpack(push.payload);
  return push.wire.msgpack;
}

/** Copied, because the packer's results are slices of a large buffer that they would keep. */
function toMsgpack(json: string): Uint8Array {
  return Buffer.from(packr.pack(JSON.parse(json)));
}

/**
 * The packer writes integers of more than 32 bits as floats, which a reader with types takes for
 * something else; as big integers it writes them as integers.
 */
function withLongIntegers(frame: ServerFrame): unknown {
  let copy: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(frame)) {
    if (name === "data" || name === "payload" || name === "result") continue;
    const written = name === "gap" ? longFields(value as object) : long(value);
    if (written === value) continue;
    copy ??= { ...frame };
    copy[name] = written;
  }
  return copy ?? frame;
}

function longFields(value: object): unknown {
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, long(part)]));
}

function long(value: unknown): unknown {
  const isLong = typeof value === "number" && value > 0xffff_ffff && Number.isInteger(value);
  return isLong ? BigInt(value) : value;
}

function key(name: string): Uint8Array {
  return packr.pack(name).slice();
}

function header(name: string, value: string): Uint8Array {
  return Buffer.concat([packr.pack(name), packr.pack(value)]);
}
