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

/** Calls at once, and then every `ms` milliseconds. */
export function every(ms: number, clock: Clock, call: () => void): Cancel {
  let cancel: Cancel = () => {};
  const tick = (): void => {
    call();
    cancel = clock.after(ms, tick);
  };
  tick();
  return () => cancel();
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
