import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { RuntimeError } from "../../core/errors.ts";
import { UdpCounts } from "./counts.ts";
import { Exchange, type Send } from "./exchange.ts";
import type { UdpOptions } from "./options.ts";
import type { PeerAddress } from "./peers.ts";

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

/**
 * Opens the UDP gateway and resolves once it receives.
 *
 * @throws RuntimeError `config.invalid` when the address is taken. By rejecting.
 */
export async function openUdpGateway(options: UdpOptions): Promise<UdpGateway> {
  const { host, port, clock, metrics } = options;
  const socket = await bind(host, port);
  const counts = new UdpCounts(metrics);
  const exchange = new Exchange(options, counts, sender(socket, counts));
  socket.on("message", (bytes, { address, port }) => exchange.receive(bytes, { address, port }));

  let stopTicking = (): void => {};
  const tick = (): void => {
    counts.publish();
    stopTicking = clock.after(PUBLISH_MS, tick);
  };
  tick();

  return {
    port: socket.address().port,
    get sessions() {
      return exchange.sessions;
    },
    counts,
    findPeer: (principal, device) => exchange.findPeer(principal, device),
    drain: () => exchange.drain(),
    async close() {
      stopTicking();
      counts.publish();
      await new Promise<void>((resolve) => socket.close(resolve));
    },
  };
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
