import type { Range } from "./received.ts";
import { RoundTrip } from "./round-trip.ts";

/** Messages that may be on their way, and that the other side keeps until it is their turn. */
export const WINDOW = 256;
/** A packet is taken as lost when one sent so many packets later has come. */
const REORDERED_MAX = 3;
/** Messages of one channel, whose numbers have 32 bits. */
const MESSAGES_MAX = 2 ** 31;
/** Packets on their way: at the start, at least, and at most. */
const FLIGHT_START = 32;
const FLIGHT_MIN = 4;
const FLIGHT_MAX = WINDOW;
/** How long the other side may keep an acknowledgement back, in milliseconds. */
export const ACK_DELAY_MS = 20;

/** One frame on its way. */
export interface Message {
  readonly sequence: number;
  readonly frame: Uint8Array;
  acked: boolean;
}

interface SentPacket {
  readonly number: number;
  readonly at: number;
  /** None in a probe. */
  readonly messages: readonly Message[];
}

/**
 * What is to be sent until it is acknowledged: in order, at most a window at once, with new packet
 * numbers each time.
 *
 * A packet is lost when later ones have come, or when nothing has come for too long; the wait
 * doubles with each time, up to `attemptsMax`.
 */
export class Outgoing {
  /** Bytes of frames that are not acknowledged. */
  bytes = 0;
  /** Frames that were sent again. */
  repeated = 0;
  readonly #roundTrip = new RoundTrip();
  readonly #attemptsMax: number;
  #next = 0;
  /** Not acknowledged, by sequence; those from `#unsentAt` on have never been sent. */
  #messages: Message[] = [];
  #unsentAt = 0;
  #lost: Message[] = [];
  #packets: SentPacket[] = [];
  #flightMax = FLIGHT_START;
  /** Of the newest packet when the flight was last made smaller. */
  #shrunkAt = -1;
  #failures = 0;
  #timedFrom = 0;

  constructor(attemptsMax: number) {
    this.#attemptsMax = attemptsMax;
  }

  /** Whether so many waits in a row were in vain that the other side is gone, or all is used up. */
  get hasFailed(): boolean {
    return this.#failures > this.#attemptsMax || this.#next > MESSAGES_MAX;
  }

  get isIdle(): boolean {
    return this.#messages.length === 0 && this.#packets.length === 0;
  }

  /** When something has to be sent again unless an acknowledgement comes; Infinity if nothing. */
  get dueAt(): number {
    if (this.#packets.length === 0) return Number.POSITIVE_INFINITY;
    return this.#timedFrom + this.#roundTrip.timeoutMs(this.#failures, ACK_DELAY_MS);
  }

  add(frame: Uint8Array): void {
    this.#messages.push({ sequence: this.#next++, frame, acked: false });
    this.bytes += frame.length;
  }

  /** The message to send next, if the window has room for it; it stays until `took`. */
  peek(): Message | undefined {
    if (this.#packets.length >= this.#flightMax) return undefined;
    let lost = this.#lost[0];
    for (; lost?.acked; lost = this.#lost[0]) this.#lost.shift();
    if (lost !== undefined) return lost;
    const message = this.#messages[this.#unsentAt];
    if (message === undefined) return undefined;
    return message.sequence < this.#messages[0]!.sequence + WINDOW ? message : undefined;
  }

  took(message: Message): void {
    if (message === this.#lost[0]) {
      this.#lost.shift();
      this.repeated += 1;
    } else this.#unsentAt += 1;
  }

  /** Notes a packet that wants an acknowledgement. */
  sent(number: number, messages: readonly Message[], now: number): void {
    if (this.#packets.length === 0) this.#timedFrom = now;
    this.#packets.push({ number, at: now, messages });
  }

  /** Takes an acknowledgement; packets that never were are ignored. */
  acked(ranges: readonly Range[], delayMs: number, now: number): void {
    const newest = ranges[0]!.high;
    const left: SentPacket[] = [];
    let hasNews = false;
    for (const packet of this.#packets) {
      if (isIn(packet.number, ranges)) {
        hasNews = true;
        if (packet.number === newest) this.#roundTrip.observe(now - packet.at, delayMs);
        for (const message of packet.messages) this.#settle(message);
      } else if (packet.number < newest - REORDERED_MAX) this.#lose(packet);
      else left.push(packet);
    }
    this.#packets = left;
    if (!hasNews) return;
    this.#failures = 0;
    this.#timedFrom = now;
    if (this.#flightMax < FLIGHT_MAX) this.#flightMax += 1;
    this.#release();
  }

  /** Nothing has come for too long: whatever is on its way is taken as lost. */
  timedOut(now: number): void {
    if (this.#packets.length === 0) return;
    this.#failures += 1;
    this.#timedFrom = now;
    const packets = this.#packets;
    this.#packets = [];
    for (const packet of packets) this.#lose(packet);
    this.#flightMax = FLIGHT_MIN;
  }

  #settle(message: Message): void {
    if (message.acked) return;
    message.acked = true;
    this.bytes -= message.frame.length;
  }

  #lose(packet: SentPacket): void {
    for (const message of packet.messages) if (!message.acked) this.#lost.push(message);
    if (packet.number <= this.#shrunkAt) return;
    this.#shrunkAt = this.#packets.at(-1)?.number ?? packet.number;
    this.#flightMax = Math.max(FLIGHT_MIN, this.#flightMax >> 1);
  }

  /** Lets go of what is acknowledged at the start. */
  #release(): void {
    let done = 0;
    while (done < this.#unsentAt && this.#messages[done]!.acked) done += 1;
    if (done === 0) return;
    this.#messages.splice(0, done);
    this.#unsentAt -= done;
  }
}

function isIn(number: number, ranges: readonly Range[]): boolean {
  for (const { low, high } of ranges) {
    if (number > high) return false;
    if (number >= low) return true;
  }
  return false;
}
