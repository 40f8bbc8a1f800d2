import { randomBytes } from "node:crypto";

/** Returns a number in [0, 1). */
export type Random = () => number;

/** Chance for jitter and sampling; never for secrets. */
export const systemRandom: Random = () => Math.random();

/**
 * A generator that repeats itself for the same seed (Mulberry32, public domain).
 *
 * For tests and simulations, so that a failure can be run again.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Returns a new identifier: `prefix_` and 128 random bits in base64url. */
export type NewId = (prefix: string) => string;

export const systemNewId: NewId = (prefix) => `${prefix}_${randomBytes(16).toString("base64url")}`;
