import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { Beats } from "../beats.ts";
import { KeyedRate } from "../keyed-rate.ts";
import { networkOf } from "../remote-address.ts";
import { COMMANDS, readCommand, writeReply } from "./commands.ts";
import type { ClassicCounts } from "./counts.ts";
import { type ClassicMessage, DATA_HEADER_BYTES, MESSAGE_IDS, readMessage } from "./data.ts";
import { acknowledgement } from "./device.ts";
import { FRAME_HEADER_BYTES, OPCODES, readFrameHeader } from "./frame.ts";
import { toUpload } from "./inward.ts";
import { carryOut, notUnderstood, unknownSession } from "./udp-commands.ts";
import type { ClassicUdpOptions } from "./udp-options.ts";
import { ClassicPeer, type PeerDeps, type Place } from "./udp-peer.ts";
import { UdpReplies } from "./udp-replies.ts";

const SESSION_BYTES = 16;
const NO_SESSION = Buffer.alloc(SESSION_BYTES);
/** Where it is in a reply: behind the headers and the code. */
const SESSION_AT = FRAME_HEADER_BYTES + DATA_HEADER_BYTES + 4;
/** Largest datagram, in bytes. */
const DATAGRAM_MAX = 10_240;
/** Largest message within one. */
const INNER_MAX = DATAGRAM_MAX - FRAME_HEADER_BYTES - SESSION_BYTES;
/** Sessions that are looked at for one that can go. */
const LOOKED_MAX = 64;
/** A board may be somewhere else so often, in milliseconds. */
const MOVE_MS = 1000;

/**
 * The classic gateway for UDP without its socket: what is done with each datagram.
 *
 * A board is found by its session's id, whatever address it comes from. Nothing is done twice:
 * what repeats an earlier datagram gets the same reply, what is older is dropped.
 */
export class ClassicExchange {
  readonly #options: ClassicUdpOptions;
  readonly #counts: ClassicCounts;
  readonly #deps: PeerDeps;
  readonly #rate: KeyedRate;
  readonly #replies = new UdpReplies();
  readonly #beats = new Beats();
  /** By session in hex; the one that was silent longest comes first. */
  readonly #peers = new Map<string, ClassicPeer>();
  /** Those of them that have not logged in, the oldest first. */
  readonly #newcomers = new Map<string, ClassicPeer>();
  isDraining = false;

  constructor(options: ClassicUdpOptions, counts: ClassicCounts, send: PeerDeps["send"]) {
    const { clock, limits, metrics, space } = options;
    this.#options = options;
    this.#counts = counts;
    this.#rate = new KeyedRate(limits.datagramsPerSecond, limits.datagramsBurst);
    const { keepMs } = limits;
    const messageBytesMax = Math.min(limits.messageBytesMax, INNER_MAX);
    const findPhone = options.findPhone ?? (() => undefined);
    const device = { space, clock, counts, messageBytesMax, keepMs, findPhone };
    this.#deps = { options, device, send };
    metrics.observe("herald_classic_udp_sessions", "Classic UDP sessions", () => this.sessions);
  }

  get sessions(): number {
    return this.#peers.size;
  }

  receive(bytes: Buffer, from: Place): void {
    const counts = this.#counts;
    counts.messageIn();
    if (!this.#rate.pay(networkOf(from.address), this.#now)) return counts.drop("rate");
    if (bytes.length > DATAGRAM_MAX) return counts.drop("too-large");
    const header = readFrameHeader(bytes, "wide");
    if (!header.ok) return counts.drop("malformed");
    const { opcode, sequence } = header.value;
    if (opcode === OPCODES.forward) return this.#forward(bytes, sequence);
    const read = readMessage(bytes);
    if (!read.ok || opcode !== OPCODES.toServer) return counts.drop("malformed");
    // Two nodes that are told each other's address as the sender's would answer each other forever.
    if (isReply(read.value)) return counts.drop("malformed");
    return this.#toServer(read.value, UdpReplies.keyOf(bytes, from), from);
  }

  /** Another second has passed: what was silent for too long ends. */
  tick(): void {
    this.#beats.next();
    for (const [key, peer] of this.#peers) {
      if (peer.until > this.#beats.count) break;
      this.#remove(key, peer, "heartbeat-lost");
    }
  }

  /** Ends all. */
  close(): void {
    this.isDraining = true;
    for (const [key, peer] of this.#peers) this.#remove(key, peer, "draining");
  }

  #toServer(message: ClassicMessage, key: string, from: Place): void {
    if (message.data.messageId === COMMANDS.session) return this.#openOnce(message, key, from);
    const known = this.#replies.begin(key, this.#now);
    if (known.type === "replied") return this.#deps.send(known.bytes, from);
    if (known.type === "pending") return;
    const reply = (body: Buffer): void => this.#reply(message, key, body, from);
    const sid = message.body.subarray(0, SESSION_BYTES);
    const peer = this.#peers.get(sid.toString("hex"));
    if (peer === undefined) {
      this.#counts.drop("no-session");
      return reply(writeReply(unknownSession(NO_SESSION)));
    }
    const isTaken = known.type === "again" || peer.takes(message.frame.sequence);
    if (!isTaken) return this.#stale(key);
    this.#heard(peer);
    const { messageId } = message.data;
    if (messageId === MESSAGE_IDS.state || messageId === MESSAGE_IDS.alarm) {
      return this.#upload(peer, message, key, from);
    }
    const command = readCommand(messageId, message.body);
    if (!command.ok || command.value.type === "session") {
      this.#counts.drop("malformed");
      return reply(writeReply(notUnderstood(peer.sid)));
    }
    if (command.value.type === "heartbeat") this.#move(peer, from);
    carryOut(peer, command.value, this.#options, (answer) => {
      if (answer.type === "login" && answer.code === "ok") this.#loggedIn(peer);
      reply(writeReply(answer));
    });
  }

  #stale(key: string): void {
    this.#replies.forget(key);
    this.#counts.drop("sequence");
  }

  /** A session is given again until it is used: after that, the board has begun anew. */
  #openOnce(message: ClassicMessage, key: string, from: Place): void {
    const known = this.#replies.begin(key, this.#now);
    if (known.type === "replied") {
      const sid = known.bytes.subarray(SESSION_AT, SESSION_AT + SESSION_BYTES);
      if (this.#peers.get(sid.toString("hex"))?.isUsed === false) {
        return this.#deps.send(known.bytes, from);
      }
    }
    this.#open(message, key, from);
  }

  #open(message: ClassicMessage, key: string, from: Place): void {
    const read = readCommand(COMMANDS.session, message.body);
    const reply = (body: Buffer): void => this.#reply(message, key, body, from);
    if (!read.ok || read.value.type !== "session") {
      this.#counts.drop("malformed");
      return reply(writeReply(notUnderstood(NO_SESSION)));
    }
    const { bans, limits } = this.#options;
    // Only looked at: whoever forges addresses could have them banned. A log-in counts.
    const isBanned = (bans?.leftMs("address", networkOf(from.address)) ?? 0) > 0;
    if (this.isDraining || isBanned || !this.#hasRoom(limits.udpSessionsMax)) {
      this.#counts.drop("busy");
      return reply(writeReply({ type: "session", code: "server", session: NO_SESSION }));
    }
    const { mac, serial } = read.value;
    const sid = newSession();
    const until = this.#beats.in(limits.udpSilenceMs);
    const known = { mac: Buffer.from(mac), serial: Buffer.from(serial) };
    const peer = new ClassicPeer(this.#deps, {
      ...{ ...known, sid, place: from, movedAt: this.#now, until },
    });
    this.#peers.set(sid.toString("hex"), peer);
    this.#newcomers.set(sid.toString("hex"), peer);
    return reply(writeReply({ type: "session", code: "ok", session: sid }));
  }

  /**
   * Whoever forges addresses can open sessions, but cannot log in: those that did not, and are
   * the oldest, make room for the next.
   */
  #hasRoom(max: number): boolean {
    if (this.sessions < max) return true;
    let looked = 0;
    for (const [key, peer] of this.#newcomers) {
      if (!peer.isJoining) {
        this.#remove(key, peer, "busy");
        return true;
      }
      looked += 1;
      if (looked === LOOKED_MAX) return false;
    }
    return false;
  }

  /** Acknowledged once the broker has it; what it has not, the board says again. */
  #upload(peer: ClassicPeer, message: ClassicMessage, key: string, from: Place): void {
    const { device, sid } = peer;
    const body = message.body.subarray(SESSION_BYTES);
    const upload = toUpload(message, body);
    if (device === undefined || upload.type !== "upload") {
      this.#counts.drop("no-session");
      return this.#reply(message, key, writeReply(unknownSession(sid)), from);
    }
    device.upload(upload, ({ ok }) => {
      if (!ok) return this.#replies.end(key, "failed");
      const reply = writeReply({ type: "heartbeat", code: "ok", session: sid });
      return this.#reply(message, key, reply, from);
    });
  }

  /** The outer header and the session, and within them a message for another device. */
  #forward(bytes: Buffer, sequence: number): void {
    const at = FRAME_HEADER_BYTES + SESSION_BYTES;
    const sid = bytes.subarray(FRAME_HEADER_BYTES, at);
    const peer = this.#peers.get(sid.toString("hex"));
    if (peer?.device === undefined) return this.#counts.drop("no-session");
    if (!peer.takes(sequence)) return this.#counts.drop("sequence");
    this.#heard(peer);
    peer.device.receive(Buffer.from(bytes.subarray(at)));
  }

  #reply(message: ClassicMessage, key: string, body: Buffer, to: Place): void {
    const bytes = acknowledgement(message, body);
    this.#replies.end(key, bytes);
    this.#counts.messageOut();
    this.#deps.send(bytes, to);
  }

  /** From the log-in on, and not from when its session was opened, its silence counts. */
  #loggedIn(peer: ClassicPeer): void {
    this.#newcomers.delete(peer.sid.toString("hex"));
    this.#heard(peer);
  }

  /** Who has not logged in must do so in time; those who have must only be heard. */
  #heard(peer: ClassicPeer): void {
    if (peer.device === undefined) return;
    const key = peer.sid.toString("hex");
    if (!this.#peers.delete(key)) return;
    peer.until = this.#beats.in(this.#options.limits.udpSilenceMs);
    this.#peers.set(key, peer);
  }

  /** A board is where its heartbeat comes from: networks change addresses as they like. */
  #move(peer: ClassicPeer, from: Place): void {
    const { address, port } = peer.place;
    if (address === from.address && port === from.port) return;
    if (this.#now - peer.movedAt < MOVE_MS) return this.#counts.drop("rate");
    peer.place = from;
    peer.movedAt = this.#now;
  }

  #remove(key: string, peer: ClassicPeer, why: string): void {
    this.#peers.delete(key);
    this.#newcomers.delete(key);
    peer.isOver = true;
    peer.leave(why);
    this.#counts.closed(why);
  }

  get #now(): number {
    return this.#options.clock.monotonic();
  }
}

function isReply({ data }: ClassicMessage): boolean {
  return data.isAck && data.isRead;
}

/** A random UUID of version 4, in bytes. */
function newSession(): Buffer {
  const bytes = randomBytes(SESSION_BYTES);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes;
}
