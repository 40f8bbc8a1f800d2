import { hash } from "node:crypto";
import type { ServerFrame } from "../protocol/frames.ts";

/** Requests remembered per session, and sessions that any are remembered of. */
const PER_SESSION = 64;
const SESSIONS_MAX = 10_000;
/** After so long without an answer a request that is repeated is done again. */
const PENDING_MS = 30_000;

/** What is known of a request that came: its answer, or that it is on its way. */
interface Remembered {
  /** Of the request's bytes: another request with an old number is a new one. */
  readonly digest: string;
  /** When it was passed on, in monotonic milliseconds. */
  readonly at: number;
  answer: ServerFrame | undefined;
}

export type Known =
  | { readonly type: "new" }
  /** It was passed on; its answer will come. */
  | { readonly type: "pending" }
  | { readonly type: "answered"; readonly answer: ServerFrame };

const NEW: Known = { type: "new" };
const PENDING: Known = { type: "pending" };

/**
 * Answers to the latest requests of each session, so that a request that is repeated on the next
 * channel, because its answer was lost with the last one, is answered and not done twice.
 *
 * One object per node, shared by the UDP sessions. Errors are not kept: what was refused may be
 * tried again. The oldest requests, and the sessions that were silent longest, go first.
 */
export class Replies {
  readonly #sessions = new Map<string, Map<number, Remembered>>();

  /** Notes a request that is passed on unless it was before. */
  begin(session: string, id: number, request: Uint8Array, now: number): Known {
    const requests = this.#of(session);
    const digest = hash("sha256", request, "base64url");
    const known = requests.get(id);
    if (known !== undefined && known.digest === digest) {
      if (known.answer !== undefined) return { type: "answered", answer: known.answer };
      if (now < known.at + PENDING_MS) return PENDING;
    }
    requests.delete(id);
    const oldest = requests.size < PER_SESSION ? undefined : requests.keys().next().value;
    if (oldest !== undefined) requests.delete(oldest);
    requests.set(id, { digest, at: now, answer: undefined });
    return NEW;
  }

  /** Keeps the answer to a request; an error makes it new again. */
  end(session: string, id: number, answer: ServerFrame): void {
    const requests = this.#sessions.get(session);
    const known = requests?.get(id);
    if (known === undefined) return;
    if (answer.type === "error") requests!.delete(id);
    else known.answer = answer;
  }

  #of(session: string): Map<number, Remembered> {
    const known = this.#sessions.get(session);
    if (known !== undefined) this.#sessions.delete(session);
    const oldest = this.#sessions.size < SESSIONS_MAX ? undefined : this.#sessions.keys().next();
    if (oldest?.value !== undefined) this.#sessions.delete(oldest.value);
    const requests = known ?? new Map<number, Remembered>();
    this.#sessions.set(session, requests);
    return requests;
  }
}
