/** Undoes a schedule; harmless once it has fired. */
export type Cancel = () => void;

/** The only source of time in the SDK, so that tests can move it. */
export interface ClientClock {
  /** Milliseconds since some fixed moment. Never goes back. */
  monotonic(): number;
  /** Calls `fire` once, after at least `delayMs` milliseconds. */
  after(delayMs: number, fire: () => void): Cancel;
}

/** The real clock. Its timers keep a Node process alive: a device that waits is not done. */
export const realClock: ClientClock = {
  monotonic: () => performance.now(),
  after(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    return () => clearTimeout(timer);
  },
};
