import { hash } from "node:crypto";
import type { ServerFrame } from "../protocol/frames.ts";

/** Requests remembered per session, and sessions that any are remembered of. */
const PER_SESSION = 64;
const SESSIONS_MAX = 10_000;
/** What was said before that is not remembered: longer than any request waits for its answer. */
const KEPT_MS = 600_000;
/** After so long, and what it waits for by itself, a request without an answer is done again. */
const PENDING_MS = 30_000;

/** What is known of a request that came: its answer, or that it is on its way. */
interface Remembered {
  /** Of the request's bytes: another request with an old number is a new one. */
  readonly digest: string;
  /** Where it came last: what comes there again is meant again, as the channel repeats nothing. */
  channel: string;
  /** Until when its answer may be on its way, in monotonic milliseconds. */
  readonly until: number;
  answer: ServerFrame | undefined;
}

/** What one session has asked, and when it last did, in monotonic milliseconds. */
interface Spoken {
  readonly requests: Map<number, Remembered>;
  readonly at: number;
}

/** A request as it came. */
export interface Asked {
  readonly id: number;
  readonly bytes: Uint8Array;
  /** The id of the UDP session that it came by. */
  readonly channel: string;
  /** For how long it says that it waits for its answer. */
  readonly waitsMs: number;
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
 * tried again. Of a session, those that were answered longest ago go first: answers come in order,
 * so that a device with at most so many requests on their way has had them. The sessions that were
 * silent longest go first, too, and everything goes after ten minutes.
 */
export class Replies {
  /** By session, the one that said something last at the end. */
  readonly #sessions = new Map<string, Spoken>();

  /** Notes a request that is passed on unless it was before; `now` is monotonic. */
  begin(session: string, { id, bytes, channel, waitsMs }: Asked, now: number): Known {
    this.#forget(now);
    const requests = this.#of(session, now);
    const digest = hash("sha256", bytes, "base64url");
    const known = requests.get(id);
    if (known !== undefined && known.digest === digest && known.channel !== channel) {
      known.channel = channel;
      if (known.answer !== undefined) return { type: "answered", answer: known.answer };
      if (now < known.until) return PENDING;
    }
    requests.delete(id);
    dropOld(requests, now);
    if (requests.size >= PER_SESSION) requests.delete(oldestOf(requests));
    const until = now + PENDING_MS + waitsMs;
    requests.set(id, { digest, channel, until, answer: undefined });
    return NEW;
  }

  /** Keeps the answer to a request; an error makes it new again. */
  end(session: string, id: number, answer: ServerFrame): void {
    const requests = this.#sessions.get(session)?.requests;
    const known = requests?.get(id);
    if (known === undefined) return;
    requests!.delete(id);
    if (answer.type !== "error") requests!.set(id, { ...known, answer });
  }

  /** Those that have been silent for so long that nothing of theirs is on its way. */
  #forget(now: number): void {
    for (const [session, { at }] of this.#sessions) {
      if (at >= now - KEPT_MS) break;
      this.#sessions.delete(session);
    }
  }

  #of(session: string, at: number): Map<number, Remembered> {
    const known = this.#sessions.get(session);
    if (known !== undefined) this.#sessions.delete(session);
    const oldest = this.#sessions.size < SESSIONS_MAX ? undefined : this.#sessions.keys().next();
    if (oldest?.value !== undefined) this.#sessions.delete(oldest.value);
    const requests = known?.requests ?? new Map<number, Remembered>();
    this.#sessions.set(session, { requests, at });
    return requests;
  }
}

/** Forgets what nobody asks for again; what was answered or asked first comes first. */
function dropOld(requests: Map<number, Remembered>, now: number): void {
  for (const [id, { until }] of requests) {
    if (until > now - KEPT_MS) break;
    requests.delete(id);
  }
}

/** The one that was answered first; where none has an answer, the one that came first. */
function oldestOf(requests: ReadonlyMap<number, Remembered>): number {
  for (const [id, { answer }] of requests) if (answer !== undefined) return id;
  return requests.keys().next().value!;
}
