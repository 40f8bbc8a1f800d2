import { Buffer } from "node:buffer";
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import {
  HEADER_BYTES,
  MAC_BYTES,
  NONCE_BYTES,
  PACKET,
  TAG_BYTES,
  TOKEN_BYTES,
  writeHeader,
} from "./packet.ts";

const CIPHER = "aes-128-gcm";
const KEY_BYTES = 16;
const IV_BYTES = 12;
const OPTIONS = { authTagLength: TAG_BYTES };

/** The keys of one channel: one seal for each direction. */
export interface ChannelKeys {
  readonly fromDevice: Seal;
  readonly fromServer: Seal;
}

/**
 * Derives the keys of one channel from the device's secret and the nonces of both sides.
 *
 * Neither side alone can bring about the same keys again, so that nothing of an earlier channel
 * is worth anything in this one.
 *
 * @see RFC 5869 (HKDF), with SHA-256
 */
export function channelKeys(
  secret: Uint8Array,
  deviceNonce: Uint8Array,
  serverNonce: Uint8Array,
): ChannelKeys {
  const salt = Buffer.concat([deviceNonce, serverNonce]);
  const length = 2 * (KEY_BYTES + IV_BYTES);
  const bytes = Buffer.from(hkdfSync("sha256", secret, salt, "herald udp 1 channel", length));
  const half = KEY_BYTES + IV_BYTES;
  return {
    fromDevice: new Seal(bytes.subarray(0, half)),
    fromServer: new Seal(bytes.subarray(half)),
  };
}

/** What proves in a `start` packet that its sender has the secret. */
export function startMac(secret: Uint8Array, nonce: Uint8Array, signed: Uint8Array): Buffer {
  const key = Buffer.from(hkdfSync("sha256", secret, nonce, "herald udp 1 start", 32));
  return createHmac("sha256", key).update(signed).digest().subarray(0, MAC_BYTES);
}

/** What proves in a `reset` packet that the server itself does not know the session any more. */
export function resetToken(secret: Uint8Array, session: string): Buffer {
  const mac = createHmac("sha256", secret).update(`herald udp 1 reset ${session}`);
  return mac.digest().subarray(0, TOKEN_BYTES);
}

const nonce = Buffer.alloc(IV_BYTES);

/** One direction's key: seals and opens packets, each number once. */
export class Seal {
  readonly #key: KeyObject;
  readonly #iv: Buffer;

  /** The key, then the start of every nonce. */
  constructor(bytes: Uint8Array) {
    // A key object: with plain bytes each packet would pay for making one, five times the work.
    this.#key = createSecretKey(Buffer.from(bytes.subarray(0, KEY_BYTES)));
    this.#iv = Buffer.from(bytes.subarray(KEY_BYTES));
  }

  /** A sealed packet of the type `data`. */
  seal(session: Uint8Array, number: number, plain: Uint8Array): Buffer {
    const packet = Buffer.allocUnsafe(HEADER_BYTES + plain.length + TAG_BYTES);
    writeHeader(packet, PACKET.data, session, number);
    this.#fill(packet, HEADER_BYTES, number, plain);
    return packet;
  }

  /** The `accept` packet: the server's nonce in the clear, then the reset token, sealed. */
  sealAccept(session: Uint8Array, serverNonce: Uint8Array, token: Uint8Array): Buffer {
    const start = HEADER_BYTES + NONCE_BYTES;
    const packet = Buffer.allocUnsafe(start + token.length + TAG_BYTES);
    writeHeader(packet, PACKET.accept, session, 0);
    packet.set(serverNonce, HEADER_BYTES);
    this.#fill(packet, start, 0, token);
    return packet;
  }

  /** The plain text after the first `start` bytes, which are authenticated; undefined if forged. */
  open(packet: Uint8Array, number: number, start: number = HEADER_BYTES): Buffer | undefined {
    const end = packet.length - TAG_BYTES;
    if (end <= start) return undefined;
    const decipher = createDecipheriv(CIPHER, this.#key, this.#nonce(number), OPTIONS);
    decipher.setAAD(packet.subarray(0, start));
    decipher.setAuthTag(packet.subarray(end));
    const plain = decipher.update(packet.subarray(start, end));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return plain;
  }

  #fill(packet: Buffer, start: number, number: number, plain: Uint8Array): void {
    const cipher = createCipheriv(CIPHER, this.#key, this.#nonce(number), OPTIONS);
    cipher.setAAD(packet.subarray(0, start));
    packet.set(cipher.update(plain), start);
    cipher.final();
    packet.set(cipher.getAuthTag(), start + plain.length);
  }

  /** Shared by all: a cipher copies it when it is made. */
  #nonce(number: number): Buffer {
    this.#iv.copy(nonce);
    const low = number % 0x1_0000_0000;
    const high = (number - low) / 0x1_0000_0000;
    nonce.writeUInt16BE(nonce.readUInt16BE(6) ^ high, 6);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ low) >>> 0, 8);
    return nonce;
  }
}
