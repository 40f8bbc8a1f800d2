import { Incoming } from "./incoming.ts";
import type { Seal } from "./keys.ts";
import { ACK_DELAY_MS, type Message, Outgoing } from "./outgoing.ts";
import { HEADER_BYTES, numberOf, TAG_BYTES } from "./packet.ts";
import { FRAME_MAX, type Part, PayloadWriter, readPayload } from "./payload.ts";
import { Received } from "./received.ts";

/** Packets after which an acknowledgement is not kept back any longer. */
const ACK_EVERY = 16;
/** Packets under one key: the bound on what one key may seal (RFC 9001, 6.6, for 1200 bytes). */
const PACKETS_MAX = 2 ** 28;
/** Frames sent once that wait for the next packet. */
const ONCE_MAX = 256;

/** What a packet was. */
export type Verdict =
  /** It authenticated; `isNewest` when none of a higher number has come before. */
  | { readonly type: "taken"; readonly isNewest: boolean; readonly confirmed: number }
  /** It is not from the other side, came already, or is too old to tell. */
  | { readonly type: "dropped"; readonly reason: "forged" | "repeated" }
  /** It is from the other side and breaks the protocol. */
  | { readonly type: "malformed" };

export interface ChannelOptions {
  /** The id that is in the header of every packet. */
  readonly session: Uint8Array;
  readonly outward: Seal;
  readonly inward: Seal;
  /** Waits in vain, each twice as long, until the other side counts as gone. */
  readonly attemptsMax: number;
}

/** What the other side has sent, in order. Bytes are good until the callback returns. */
export interface ChannelReader {
  frame(bytes: Uint8Array): void;
  closed(bytes: Uint8Array): void;
}

const writer = new PayloadWriter();
const NO_MESSAGES: readonly Message[] = [];
const REPEATED: Verdict = { type: "dropped", reason: "repeated" };
const FORGED: Verdict = { type: "dropped", reason: "forged" };
const MALFORMED: Verdict = { type: "malformed" };

/**
 * One end of an encrypted channel: reliable frames in order and once, and frames that are sent
 * once. The server has one per UDP session, the client one per connection.
 *
 * It does no I/O and has no timer: it is told the time, in monotonic milliseconds, gives datagrams
 * to `flush`, and wants to be called again at `dueAt`.
 */
export class Channel {
  readonly #options: ChannelOptions;
  readonly #outgoing: Outgoing;
  readonly #incoming = new Incoming();
  readonly #received = new Received();
  #once: Uint8Array[] | undefined = undefined;
  #number = 1;
  /** Packets to acknowledge, since when, and whether that must not wait. */
  #unacked = 0;
  #unackedSince = 0;
  #newestAt = 0;
  #isAckDue = false;
  #isProbing = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#outgoing = new Outgoing(options.attemptsMax);
  }

  /** Bytes of frames that the other side has not confirmed. */
  get unsentBytes(): number {
    return this.#outgoing.bytes;
  }

  /** Frames that were sent again. */
  get repeated(): number {
    return this.#outgoing.repeated;
  }

  /** The number of the next packet. */
  get nextNumber(): number {
    return this.#number;
  }

  /** Whether the other side has not answered for too long, or the key is used up. */
  get hasFailed(): boolean {
    return this.#outgoing.hasFailed || this.#number > PACKETS_MAX;
  }

  /** When `flush` has something to do even if nothing happens; Infinity when never. */
  get dueAt(): number {
    const ackAt = this.#unacked > 0 ? this.#unackedSince + ACK_DELAY_MS : Number.POSITIVE_INFINITY;
    return Math.min(ackAt, this.#outgoing.dueAt);
  }

  /** Queues a frame that is repeated until it has come; at most `FRAME_MAX` bytes. */
  send(frame: Uint8Array): void {
    if (frame.length > FRAME_MAX) throw new RangeError("a frame is larger than a datagram");
    this.#outgoing.add(frame);
  }

  /** Queues a frame that is sent once; false when too many wait. */
  sendOnce(frame: Uint8Array): boolean {
    this.#once ??= [];
    if (this.#once.length >= ONCE_MAX) return false;
    this.#once.push(frame);
    return true;
  }

  /** Asks for a sign of life. */
  probe(): void {
    this.#isProbing = true;
  }

  /** Takes a `data` packet and gives what it holds to `reader`. */
  receive(packet: Buffer, now: number, reader: ChannelReader): Verdict {
    const number = numberOf(packet);
    const received = this.#received;
    if (!received.isFresh(number)) return REPEATED;
    const plain = this.#options.inward.open(packet, number);
    if (plain === undefined) return FORGED;
    const parts = readPayload(plain);
    if (parts === undefined) return MALFORMED;
    const isNewest = number > received.newest;
    const isInOrder = number === received.newest + 1;
    received.add(number);
    let confirmed = -1;
    let wantsAck = false;
    for (const part of parts) {
      if (part.type === "ack") {
        confirmed = part.ranges[0]!.high;
        if (confirmed >= this.#number) return MALFORMED;
        this.#outgoing.acked(part.ranges, part.delayMs, now);
      } else if (!this.#take(part, reader)) return MALFORMED;
      wantsAck ||= part.type === "message" || part.type === "probe";
    }
    if (wantsAck) this.#noteUnacked(isInOrder, now);
    if (isNewest) this.#newestAt = now;
    return { type: "taken", isNewest, confirmed };
  }

  /** Writes the datagrams that may go now, of at most `bytesMax` in all; the rest waits. */
  flush(now: number, emit: (datagram: Buffer) => void, bytesMax = Number.POSITIVE_INFINITY): void {
    if (now >= this.#outgoing.dueAt) {
      this.#outgoing.timedOut(now);
      // What was lost may have been a question for a sign of life, which is asked again.
      this.#isProbing = true;
    }
    if (this.#unacked > 0 && now >= this.#unackedSince + ACK_DELAY_MS) this.#isAckDue = true;
    if (this.#unacked >= ACK_EVERY) this.#isAckDue = true;
    let left = bytesMax;
    while (this.#writeNext(now, left - HEADER_BYTES - TAG_BYTES)) {
      const datagram = this.#seal();
      left -= datagram.length;
      emit(datagram);
    }
  }

  /** The last datagram: with a frame, or an empty one. */
  close(frame: Uint8Array): Buffer {
    writer.begin();
    writer.close(frame);
    return this.#seal();
  }

  #take(part: Exclude<Part, { type: "ack" }>, reader: ChannelReader): boolean {
    switch (part.type) {
      case "message":
        return this.#incoming.take(part.sequence, part.frame, (frame) => reader.frame(frame));
      case "once":
        reader.frame(part.frame);
        return true;
      case "close":
        reader.closed(part.frame);
        return true;
      case "probe":
        return true;
    }
  }

  #noteUnacked(isInOrder: boolean, now: number): void {
    if (this.#unacked === 0) this.#unackedSince = now;
    this.#unacked += 1;
    // A gap is told at once, so that the other side learns early of what is lost.
    if (!isInOrder) this.#isAckDue = true;
  }

  /** Puts one payload together; false when there is nothing to send, or no room for it. */
  #writeNext(now: number, bytesMax: number): boolean {
    if (bytesMax < 1) return false;
    writer.begin(bytesMax);
    const messages = this.#writeMessages();
    this.#writeOnce();
    const isProbe = this.#isProbing && messages.length === 0;
    if (isProbe) writer.probe();
    this.#isProbing = false;
    const hasContent = writer.length > 0;
    if (this.#unacked > 0 && (hasContent || this.#isAckDue)) this.#writeAck(now);
    if (writer.length === 0) return false;
    if (messages.length > 0 || isProbe) this.#outgoing.sent(this.#number, messages, now);
    return true;
  }

  #writeMessages(): readonly Message[] {
    let messages: Message[] | undefined;
    for (;;) {
      const message = this.#outgoing.peek();
      if (message === undefined || !writer.fitsMessage(message.frame)) break;
      this.#outgoing.took(message);
      writer.message(message.sequence, message.frame);
      if (messages === undefined) messages = [message];
      else messages.push(message);
    }
    return messages ?? NO_MESSAGES;
  }

  #writeOnce(): void {
    const once = this.#once;
    if (once === undefined) return;
    let written = 0;
    while (written < once.length && writer.fitsOnce(once[written]!)) {
      writer.once(once[written]!);
      written += 1;
    }
    if (written === once.length) this.#once = undefined;
    else once.splice(0, written);
  }

  /** In the room that is left; without room it goes into the next packet. */
  #writeAck(now: number): void {
    const ranges = this.#received.ranges();
    if (!writer.fitsAck(ranges)) {
      this.#isAckDue = true;
      return;
    }
    writer.ack(ranges, Math.max(0, Math.round(now - this.#newestAt)));
    this.#unacked = 0;
    this.#isAckDue = false;
  }

  #seal(): Buffer {
    const { outward, session } = this.#options;
    const packet = outward.seal(session, this.#number, writer.bytes);
    this.#number += 1;
    return packet;
  }
}
