/** Where a device says 0 it is silent for at most so long. */
const SILENCE_SECONDS = 150;
/** How many of its own heartbeats a device may miss, and how much more narrow ones are given. */
const HEARTBEATS = 3;
const NARROW_SECONDS = 30;

/** After so many seconds without anything a device is gone; `timeout` is what its log-in said. */
export function silenceSeconds(timeout: number, bits: 32 | 64): number {
  if (timeout === 0) return SILENCE_SECONDS;
  return bits === 64 ? timeout * HEARTBEATS : timeout + NARROW_SECONDS;
}
