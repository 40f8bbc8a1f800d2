/** Undoes a schedule; harmless once it has fired. */
export type Cancel = () => void;

/** The only source of time in the runtime. */
export interface Clock {
  /** Milliseconds since the Unix epoch. Wall time: it may jump, also backwards. */
  now(): number;
  /** Milliseconds since some fixed moment. Never goes back; use it for deadlines and leases. */
  monotonic(): number;
  /** Calls `fire` once, after at least `delayMs` milliseconds. */
  after(delayMs: number, fire: () => void): Cancel;
}

/** The real clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
