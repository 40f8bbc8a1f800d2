import type { CloseReason } from "../../actors/session/messages.ts";
import { Beats } from "../beats.ts";
import { KeyedRate } from "../keyed-rate.ts";
import { networkOf } from "../remote-address.ts";
import { type Member, Roster } from "../websocket/roster.ts";
import { type Use, UseCounts } from "../websocket/use-counts.ts";
import { ClassicCounts } from "./counts.ts";
import type { DeviceDeps } from "./device.ts";
import type { ClassicOptions } from "./options.ts";
import { Slots } from "./slots.ts";
import { SpentLogins } from "./spent-logins.ts";

const TICK_MS = 1000;
/** Every connection is looked at once within this many ticks. */
const SWEEP_TICKS = 5;

/** A connection, as far as the hall is concerned with it. */
export interface Guest extends Member<Guest> {
  /** When it ends unless something comes first, in the hall's beats. */
  readonly deadline: number;
  /** The deadline has passed. */
  overdue(): void;
  close(reason: CloseReason): void;
}

/** What all classic WebSocket connections share: limits, slots, lists and the clock's ticks. */
export class Hall {
  readonly options: ClassicOptions;
  readonly counts: ClassicCounts;
  readonly device: DeviceDeps;
  readonly slots = new Slots();
  readonly spent: SpentLogins;
  readonly logins: KeyedRate;
  readonly addresses: UseCounts;
  readonly open = new Roster<Guest>();
  /** What deadlines are in. */
  readonly beats = new Beats();
  isDraining = false;
  #stopTicking: () => void;

  constructor(options: ClassicOptions) {
    const { clock, limits, login, metrics, space } = options;
    this.options = options;
    this.counts = new ClassicCounts(metrics);
    this.spent = new SpentLogins(login.skewMax);
    this.logins = new KeyedRate(limits.loginsPerSecond, limits.loginsBurst);
    this.addresses = new UseCounts(limits.connectionsPerAddress);
    const { messageBytesMax, keepMs } = limits;
    const findPhone = (user: string, slot: number) => this.slots.find(user, slot)?.sessionId;
    const { counts } = this;
    this.device = { space, findPhone, clock, counts, messageBytesMax, keepMs };
    this.#stopTicking = clock.after(TICK_MS, this.#tick);
    metrics.observe("herald_classic_connections", "Classic connections", () => this.open.size);
  }

  /** Takes a connection from an address; undefined when there is no room for it. */
  admit(from: string): Use | undefined {
    const address = networkOf(from);
    const { bans, limits } = this.options;
    if (this.isDraining || this.open.size >= limits.connectionsMax) return undefined;
    const use = this.addresses.take(address);
    if (use === undefined) return undefined;
    if ((bans?.waitMs("address", address) ?? 0) === 0) return use;
    this.addresses.release(use);
    return undefined;
  }

  /** Closes so many connections, the oldest first. */
  closeSome(count: number): void {
    for (let left = count; left > 0 && this.open.first !== undefined; left -= 1) {
      this.open.first.close("draining");
    }
  }

  stop(): void {
    this.isDraining = true;
    this.closeSome(this.open.size);
    this.#stopTicking();
  }

  readonly #tick = (): void => {
    this.#stopTicking = this.options.clock.after(TICK_MS, this.#tick);
    this.beats.next();
    this.open.sweep(Math.ceil(this.open.size / SWEEP_TICKS), (connection) => {
      if (connection.deadline <= this.beats.count) connection.overdue();
    });
  };
}
