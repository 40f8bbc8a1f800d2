import type { Buffer } from "node:buffer";
import { hash } from "node:crypto";

/** What is known of a datagram that came before: its reply, or that it is being worked on. */
export type Known =
  | { readonly type: "new" }
  /** It came before and could not be done: its number is not too old. */
  | { readonly type: "again" }
  | { readonly type: "pending" }
  | { readonly type: "replied"; readonly bytes: Buffer };

interface Remembered {
  readonly until: number;
  /** Undefined while it is worked on. */
  bytes: Buffer | "failed" | undefined;
}

/** Datagrams remembered; the oldest go first. */
const REMEMBERED_MAX = 20_000;
/** After so long the same bytes are a new question. */
const REMEMBERED_MS = 30_000;

/**
 * Replies to the latest datagrams, so that one that is repeated because its reply was lost gets
 * the same bytes and is not done twice. Only from the place it came from: a reply is not for
 * whoever repeats what was overheard.
 */
export class UdpReplies {
  readonly #known = new Map<string, Remembered>();

  /** Notes a datagram that is worked on from now, unless it was before; monotonic `now`. */
  begin(key: string, now: number): Known {
    for (const [oldest, { until }] of this.#known) {
      if (until > now && this.#known.size < REMEMBERED_MAX) break;
      this.#known.delete(oldest);
    }
    const known = this.#known.get(key);
    if (known === undefined) {
      this.#known.set(key, { until: now + REMEMBERED_MS, bytes: undefined });
      return { type: "new" };
    }
    const { bytes } = known;
    if (bytes === undefined) return { type: "pending" };
    if (bytes !== "failed") return { type: "replied", bytes };
    known.bytes = undefined;
    return { type: "again" };
  }

  /** `failed`: there was no reply, and the same datagram may be worked on again. */
  end(key: string, bytes: Buffer | "failed"): void {
    const known = this.#known.get(key);
    if (known !== undefined) known.bytes = bytes;
  }

  /** It was not worked on at all. */
  forget(key: string): void {
    this.#known.delete(key);
  }

  static keyOf(bytes: Buffer, { address, port }: { address: string; port: number }): string {
    return `${address} ${port} ${hash("sha256", bytes, "base64url")}`;
  }
}
