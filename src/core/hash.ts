import { createHash } from "node:crypto";

/**
 * A 32-bit hash of a text, the same on every machine and in every version.
 *
 * FNV-1a over the UTF-8 bytes, then MurmurHash3's finalizer, so that the low bits are as good as
 * the high ones. Stored data depend on it (the partition of a member): it never changes. Not for
 * secrets, and not safe against texts chosen to collide.
 *
 * @see http://www.isthe.com/chongo/tech/comp/fnv/ (public domain)
 */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) {
      hash = Math.imul(hash ^ unit, 0x01000193);
      continue;
    }
    const point = text.codePointAt(index)!;
    if (point > 0xffff) index += 1;
    hash = mixPoint(hash, point);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The one partition of a member; `partitions` is a power of two. */
export function partitionOf(member: string, partitions: number): number {
  return hash32(member) & (partitions - 1);
}

/** A code point from U+0080 up, as its two to four UTF-8 bytes. */
function mixPoint(hash: number, point: number): number {
  const mix = (byte: number): void => {
    hash = Math.imul(hash ^ byte, 0x01000193);
  };
  const tail = (shift: number): number => 0x80 | ((point >> shift) & 0x3f);
  if (point < 0x800) {
    mix(0xc0 | (point >> 6));
  } else if (point < 0x10000) {
    mix(0xe0 | (point >> 12));
    mix(tail(6));
  } else {
    mix(0xf0 | (point >> 18));
    mix(tail(12));
    mix(tail(6));
  }
  mix(tail(0));
  return hash;
}

/** A SHA-256 that is fed piece by piece. */
export interface Digest {
  add(text: string): void;
  /** The digest in hex; nothing may be added after it. */
  end(): string;
}

export function sha256(): Digest {
  const hash = createHash("sha256");
  return {
    add: (text) => void hash.update(text),
    end: () => hash.digest("hex"),
  };
}
