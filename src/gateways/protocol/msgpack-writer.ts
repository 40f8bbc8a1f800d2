import { Buffer } from "node:buffer";

const SLAB_BYTES = 65_536;

/**
 * Writes MessagePack into slices of a slab, front to back.
 *
 * `begin` makes room, the others write, `take` ends the slice and hands it out. A slice is never
 * written again; a slab lives as long as one of its slices.
 */
export class MsgpackWriter {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #start = 0;
  #at = 0;

  /** Starts a slice of at most `bytesMax`; going beyond is the caller's mistake. */
  begin(bytesMax: number): void {
    if (this.#slab.length - this.#at < bytesMax) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytesMax));
      this.#at = 0;
    }
    this.#start = this.#at;
  }

  take(): Uint8Array {
    return this.#slab.subarray(this.#start, this.#at);
  }

  byte(value: number): void {
    this.#slab[this.#at] = value;
    this.#at += 1;
  }

  bytes(part: Uint8Array): void {
    this.#slab.set(part, this.#at);
    this.#at += part.length;
  }

  /** Writes an integer from 0 to 2^53 - 1 in its shortest form. */
  integer(value: number): void {
    if (value < 0x80) {
      this.byte(value);
    } else if (value <= 0xff) {
      this.byte(0xcc);
      this.byte(value);
    } else if (value <= 0xffff) {
      this.byte(0xcd);
      this.#at = this.#slab.writeUInt16BE(value, this.#at);
    } else if (value <= 0xffff_ffff) {
      this.byte(0xce);
      this.#at = this.#slab.writeUInt32BE(value, this.#at);
    } else {
      this.byte(0xcf);
      this.#at = this.#slab.writeUInt32BE(Math.floor(value / 4_294_967_296), this.#at);
      this.#at = this.#slab.writeUInt32BE(value % 4_294_967_296, this.#at);
    }
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    if (length <= 31) {
      this.byte(0xa0 | length);
    } else if (length <= 0xff) {
      this.byte(0xd9);
      this.byte(length);
    } else if (length <= 0xffff) {
      this.byte(0xda);
      this.#at = this.#slab.writeUInt16BE(length, this.#at);
    } else {
      this.byte(0xdb);
      this.#at = this.#slab.writeUInt32BE(length, this.#at);
    }
    this.#at += this.#slab.write(value, this.#at);
  }
}
