const BEAT_MS = 1000;

/**
 * Seconds in which the process has run: what the silence of devices, and the time for a log-in, are
 * counted in.
 *
 * While a process stands still none of them passes, and what devices sent waits in its sockets:
 * it is read before anybody is taken as silent or late. Their owner calls `next` once a second.
 */
export class Beats {
  /** How many have passed since the start. */
  count = 0;

  next(): void {
    this.count += 1;
  }

  /** The count from which on at least `ms` have passed, wherever within a beat it is now. */
  in(ms: number): number {
    return this.count + 1 + Math.ceil(ms / BEAT_MS);
  }

  /** The milliseconds in which a count is reached, unless the process stands still. */
  msUntil(count: number): number {
    return (count - this.count) * BEAT_MS;
  }
}
