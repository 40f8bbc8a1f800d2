import type { Ref } from "../../actors/kernel/actor.ts";
import type { CloseReason, SessionMessage } from "../../actors/session/messages.ts";
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { Random } from "../../core/random.ts";
import type { DeviceTokens } from "../auth/device-tokens.ts";
import { Beats } from "../beats.ts";
import type { Encoded } from "../protocol/codec.ts";
import { wireText } from "../wire-text.ts";
import { Counts } from "./counts.ts";
import type { Rate } from "./frame-rate.ts";
import type { WebSocketLimits, WebSocketOptions } from "./options.ts";
import { type Member, Roster } from "./roster.ts";
import { type Use, UseCounts } from "./use-counts.ts";

/** What a device is told with the reason why its connection ends. */
export interface Parting {
  readonly message?: string | undefined;
  /** How long to stay away. */
  readonly retryAfterMs?: number | undefined;
  /** Where to connect instead. */
  readonly url?: string | undefined;
}

/** What the hub knows of a connection. */
export interface Guest extends Member<Guest> {
  readonly address: Use;
  user: Use | undefined;
  /** When it ends unless something happens first: before the welcome in beats, then in seconds. */
  deadline: number;
  /** When something last came from it, in the hub's beats. */
  readonly heardAt: number;
  /** Whether the welcome has been sent. */
  readonly isWelcome: boolean;
  flush(): void;
  /** Sends a ping, which every WebSocket client answers. */
  ask(): void;
  /** The deadline has passed. */
  overdue(): void;
  /** Says why, writes what waits, and ends it. */
  close(reason: CloseReason, parting?: Parting): void;
}

/** What can be written to: a socket of uWebSockets.js. */
export interface Writable {
  send(message: Encoded, isBinary: boolean, compress: boolean): number;
  cork(callback: () => void): unknown;
}

const TICK_MS = 1000;
/** Every connection is looked at once within this many ticks. */
const SWEEP_TICKS = 3;
/** The part of the heartbeat after which a silent connection is asked. */
const ASK_AFTER = 2 / 3;
/** The result of a `send` that left nothing unsent. */
const SENT = 1;
/** The result of a `send` that was not taken. */
const DROPPED = 2;

/**
 * What all connections of a gateway share: limits, figures, lists, and the turn's flush.
 *
 * Frames are collected per connection and written once per turn of the event loop: a write is a
 * system call and costs more than everything else that happens to a frame.
 */
export class Hub {
  readonly clock: Clock;
  readonly deviceTokens: DeviceTokens;
  readonly findSession: (id: string) => Ref<SessionMessage> | undefined;
  readonly logger: Logger;
  readonly counts: Counts;
  readonly limits: WebSocketLimits;
  readonly rate: Rate;
  /** A client that has at most this many bytes unsent gets the next part of a replay. */
  readonly lowWaterBytes: number;
  readonly addresses: UseCounts;
  readonly users: UseCounts;
  /** Before the welcome, oldest deadline first. */
  readonly waiting = new Roster<Guest>();
  readonly open = new Roster<Guest>();
  /** Seconds since the start; deadlines of the welcome ones are small integers in it. */
  seconds = 0;
  /** What the silence of devices is counted in, and how long a log-in takes. */
  readonly beats = new Beats();
  /** Set by a write that left bytes unsent, or lost them; the writer looks and clears it. */
  isBackpressured = false;
  readonly #startedAt: number;
  readonly #askAfterBeats: number;
  readonly #silentBeatsMax: number;
  readonly #random: Random;
  /** How many connections a tick looks at. */
  #share = 1;
  #dirty: Guest[] = [];
  #spare: Guest[] = [];
  #isScheduled = false;
  #stopTicking: () => void;
  #corked: readonly Encoded[] = [];
  #corkedSocket: Writable | undefined = undefined;
  #corkedBinary = false;

  constructor(options: WebSocketOptions) {
    const { clock, deviceTokens, findSession, limits, logger, metrics, random } = options;
    this.clock = clock;
    this.#random = random;
    this.deviceTokens = deviceTokens;
    this.findSession = findSession;
    this.logger = logger;
    this.limits = limits;
    this.counts = new Counts(metrics);
    this.rate = { perSecond: limits.framesPerSecond, burst: limits.framesBurst };
    this.lowWaterBytes = limits.unsentBytesMax >> 2;
    this.addresses = new UseCounts(limits.connectionsPerAddress);
    this.users = new UseCounts(limits.connectionsPerUser);
    const heartbeat = Math.ceil(limits.heartbeatMs / 1000);
    this.#silentBeatsMax = heartbeat;
    // Whoever is ended has been looked at once, and so been asked, some time before.
    this.#askAfterBeats = Math.min(Math.floor(heartbeat * ASK_AFTER), heartbeat - SWEEP_TICKS - 1);
    this.#startedAt = clock.monotonic();
    this.#stopTicking = clock.after(TICK_MS, this.#tick);
  }

  get connections(): number {
    return this.waiting.size + this.open.size;
  }

  /** When something that begins now has taken `ms`, in the hub's seconds, rounded up. */
  deadlineIn(ms: number): number {
    const elapsedMs = this.clock.monotonic() - this.#startedAt;
    return Math.min(Math.ceil((elapsedMs + ms) / 1000), DEADLINE_MAX);
  }

  /** When a connection that is welcomed now has lived long enough, in the hub's seconds. */
  endOfLife(): number {
    const { maxLifetimeMs } = this.limits;
    if (maxLifetimeMs === 0) return DEADLINE_MAX;
    // Those who came together do not go together.
    return this.deadlineIn(maxLifetimeMs * (1 - LIFETIME_JITTER * this.#random()));
  }

  /** Gives a connection the time for another step on its way to the welcome. */
  waitAnew(guest: Guest): void {
    this.waiting.remove(guest);
    guest.deadline = this.beats.in(this.limits.helloTimeoutMs);
    this.waiting.add(guest);
  }

  /** Forgets a connection that has ended. */
  left(guest: Guest): void {
    (guest.isWelcome ? this.open : this.waiting).remove(guest);
    this.addresses.release(guest.address);
    if (guest.user !== undefined) this.users.release(guest.user);
  }

  /** Flushes the connection at the end of this turn of the event loop. */
  markDirty(guest: Guest): void {
    this.#dirty.push(guest);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(this.#flush);
  }

  /** Writes one frame. */
  send(socket: Writable, frame: Encoded, isBinary: boolean): void {
    this.counts.framesOut += 1;
    const status = socket.send(wireText(frame), isBinary, false);
    if (status !== SENT) this.#leftUnsent(status);
  }

  /** Writes several frames as one piece. */
  cork(socket: Writable, frames: readonly Encoded[], isBinary: boolean): void {
    this.#corked = frames;
    this.#corkedSocket = socket;
    this.#corkedBinary = isBinary;
    socket.cork(this.#sendCorked);
    this.#corkedSocket = undefined;
    this.#corked = NOTHING;
  }

  stop(): void {
    this.#stopTicking();
    this.counts.publish();
  }

  // One function for all, so that corking makes no closure.
  readonly #sendCorked = (): void => {
    const frames = this.#corked;
    const socket = this.#corkedSocket!;
    for (let index = 0; index < frames.length; index += 1) {
      this.send(socket, frames[index]!, this.#corkedBinary);
    }
  };

  readonly #flush = (): void => {
    this.#isScheduled = false;
    const dirty = this.#dirty;
    this.#dirty = this.#spare;
    for (let index = 0; index < dirty.length; index += 1) dirty[index]!.flush();
    dirty.length = 0;
    this.#spare = dirty;
  };

  readonly #tick = (): void => {
    this.#stopTicking = this.clock.after(TICK_MS, this.#tick);
    this.seconds = Math.floor((this.clock.monotonic() - this.#startedAt) / 1000);
    this.beats.next();
    this.counts.publish();
    for (;;) {
      const { first } = this.waiting;
      if (first === undefined || first.deadline > this.beats.count) break;
      first.overdue();
    }
    // Not anew each tick: while many are ended, ever fewer would be looked at.
    if (this.beats.count % SWEEP_TICKS === 0) this.#share = Math.ceil(this.open.size / SWEEP_TICKS);
    this.open.sweep(this.#share, this.#lookAt);
  };

  readonly #lookAt = (guest: Guest): void => {
    if (guest.deadline <= this.seconds) return guest.overdue();
    const silentBeats = this.beats.count - guest.heardAt;
    if (silentBeats > this.#silentBeatsMax) guest.close("heartbeat-lost");
    else if (silentBeats >= this.#askAfterBeats) guest.ask();
  };

  #leftUnsent(status: number): void {
    this.isBackpressured = true;
    this.counts.backpressure += 1;
    if (status === DROPPED) this.counts.dropped += 1;
  }
}

const NOTHING: readonly Encoded[] = [];
/** The part of a lifetime that is chance. */
const LIFETIME_JITTER = 0.1;
/** Some 34 years: a small integer. */
const DEADLINE_MAX = 2 ** 30;
