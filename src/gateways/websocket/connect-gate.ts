import type { Clock } from "../../core/clock.ts";
import type { Random } from "../../core/random.ts";
import type { Bans } from "../bans.ts";
import { KeyedRate } from "../keyed-rate.ts";

/** How fast devices may connect. */
export interface ConnectLimits {
  /** Connections per second on this node; 0: no limit. Default 1000. */
  readonly connectsPerSecond: number;
  /** Connections on this node at once, after a pause. Default 5000. */
  readonly connectsBurst: number;
  /** Connections per second from one address; 0: no limit. Default 100. */
  readonly addressConnectsPerSecond: number;
  /** Connections from one address at once, after a pause. Default 1000. */
  readonly addressConnectsBurst: number;
}

/** Why an address has to wait, and how long, in milliseconds. */
export interface Wait {
  readonly reason: "rate" | "address-rate" | "banned";
  readonly retryAfterMs: number;
}

/**
 * Lets connections in no faster than the node can log them in, whoever comes.
 *
 * A whole fleet that lost its node comes back at once: what does not fit is refused before any
 * frame, with a time to come back that is spread, so that it does not come at once again.
 */
export class ConnectGate {
  readonly #limits: ConnectLimits;
  readonly #node: KeyedRate;
  readonly #addresses: KeyedRate;
  readonly #bans: Bans;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(
    limits: ConnectLimits,
    { bans, clock, random }: { bans: Bans; clock: Clock; random: Random },
  ) {
    const { connectsPerSecond, connectsBurst } = limits;
    this.#limits = limits;
    this.#node = new KeyedRate(connectsPerSecond, connectsBurst);
    const { addressConnectsPerSecond, addressConnectsBurst } = limits;
    this.#addresses = new KeyedRate(addressConnectsPerSecond, addressConnectsBurst);
    this.#bans = bans;
    this.#clock = clock;
    this.#random = random;
  }

  /** Takes a connection from an address (`networkOf` it), or says why it must wait. */
  admit(address: string): Wait | undefined {
    const bannedMs = this.#bans.leftMs("address", address);
    if (bannedMs > 0) return { reason: "banned", retryAfterMs: bannedMs };
    const now = this.#clock.monotonic();
    const { connectsPerSecond, addressConnectsPerSecond } = this.#limits;
    // The address comes first: one that is refused for itself takes nothing from the others.
    if (addressConnectsPerSecond > 0) {
      const waitMs = this.#addresses.waitMs(address, now);
      if (waitMs > 0) return { reason: "address-rate", retryAfterMs: this.#spread(waitMs) };
    }
    if (connectsPerSecond > 0) {
      const waitMs = this.#node.waitMs("", now);
      if (waitMs > 0) return { reason: "rate", retryAfterMs: this.#spread(waitMs) };
    }
    const retryAfterMs = this.#bans.waitMs("address", address);
    return retryAfterMs > 0 ? { reason: "banned", retryAfterMs } : undefined;
  }

  #spread(waitMs: number): number {
    return waitMs + Math.ceil(this.#random() * SPREAD_MS);
  }
}

/** Those who are refused together come back over so long. */
const SPREAD_MS = 10_000;
