import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";
import { COOKIE_BYTES } from "./packet.ts";

/** Of the cookie's slot. The cookie of one slot is good in the next one, too. */
export const SLOT_MS = 30_000;
const SLOT_BYTES = 4;

/**
 * Cookies that prove an address without remembering it: whoever sends one back got it there.
 *
 * A cookie is the number of its time slot and the first 128 bits of an HMAC-SHA256 over the
 * address, the slot and the device's nonce. It is good for 30 to 60 seconds.
 */
export class Cookies {
  readonly #secret: Uint8Array;

  /** The secret is this boot's own: no cookie outlives the process. */
  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  bake(address: string, port: number, nonce: Uint8Array, monotonic: number): Buffer {
    return this.#at(Math.floor(monotonic / SLOT_MS), address, port, nonce);
  }

  verify(
    cookie: Uint8Array,
    address: string,
    port: number,
    nonce: Uint8Array,
    monotonic: number,
  ): boolean {
    if (cookie.length !== COOKIE_BYTES) return false;
    const slot = Buffer.from(cookie).readUInt32BE(0);
    const age = Math.floor(monotonic / SLOT_MS) - slot;
    if (age !== 0 && age !== 1) return false;
    return timingSafeEqual(cookie, this.#at(slot, address, port, nonce));
  }

  #at(slot: number, address: string, port: number, nonce: Uint8Array): Buffer {
    const cookie = Buffer.alloc(COOKIE_BYTES);
    cookie.writeUInt32BE(slot >>> 0, 0);
    const mac = createHmac("sha256", this.#secret)
      .update(JSON.stringify(["cookie", slot, address, port]))
      .update(nonce)
      .digest();
    mac.copy(cookie, SLOT_BYTES, 0, COOKIE_BYTES - SLOT_BYTES);
    return cookie;
  }
}
