import type { Buffer } from "node:buffer";
import type { ActorType } from "../../actors/kernel/actor.ts";
import { externalRef } from "../../actors/kernel/external.ts";
import { Beats } from "../beats.ts";
import type { UdpCounts } from "./counts.ts";
import { Handshake, type Place } from "./handshake.ts";
import { resetToken } from "./keys.ts";
import { type Outbound, type PrivateMessage, udpKind } from "./messages.ts";
import type { UdpOptions } from "./options.ts";
import {
  DATA_MIN,
  DATAGRAM_MAX,
  nonceOf,
  OPENING_MIN,
  PACKET,
  sessionOf,
  typeOf,
  VERSION,
  versionOf,
  writeReset,
  writeVersion,
} from "./packet.ts";
import { type PeerAddress, Peers } from "./peers.ts";
import { Replies } from "./replies.ts";
import { udpSessionType } from "./session.ts";
import { type NewChannel, newUdpSession, type UdpDeps, type UdpState } from "./session-state.ts";

/** Sends one datagram. Never throws, and never tells whether it came. */
export type Send = (bytes: Uint8Array, port: number, address: string) => void;

/** Devices are told to come back after a random part of this, plus a share per session. */
const DRAIN_SPREAD_MS = 2000;
const DRAIN_SPREAD_PER_SESSION_MS = 0.2;

/**
 * The gateway without its socket: what is done with each datagram.
 *
 * It finds the UDP session of a packet by the id in its header, whatever address it came from, and
 * does the handshakes; all else is decided by the session.
 */
export class Exchange {
  readonly #options: UdpOptions;
  readonly #counts: UdpCounts;
  readonly #send: Send;
  readonly #handshake: Handshake;
  readonly #deps: UdpDeps;
  readonly #type: ActorType<UdpState, PrivateMessage>;
  readonly #under;

  constructor(options: UdpOptions, counts: UdpCounts, send: Send) {
    const { metrics, system } = options;
    this.#options = options;
    this.#counts = counts;
    this.#send = send;
    const socket = externalRef<Outbound>("/udp-socket", ({ bytes, port, address }) => {
      send(bytes, port, address);
      return true;
    });
    const [replies, peers] = [new Replies(), new Peers()];
    this.#deps = { options, counts, replies, peers, socket, beats: new Beats() };
    this.#type = udpSessionType(this.#deps);
    this.#under = system.supervisor("udp");
    this.#handshake = new Handshake(options, {
      counts,
      reply: (bytes, to) => this.#reply(bytes, to),
      open: (opened) => this.#open(opened),
    });
    metrics.observe("herald_udp_sessions", "UDP sessions", () => this.sessions);
  }

  get sessions(): number {
    return this.#options.system.count(udpKind);
  }

  findPeer(principal: string, device?: string): PeerAddress | undefined {
    return this.#deps.peers.find(principal, device);
  }

  /** Takes no more devices, and tells those there are to connect elsewhere. */
  drain(): void {
    this.#handshake.isDraining = true;
    const { random, system } = this.#options;
    const spreadMs = DRAIN_SPREAD_MS + this.sessions * DRAIN_SPREAD_PER_SESSION_MS;
    system.each(udpKind, (session) => {
      session.send({ type: "drain", retryAfterMs: Math.ceil(random() * spreadMs) });
    });
  }

  /** Another second has passed. */
  tick(): void {
    this.#deps.beats.next();
    this.#counts.publish();
  }

  receive(bytes: Buffer, from: Place): void {
    const counts = this.#counts;
    counts.datagramsIn += 1;
    counts.bytesIn += bytes.length;
    if (bytes.length === 0) counts.dropped["too-short"] += 1;
    else if (versionOf(bytes) !== VERSION) this.#otherVersion(bytes, from);
    else if (typeOf(bytes) === PACKET.data) this.#data(bytes, from);
    else if (bytes.length > DATAGRAM_MAX) counts.dropped["too-large"] += 1;
    else if (typeOf(bytes) === PACKET.init) this.#handshake.init(bytes, from);
    else if (typeOf(bytes) === PACKET.start) this.#handshake.start(bytes, from);
    else counts.dropped["unknown-type"] += 1;
  }

  #data(bytes: Buffer, from: Place): void {
    const counts = this.#counts;
    if (bytes.length < DATA_MIN) {
      counts.dropped["too-short"] += 1;
      return;
    }
    const id = sessionOf(bytes);
    const session = this.#options.system.find(udpKind, id);
    if (session !== undefined) {
      const { address, port } = from;
      if (!session.send({ type: "datagram", bytes, address, port })) counts.dropped.busy += 1;
      return;
    }
    counts.dropped["no-session"] += 1;
    if (!this.#handshake.mayAnswer(from)) return;
    // Smaller than what it answers, and only whoever had the session can tell what it means.
    this.#reply(writeReset(id, resetToken(this.#options.resetSecret, id)), from);
  }

  #otherVersion(bytes: Buffer, from: Place): void {
    this.#counts.dropped.version += 1;
    const isOpening = typeOf(bytes) === PACKET.init && bytes.length >= OPENING_MIN;
    if (isOpening && this.#handshake.mayAnswer(from)) {
      this.#reply(writeVersion(nonceOf(bytes)), from);
    }
  }

  #open(opened: NewChannel): boolean {
    const { limits, system } = this.#options;
    if (this.sessions >= limits.sessionsMax) return false;
    const state = newUdpSession(opened, this.#deps);
    system.spawn(this.#type, { name: opened.id, state, under: this.#under });
    return true;
  }

  #reply(bytes: Uint8Array, { address, port }: Place): void {
    this.#send(bytes, port, address);
  }
}
