import { Buffer } from "node:buffer";

/**
 * The layout of datagrams, version 1, as `docs/udp.md` describes it. All numbers are big-endian.
 *
 * The first byte is the version in the upper half and the type in the lower one.
 */
export const VERSION = 1;

export const PACKET = {
  init: 1,
  cookie: 2,
  start: 3,
  accept: 4,
  data: 5,
  refuse: 6,
  reset: 7,
  version: 8,
} as const;

/** No datagram is larger: it fits every path of the Internet without being cut in two. */
export const DATAGRAM_MAX = 1200;
export const NONCE_BYTES = 16;
export const SESSION_BYTES = 8;
/** First byte, session id, packet number: what authenticates with a sealed packet. */
export const HEADER_BYTES = 1 + SESSION_BYTES + 6;
export const TAG_BYTES = 16;
export const COOKIE_BYTES = 20;
export const MAC_BYTES = 16;
export const TOKEN_BYTES = 16;
/** Of a packet of the handshake that a device sends, so that no answer to it is larger. */
export const OPENING_MIN = 128;
/** A sealed packet holds something. */
export const DATA_MIN = HEADER_BYTES + 1 + TAG_BYTES;
/** Of the plain text of one datagram. */
export const PAYLOAD_MAX = DATAGRAM_MAX - HEADER_BYTES - TAG_BYTES;

/** Why a start was refused; the device's address is proven by then. */
export const REFUSALS = { unauthorized: 1, busy: 2, draining: 3 } as const;

export type Refusal = keyof typeof REFUSALS;

/** Which secret keys a handshake: a device's own, or one that only registers boards. */
export type KeyId =
  | { readonly type: "device"; readonly principal: string; readonly device: string }
  | { readonly type: "provisioning"; readonly id: string };

export interface Start {
  readonly nonce: Uint8Array;
  readonly cookie: Uint8Array;
  readonly key: KeyId;
  /** Everything before the MAC, which it is made of. */
  readonly signed: Uint8Array;
  readonly mac: Uint8Array;
}

const KEY_TYPES = { device: 0, provisioning: 1 } as const;
const COOKIE_AT = 1 + NONCE_BYTES;
const KEY_AT = COOKIE_AT + COOKIE_BYTES;

export function firstByte(type: number): number {
  return (VERSION << 4) | type;
}

export function versionOf(bytes: Uint8Array): number {
  return bytes[0]! >> 4;
}

export function typeOf(bytes: Uint8Array): number {
  return bytes[0]! & 0x0f;
}

/** The nonce of an `init`, a `cookie`, a `start`, a `refuse` or a `version`. */
export function nonceOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(1, COOKIE_AT);
}

export function cookieOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(COOKIE_AT, KEY_AT);
}

/** The session id of an `accept`, a `data` or a `reset` packet, in hex. */
export function sessionOf(bytes: Buffer): string {
  return bytes.toString("hex", 1, 1 + SESSION_BYTES);
}

export function numberOf(bytes: Buffer): number {
  return bytes.readUIntBE(1 + SESSION_BYTES, 6);
}

export function writeInit(nonce: Uint8Array): Buffer {
  const bytes = Buffer.alloc(OPENING_MIN);
  bytes[0] = firstByte(PACKET.init);
  bytes.set(nonce, 1);
  return bytes;
}

export function writeCookie(nonce: Uint8Array, cookie: Uint8Array): Buffer {
  return Buffer.concat(
    [[firstByte(PACKET.cookie)], nonce, cookie].map((part) => Buffer.from(part)),
  );
}

/** A `start` without its MAC, padded so that with it it is at least `OPENING_MIN` long. */
export function writeStart(nonce: Uint8Array, cookie: Uint8Array, key: KeyId): Buffer {
  const names = key.type === "device" ? [key.principal, key.device] : [key.id];
  const texts = names.map((name) => Buffer.from(name, "utf8"));
  const head = [Buffer.from([firstByte(PACKET.start)]), nonce, cookie, keyHead(key)];
  const parts = texts.flatMap((text) => [
    Buffer.from([text.length >> 8, text.length & 0xff]),
    text,
  ]);
  const packet = Buffer.concat([...head, ...parts]);
  const short = OPENING_MIN - MAC_BYTES - packet.length;
  return short > 0 ? Buffer.concat([packet, Buffer.alloc(short)]) : packet;
}

function keyHead(key: KeyId): Buffer {
  return Buffer.from([KEY_TYPES[key.type]]);
}

/** Reads a `start`; undefined when it is none. */
export function readStart(bytes: Buffer): Start | undefined {
  if (bytes.length < OPENING_MIN) return undefined;
  const end = bytes.length - MAC_BYTES;
  const type = bytes[KEY_AT];
  const names: string[] = [];
  let at = KEY_AT + 1;
  for (let left = type === KEY_TYPES.device ? 2 : 1; left > 0; left -= 1) {
    if (at + 2 > end) return undefined;
    const length = bytes.readUInt16BE(at);
    at += 2;
    if (length === 0 || at + length > end) return undefined;
    names.push(bytes.toString("utf8", at, at + length));
    at += length;
  }
  const key = keyOf(type, names);
  if (key === undefined) return undefined;
  const signed = bytes.subarray(0, end);
  return { nonce: nonceOf(bytes), cookie: cookieOf(bytes), key, signed, mac: bytes.subarray(end) };
}

function keyOf(type: number | undefined, names: readonly string[]): KeyId | undefined {
  if (type === KEY_TYPES.provisioning) return { type: "provisioning", id: names[0]! };
  if (type !== KEY_TYPES.device) return undefined;
  return { type: "device", principal: names[0]!, device: names[1]! };
}

export function writeRefuse(nonce: Uint8Array, refusal: Refusal): Buffer {
  const bytes = Buffer.alloc(COOKIE_AT + 1);
  bytes[0] = firstByte(PACKET.refuse);
  bytes.set(nonce, 1);
  bytes[COOKIE_AT] = REFUSALS[refusal];
  return bytes;
}

/** Why it was refused; undefined when the packet is none, or the reason is not known here. */
export function readRefuse(bytes: Uint8Array): Refusal | undefined {
  const names = Object.keys(REFUSALS) as Refusal[];
  return names.find((name) => REFUSALS[name] === bytes[COOKIE_AT]);
}

/** The answer to a first packet of another version: which versions there are. */
export function writeVersion(nonce: Uint8Array): Buffer {
  const bytes = Buffer.alloc(COOKIE_AT + 2);
  bytes[0] = firstByte(PACKET.version);
  bytes.set(nonce, 1);
  bytes[COOKIE_AT] = 1;
  bytes[COOKIE_AT + 1] = VERSION;
  return bytes;
}

export function writeReset(session: string, token: Uint8Array): Buffer {
  const bytes = Buffer.alloc(1 + SESSION_BYTES + TOKEN_BYTES);
  bytes[0] = firstByte(PACKET.reset);
  bytes.write(session, 1, "hex");
  bytes.set(token, 1 + SESSION_BYTES);
  return bytes;
}

export function tokenOf(reset: Uint8Array): Uint8Array {
  return reset.subarray(1 + SESSION_BYTES);
}

/** Writes first byte, session id and packet number at the start of a buffer. */
export function writeHeader(bytes: Buffer, type: number, session: Uint8Array, number: number) {
  bytes[0] = firstByte(type);
  bytes.set(session, 1);
  bytes.writeUIntBE(number, 1 + SESSION_BYTES, 6);
}
