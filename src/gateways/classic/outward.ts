import { Buffer } from "node:buffer";
import { boardOf } from "../../core/address.ts";
import { STATUS_EVENTS } from "../../core/relations.ts";
import { type Fields, isFields } from "../protocol/fields.ts";
import type { Drop } from "./counts.ts";
import {
  type ClassicMessage,
  type DataHeader,
  MESSAGE_IDS,
  readMessage,
  restamped,
  writeMessage,
} from "./data.ts";
import { readEnvelope } from "./envelope.ts";
import {
  type FrameHeader,
  NARROW_HEADER_BYTES,
  OPCODES,
  readFrameHeader,
  writeFrameHeader,
} from "./frame.ts";
import { classicId, classicNumber, type IdSpace } from "./ids.ts";
import type { Self } from "./inward.ts";
import { writeStatus } from "./status.ts";

/** What the server itself counts on, per device. */
export interface Sequence {
  /** 0 to 65 535. */
  frame: number;
  /** 0 to 255. */
  data: number;
}

/** What goes into a header besides whom it is for. */
export interface Writing {
  readonly space: IdSpace;
  readonly bytesMax: number;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** `message` is what the bytes read as, where their layout is known. */
export type Outward =
  | {
      readonly type: "bytes";
      readonly bytes: Buffer;
      readonly message: ClassicMessage | undefined;
    }
  | { readonly type: "dropped"; readonly reason: Drop };

const BY_SERVER = 0n;

/** The bytes of another device's message; `from` is its address. */
export function writeParcel(
  { from, payload }: { readonly from: string; readonly payload: unknown },
  self: Self,
  sequence: Sequence,
  writing: Writing,
): Outward {
  const { space, bytesMax } = writing;
  const content = readEnvelope(payload, bytesMax);
  if (content === undefined) return dropped("no-words");
  const principal = principalOf(from);
  const source = classicNumber(principal, space) ?? BY_SERVER;
  if (content.type === "bytes")
    return readdressed(content.bytes, self, { principal, source, space });
  const { messageId, body } = content;
  if (space.bits === 64)
    return written(messageId, body, self, { source, sequence, now: writing.now });
  const bytes = Buffer.alloc(NARROW_HEADER_BYTES + body.length);
  bytes.set(body, NARROW_HEADER_BYTES);
  writeFrameHeader(bytes, frameFor(self, { source, sequence, now: writing.now }), "narrow");
  return { type: "bytes", bytes, message: undefined };
}

/** A status event: the payload of a push with the topic `herald.status`. */
export function writeStatusOf(
  status: unknown,
  self: Self,
  sequence: Sequence,
  writing: Writing,
): Outward {
  if (!isFields(status)) return dropped("no-words");
  const { type, about } = status;
  if (typeof type !== "number" || typeof about !== "string") return dropped("no-words");
  if (!isForClassic(type, about, self)) return dropped("no-words");
  const id = classicNumber(principalOf(about), writing.space);
  if (id === undefined) return dropped("no-number");
  const payload = payloadOf(status, writing.space);
  const body = writeStatus({ type, id, payload });
  return writeOwn(MESSAGE_IDS.status, body, self, sequence, writing);
}

/** A message of the server's own. */
export function writeOwn(
  messageId: number,
  body: Buffer,
  self: Self,
  sequence: Sequence,
  { space, now }: Writing,
): Outward {
  const facts = { source: BY_SERVER, sequence, now };
  // Narrow devices are told no more than that layout is known to have words for.
  if (space.bits === 32) return dropped("no-words");
  return written(messageId, body, self, facts);
}

interface Facts {
  readonly source: bigint;
  readonly sequence: Sequence;
  readonly now: number;
}

function written(messageId: number, body: Buffer, self: Self, facts: Facts): Outward {
  const { sequence } = facts;
  sequence.data = (sequence.data + 1) & 0xff;
  const data: DataHeader = {
    ...{ isRead: false, isAck: false, format: 0, keyLevel: 0, encryption: 0 },
    ...{ sequence: sequence.data, deviceType: 0, messageId },
  };
  const message: ClassicMessage = { frame: frameFor(self, facts), data, body };
  return { type: "bytes", bytes: writeMessage(message), message };
}

function frameFor({ number }: Self, { source, sequence, now }: Facts): FrameHeader {
  sequence.frame = (sequence.frame + 1) & 0xffff;
  return {
    ...{ isFinal: true, isMasked: false, version: 0, opcode: OPCODES.forward },
    ...{ sequence: sequence.frame, time: Math.floor(now / 1000), destination: number, source },
  };
}

/**
 * Nobody but the server's own routing says who sent it and for whom it is: the source stays only
 * if it is a number of the sender's, the destination only if it is one of the receiver's or all.
 */
function readdressed(
  bytes: Buffer,
  self: Self,
  {
    principal,
    source,
    space,
  }: {
    readonly principal: string;
    readonly source: bigint;
    readonly space: IdSpace;
  },
): Outward {
  const layout = space.bits === 64 ? "wide" : "narrow";
  const read = layout === "wide" ? readMessage(bytes) : undefined;
  const header = layout === "wide" ? undefined : readFrameHeader(bytes, "narrow");
  const frame = read?.ok ? read.value.frame : header?.ok ? header.value : undefined;
  if (frame === undefined) return dropped("malformed");
  const isSenders = classicId(frame.source, space)?.principal === principal;
  const { destination } = frame;
  const isReceivers =
    destination === 0n || classicId(destination, space)?.principal === self.principal;
  const addressed = {
    ...frame,
    source: isSenders ? frame.source : source,
    destination: isReceivers ? destination : self.number,
  };
  const message = read?.ok ? { ...read.value, frame: addressed } : undefined;
  return { type: "bytes", bytes: restamped(bytes, addressed, layout), message };
}

/** Of old, phones were told of boards that come and go, and boards of being bound. */
function isForClassic(type: number, about: string, { kind }: Self): boolean {
  const isPresence =
    type === STATUS_EVENTS["device.online"] || type === STATUS_EVENTS["device.offline"];
  if (isPresence) return kind === "phone" && boardOf(about) !== undefined;
  const isBinding =
    type === STATUS_EVENTS["board.bound"] || type === STATUS_EVENTS["board.unbound"];
  return kind === "phone" || isBinding;
}

/** Who else is concerned, as a number of eight bytes; of a kick, why, in words. */
function payloadOf(status: Fields, space: IdSpace): Buffer {
  const { type, reason, family, user } = status;
  if (type === STATUS_EVENTS["user.kicked"]) {
    return Buffer.from(typeof reason === "string" ? reason : "");
  }
  const isBinding =
    type === STATUS_EVENTS["board.bound"] || type === STATUS_EVENTS["board.unbound"];
  const isFamilys = Number(type) <= STATUS_EVENTS["family.refused"];
  const other = isBinding ? user : isFamilys ? family : undefined;
  const id = typeof other === "string" ? classicNumber(other, space) : undefined;
  if (id === undefined) return Buffer.alloc(0);
  const payload = Buffer.alloc(8);
  payload.writeBigInt64LE(id);
  return payload;
}

/** The key of the principal at an address. */
function principalOf(address: string): string {
  return address.startsWith("user:") ? address.slice("user:".length) : address;
}

function dropped(reason: Drop): Outward {
  return { type: "dropped", reason };
}
