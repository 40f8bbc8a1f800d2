import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";

/** What a classic device is told when it may not log in: the one byte of the answer. */
export const LOGIN_ERRORS = {
  params: 1,
  type: 2,
  device: 3,
  timestamp: 4,
  timeout: 5,
  digest: 6,
  elsewhere: 7,
  "bad-timeout": 8,
  server: 9,
  password: 10,
  second: 11,
  "forced-offline": 12,
} as const;

export type LoginError = keyof typeof LOGIN_ERRORS;

/** The text `id|timestamp|timeout|digest` that a classic device sends first. */
export interface ClassicLogin {
  readonly id: bigint;
  /** The device's clock, in seconds since the Unix epoch; 0: it has none. */
  readonly timestamp: number;
  /** Its heartbeat in seconds. */
  readonly timeout: number;
}

export interface LoginRules {
  /** What devices and the node share. */
  readonly secret: string;
  /** The largest difference of the clocks, in seconds. */
  readonly skewMax: number;
  /** Whether a device without a clock (timestamp 0) is let in. */
  readonly allowsNoClock: boolean;
}

/** Who a log-in was for that was refused, and whether it had the secret. */
export interface LoginClaim {
  readonly id: bigint;
  readonly isProven: boolean;
}

const PARTS = 4;
const TEXT_MAX = 256;
const INTEGER = /^-?(0|[1-9][0-9]{0,18})$/;
const TIMEOUT_MAX = 86_400;
const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

/** Reads and checks a log-in at an instant in milliseconds; never throws. */
export function readLogin(
  text: string,
  rules: LoginRules,
  now: number,
):
  | { readonly ok: true; readonly login: ClassicLogin }
  | { readonly ok: false; readonly error: LoginError; readonly claim?: LoginClaim } {
  const parts = text.length > TEXT_MAX ? [] : text.split("|");
  if (parts.length !== PARTS) return { ok: false, error: "params" };
  const [id, timestamp, timeout, digest] = parts as [string, string, string, string];
  if (!INTEGER.test(id) || BigInt(id) < INT64.min || BigInt(id) > INT64.max || BigInt(id) === 0n) {
    return { ok: false, error: "device" };
  }
  const claim = { id: BigInt(id), isProven: false };
  const isInstant = INTEGER.test(timestamp) && Number.isSafeInteger(Number(timestamp));
  if (!isInstant || timestamp[0] === "-") return { ok: false, error: "timestamp", claim };
  if (!INTEGER.test(timeout)) return { ok: false, error: "timeout", claim };
  const isTimeout = timeout[0] !== "-" && Number(timeout) <= TIMEOUT_MAX;
  if (!isTimeout) return { ok: false, error: "bad-timeout", claim };
  // The digest comes before the clock: nobody without the secret learns what the node's says.
  const expected = Buffer.from(loginDigest(`${id}|${timestamp}|${timeout}`, rules.secret));
  const given = Buffer.from(digest);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    return { ok: false, error: "digest", claim };
  }
  const skew = Math.abs(now / 1000 - Number(timestamp));
  const isTimely = timestamp === "0" ? rules.allowsNoClock : skew < rules.skewMax;
  if (!isTimely) return { ok: false, error: "timestamp", claim: { ...claim, isProven: true } };
  return {
    ok: true,
    login: { id: BigInt(id), timestamp: Number(timestamp), timeout: Number(timeout) },
  };
}

/** The digest of `id|timestamp|timeout`: base64 of the MD5 of it, a bar, and the secret. */
export function loginDigest(head: string, secret: string): string {
  return createHash("md5").update(`${head}|${secret}`).digest("base64");
}
