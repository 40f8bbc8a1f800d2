import type { Socket } from "node:dgram";
import { UdpCounts } from "./counts.ts";
import { Exchange, type Send } from "./exchange.ts";
import type { UdpOptions } from "./options.ts";
import type { PeerAddress } from "./peers.ts";
import { bindSocket } from "./socket.ts";

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

/**
 * Opens the UDP gateway and resolves once it receives.
 *
 * @throws RuntimeError `config.invalid` when the address is taken. By rejecting.
 */
export async function openUdpGateway(options: UdpOptions): Promise<UdpGateway> {
  const { host, port, clock, metrics } = options;
  const socket = await bindSocket(host, port);
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
