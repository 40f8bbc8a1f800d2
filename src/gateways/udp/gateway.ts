import type { Buffer } from "node:buffer";
import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { externalRef } from "../../actors/kernel/external.ts";
import { RuntimeError } from "../../core/errors.ts";
import { UdpCounts } from "./counts.ts";
import { Handshake, type Place } from "./handshake.ts";
import { resetToken } from "./keys.ts";
import { type Outbound, udpKind } from "./messages.ts";
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
import { type NewChannel, newUdpSession, type UdpDeps } from "./session-state.ts";

/** The UDP gateway, once it is open. */
export interface UdpGateway {
  readonly port: number;
  readonly sessions: number;
  readonly counts: UdpCounts;
  /** Where a principal's device is; of the one that came last unless one is named. */
  findPeer(principal: string, device?: string): PeerAddress | undefined;
  /** Takes no more devices and asks those there are to connect elsewhere. */
  drain(): void;
  /** Closes the socket. */
  close(): Promise<void>;
}

const PUBLISH_MS = 1000;
/** For bursts while the event loop is busy; the system may give less. */
const RECEIVE_BUFFER_BYTES = 4_194_304;
/** Devices are told to come back after a random part of this, plus a share per session. */
const DRAIN_SPREAD_MS = 2000;
const DRAIN_SPREAD_PER_SESSION_MS = 0.2;

/**
 * Opens the UDP gateway and resolves once it receives.
 *
 * It finds the UDP session of a packet by the id in its header, whatever address it came from, and
 * does the handshakes; all else is decided by the session.
 *
 * @throws RuntimeError `config.invalid` when the address is taken. By rejecting.
 */
export async function openUdpGateway(options: UdpOptions): Promise<UdpGateway> {
  const { host, port, clock, limits, metrics, random, system } = options;
  const counts = new UdpCounts(metrics);
  const socket = await bind(host, port);
  const send = sender(socket, counts);
  const peers = new Peers();
  const deps: UdpDeps = { options, counts, replies: new Replies(), peers, socket: outbound(send) };
  const type = udpSessionType(deps);
  const under = system.supervisor("udp");
  const open = (opened: NewChannel): boolean => {
    if (system.count(udpKind) >= limits.sessionsMax) return false;
    system.spawn(type, { name: opened.id, state: newUdpSession(opened, options), under });
    return true;
  };
  const reply = (bytes: Uint8Array, { address, port }: Place): void => send(bytes, port, address);
  const handshake = new Handshake(options, { counts, reply, open });
  const receive = receiver(options, counts, handshake, reply);
  socket.on("message", (bytes, { address, port }) => receive(bytes, { address, port }));
  metrics.observe("herald_udp_sessions", "UDP sessions", () => system.count(udpKind));

  let stopTicking = (): void => {};
  const tick = (): void => {
    counts.publish();
    stopTicking = clock.after(PUBLISH_MS, tick);
  };
  tick();

  return {
    port: socket.address().port,
    get sessions() {
      return system.count(udpKind);
    },
    counts,
    findPeer: (principal, device) => peers.find(principal, device),
    drain() {
      handshake.isDraining = true;
      const spreadMs = DRAIN_SPREAD_MS + system.count(udpKind) * DRAIN_SPREAD_PER_SESSION_MS;
      system.each(udpKind, (session) => {
        session.send({ type: "drain", retryAfterMs: Math.ceil(random() * spreadMs) });
      });
    },
    async close() {
      stopTicking();
      counts.publish();
      await new Promise<void>((resolve) => socket.close(resolve));
    },
  };
}

type Reply = (bytes: Uint8Array, to: Place) => void;

/** What is done with each datagram. */
export function receiver(
  { system, resetSecret }: Pick<UdpOptions, "system" | "resetSecret">,
  counts: UdpCounts,
  handshake: Handshake,
  reply: Reply,
): (bytes: Buffer, from: Place) => void {
  const data = (bytes: Buffer, from: Place): void => {
    if (bytes.length < DATA_MIN || bytes.length > DATAGRAM_MAX) {
      counts.dropped["too-short"] += 1;
      return;
    }
    const id = sessionOf(bytes);
    const session = system.find(udpKind, id);
    if (session !== undefined) {
      const { address, port } = from;
      if (!session.send({ type: "datagram", bytes, address, port })) counts.dropped.busy += 1;
      return;
    }
    counts.dropped["no-session"] += 1;
    // Smaller than what it answers, and only whoever had the session can tell what it means.
    if (handshake.mayAnswer(from)) reply(writeReset(id, resetToken(resetSecret, id)), from);
  };
  return (bytes, from) => {
    counts.datagramsIn += 1;
    counts.bytesIn += bytes.length;
    if (bytes.length === 0) counts.dropped["too-short"] += 1;
    else if (versionOf(bytes) !== VERSION) {
      counts.dropped.version += 1;
      const isOpening = typeOf(bytes) === PACKET.init && bytes.length >= OPENING_MIN;
      if (isOpening && handshake.mayAnswer(from)) reply(writeVersion(nonceOf(bytes)), from);
    } else if (typeOf(bytes) === PACKET.data) data(bytes, from);
    else if (typeOf(bytes) === PACKET.init) handshake.init(bytes, from);
    else if (typeOf(bytes) === PACKET.start) handshake.start(bytes, from);
    else counts.dropped["unknown-type"] += 1;
  };
}

type Send = (bytes: Uint8Array, port: number, address: string) => void;

function outbound(send: Send) {
  return externalRef<Outbound>("/udp-socket", ({ bytes, port, address }) => {
    send(bytes, port, address);
    return true;
  });
}

function sender(socket: Socket, counts: UdpCounts): Send {
  let isOpen = true;
  socket.on("close", () => {
    isOpen = false;
  });
  const sent = (error: Error | null): void => {
    if (error !== null) counts.dropped["send-failed"] += 1;
  };
  return (bytes, port, address) => {
    if (!isOpen || port === 0) return;
    counts.datagramsOut += 1;
    counts.bytesOut += bytes.length;
    socket.send(bytes, port, address, sent);
  };
}

function bind(host: string, port: number): Promise<Socket> {
  const socket = createSocket({
    type: isIPv6(host) ? "udp6" : "udp4",
    // Addresses are numbers already: nothing is to be looked up, and nothing to be waited for.
    lookup: (address, _options, callback) => callback(null, address, isIPv6(address) ? 6 : 4),
  });
  return new Promise((resolve, reject) => {
    socket.once("error", (cause) => {
      const message = `UDP cannot listen on ${host} port ${port}: ${cause.message}`;
      reject(new RuntimeError("config.invalid", message, { cause }));
    });
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.removeAllListeners("error");
      // A later error is of one datagram, and is told to whoever sent it.
      socket.on("error", () => {});
      try {
        socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
      } catch {
        // The system allows less: what it has is what there is.
      }
      resolve(socket);
    });
  });
}
