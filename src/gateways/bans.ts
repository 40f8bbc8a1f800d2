import type { Clock } from "../core/clock.ts";
import { networkOf } from "./remote-address.ts";

/** Bans at once; the oldest goes first. */
const BANS_MAX = 10_000;
/** Keys that are counted in one window; those that come later go uncounted. */
const COUNTED_MAX = 100_000;

/** An address (`networkOf` it) from which devices connect, or a user or board whose devices do. */
export type BanKind = "address" | "principal";

/** Who connected too often, and may not for a while. */
export interface Ban {
  readonly kind: BanKind;
  readonly name: string;
  /** How often it had connected within the window. */
  readonly connects: number;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly until: number;
}

/** A ban ends by a clock that does not jump; what is shown of it is wall time. */
type Kept = Omit<Ban, "until"> & { readonly endsAt: number };

/** When who connects too often is refused, and for how long. */
export interface BanLimits {
  /** Connections of one address within the window after which it is banned; 0: never. */
  readonly flapsPerAddress: number;
  /** Log-ins of one user or board within the window after which it is banned; 0: never. */
  readonly flapsPerUser: number;
  readonly flapWindowMs: number;
  readonly banMs: number;
}

/** Those who connect again and again, and are refused before that costs the others anything. */
export class Bans {
  readonly #limits: BanLimits;
  readonly #clock: Clock;
  readonly #bans = new Map<string, Kept>();
  /** How often somebody came in this window, and in the one before it. */
  #counts = new Map<string, number>();
  #before = new Map<string, number>();
  #windowAt: number;

  constructor(limits: BanLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#windowAt = clock.monotonic();
  }

  /** For how long somebody is still refused, in milliseconds; 0: is not. */
  leftMs(kind: BanKind, name: string): number {
    const key = keyOf(kind, name);
    const ban = this.#bans.get(key);
    if (ban === undefined) return 0;
    const leftMs = Math.ceil(ban.endsAt - this.#clock.monotonic());
    if (leftMs > 0) return leftMs;
    this.#bans.delete(key);
    return 0;
  }

  /** Takes a connection and counts it; else says for how long it is refused, in milliseconds. */
  waitMs(kind: BanKind, name: string): number {
    const leftMs = this.leftMs(kind, name);
    if (leftMs > 0) return leftMs;
    const key = keyOf(kind, name);
    const max = kind === "address" ? this.#limits.flapsPerAddress : this.#limits.flapsPerUser;
    if (max === 0) return 0;
    const connects = this.#count(key);
    if (connects <= max) return 0;
    const { banMs } = this.#limits;
    const endsAt = this.#clock.monotonic() + banMs;
    this.#ban(key, { kind, name, connects, since: this.#clock.now(), endsAt });
    return banMs;
  }

  /** Who is refused, those last who were banned last. */
  list(): readonly Ban[] {
    const [now, monotonic] = [this.#clock.now(), this.#clock.monotonic()];
    return [...this.#bans.values()]
      .filter(({ endsAt }) => endsAt > monotonic)
      .map(({ endsAt, ...ban }) => ({ ...ban, until: Math.round(now + endsAt - monotonic) }));
  }

  /** Takes a ban back and forgets how often that one has connected; false if there was none. */
  lift(kind: BanKind, name: string): boolean {
    const key = keyOf(kind, kind === "address" ? networkOf(name) : name);
    this.#forget(key);
    const ban = this.#bans.get(key);
    return this.#bans.delete(key) && ban!.endsAt > this.#clock.monotonic();
  }

  /** How often it has come within a window's time, this time included. */
  #count(key: string): number {
    const share = this.#turnWindow();
    const count = (this.#counts.get(key) ?? 0) + 1;
    if (count > 1 || this.#counts.size < COUNTED_MAX) this.#counts.set(key, count);
    // The window slides: of the one before it, as much counts as it still covers.
    return count + Math.floor((this.#before.get(key) ?? 0) * share);
  }

  /** Begins another window when it is time; the share of the one before that still counts. */
  #turnWindow(): number {
    const { flapWindowMs } = this.#limits;
    const elapsedMs = this.#clock.monotonic() - this.#windowAt;
    if (elapsedMs < flapWindowMs) return 1 - elapsedMs / flapWindowMs;
    // Nobody is kept for longer than two windows, so that who comes once costs nothing for long.
    this.#before = elapsedMs < 2 * flapWindowMs ? this.#counts : new Map();
    this.#counts = new Map();
    this.#windowAt += Math.floor(elapsedMs / flapWindowMs) * flapWindowMs;
    return 1 - (elapsedMs % flapWindowMs) / flapWindowMs;
  }

  #ban(key: string, ban: Kept): void {
    this.#bans.delete(key);
    if (this.#bans.size >= BANS_MAX) {
      const oldest = this.#bans.keys().next().value;
      if (oldest !== undefined) this.#bans.delete(oldest);
    }
    this.#bans.set(key, ban);
    this.#forget(key);
  }

  #forget(key: string): void {
    this.#counts.delete(key);
    this.#before.delete(key);
  }
}

function keyOf(kind: BanKind, name: string): string {
  return `${kind} ${name}`;
}
