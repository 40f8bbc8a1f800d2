import type { Clock } from "../../core/clock.ts";
import type { Random } from "../../core/random.ts";
import type { Guest, Hub } from "./hub.ts";

/** How a node is emptied while it goes on running. */
export interface Redirection {
  /** Where devices are told to connect instead, as `wss://…`; absent: only not here. */
  readonly url?: string | undefined;
  /** Over which time the connections are closed, evenly. */
  readonly withinMs: number;
}

interface Emptying extends Redirection {
  readonly endsAt: number;
}

/** Connections closed per step of a drain, and the pause between two steps. */
const DRAIN_STEP = 500;
const DRAIN_PAUSE_MS = 20;
/** Devices are told to come back after a random part of this, plus a share per connection. */
const DRAIN_SPREAD_MS = 2000;
const DRAIN_SPREAD_PER_CONNECTION_MS = 0.2;
/** The pause between two steps of a redirection, which spreads by itself. */
const REDIRECT_PAUSE_MS = 100;
/** Devices that are redirected wait for a random part of this. */
const REDIRECT_SPREAD_MS = 1000;

/** Sends connections away: at once at the end of the node, or over time to another one. */
export class Departures {
  readonly #hub: Hub;
  readonly #clock: Clock;
  readonly #random: Random;
  #isEnding = false;
  #emptying: Emptying | undefined = undefined;

  constructor(hub: Hub, { clock, random }: { clock: Clock; random: Random }) {
    this.#hub = hub;
    this.#clock = clock;
    this.#random = random;
  }

  /** Whether no device may stay. */
  get isDraining(): boolean {
    return this.#isEnding || this.#emptying !== undefined;
  }

  /** Whether connections are refused, as there is nowhere to send them. */
  get refuses(): boolean {
    return this.#isEnding || (this.#emptying !== undefined && this.#emptying.url === undefined);
  }

  /** Sends on who has just connected to a node that is being emptied. */
  arrived(guest: Guest): void {
    if (this.#emptying !== undefined) this.#sendOn(guest, this.#emptying);
  }

  /** Closes all, piece by piece; resolves when none is left, at the latest after `deadlineMs`. */
  drain(deadlineMs: number): Promise<void> {
    this.#isEnding = true;
    const endsAt = this.#clock.monotonic() + deadlineMs;
    return new Promise((resolve) => {
      const step = (): void => {
        const isLate = this.#clock.monotonic() >= endsAt;
        this.#drainSome(isLate ? this.#hub.connections : DRAIN_STEP);
        if (this.#hub.connections === 0) return resolve();
        this.#clock.after(DRAIN_PAUSE_MS, step);
      };
      step();
    });
  }

  /** Sends on who comes from here on, and those there are, evenly over the time given. */
  redirect(redirection: Redirection): void {
    const emptying = {
      ...redirection,
      endsAt: this.#clock.monotonic() + redirection.withinMs,
    };
    this.#emptying = emptying;
    this.#redirectSome(emptying);
  }

  /** Takes connections again; those that were sent away are not called back. */
  resume(): void {
    this.#emptying = undefined;
  }

  /** Closes all at once. */
  end(): void {
    this.#isEnding = true;
    this.#drainSome(this.#hub.connections);
  }

  #drainSome(count: number): void {
    const { connections } = this.#hub;
    const spreadMs = DRAIN_SPREAD_MS + connections * DRAIN_SPREAD_PER_CONNECTION_MS;
    this.#closeSome(count, (guest) => {
      guest.close("draining", { retryAfterMs: Math.ceil(this.#random() * spreadMs) });
    });
  }

  #redirectSome(emptying: Emptying): void {
    // Another redirection, or the end of this one, has taken its place.
    if (this.#emptying !== emptying || this.#isEnding) return;
    const leftMs = emptying.endsAt - this.#clock.monotonic();
    const steps = Math.max(1, Math.ceil(leftMs / REDIRECT_PAUSE_MS));
    const count = Math.ceil(this.#hub.connections / steps);
    this.#closeSome(count, (guest) => this.#sendOn(guest, emptying));
    if (this.#hub.connections === 0) return;
    this.#clock.after(REDIRECT_PAUSE_MS, () => this.#redirectSome(emptying));
  }

  #sendOn(guest: Guest, { url }: Redirection): void {
    const retryAfterMs = Math.ceil(this.#random() * REDIRECT_SPREAD_MS);
    if (url === undefined) guest.close("draining", { retryAfterMs });
    else guest.close("redirect", { retryAfterMs, url });
  }

  #closeSome(count: number, close: (guest: Guest) => void): void {
    for (let left = count; left > 0; left -= 1) {
      const guest: Guest | undefined = this.#hub.open.first ?? this.#hub.waiting.first;
      if (guest === undefined) return;
      close(guest);
    }
  }
}
