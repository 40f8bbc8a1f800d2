import { type Backoff, backoffMs } from "./backoff.ts";
import type { ConnectionEnd } from "./connection.ts";

/** Close codes from the first to the last of these say: not again until something has changed. */
const FINAL_FIRST = 4_200;
const FINAL_LAST = 4_299;
/** The credential is not accepted, or has expired: another one may be. */
const UNAUTHORIZED = 4_202;
const CREDENTIAL_EXPIRED = 4_203;
/** A connection that held this long was a good one: the back-off begins anew. */
const STABLE_MS = 5_000;

/** What to do after a connection has ended. */
export type Decision =
  | { readonly type: "stop" }
  | {
      readonly type: "retry";
      readonly afterMs: number;
      /** Attempts that have failed one after the other, this one included. */
      readonly attempts: number;
      /** The server asked for this wait: nothing may shorten it. */
      readonly asked: boolean;
      /** The credential is good no longer: get another one first. */
      readonly renew: boolean;
    };

export interface RetryOptions {
  readonly backoff: Backoff;
  readonly random: () => number;
  readonly attempts: number;
  /** Whether a fresh credential can be had and has not just been refused. */
  readonly canRenew: boolean;
}

export function decide(end: ConnectionEnd, options: RetryOptions): Decision {
  const { backoff, random, canRenew } = options;
  const code = end.kick?.code ?? end.code;
  const renew = (code === CREDENTIAL_EXPIRED || code === UNAUTHORIZED) && canRenew;
  const final = code !== undefined && code >= FINAL_FIRST && code <= FINAL_LAST;
  if (!renew && (final || end.kick?.reconnect === false)) return { type: "stop" };
  const stable = (end.connectedMs ?? 0) >= STABLE_MS;
  const attempts = stable ? 0 : options.attempts;
  const askedMs = end.kick?.retryAfterMs ?? end.error?.retryAfterMs;
  // Also behind a wait that was asked for, so that two nodes that redirect to each other, or one
  // that has no room for long, see a device ever less.
  const afterMs = (askedMs ?? 0) + backoffMs(backoff, attempts, random);
  return { type: "retry", afterMs, attempts: attempts + 1, asked: askedMs !== undefined, renew };
}
