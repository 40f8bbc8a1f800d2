import { every } from "../../core/clock.ts";
import { UdpCounts } from "./counts.ts";
import { Exchange } from "./exchange.ts";
import type { UdpOptions } from "./options.ts";
import type { PeerAddress } from "./peers.ts";
import { openUdpPort } from "./socket.ts";

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

const TICK_MS = 1000;

/**
 * Opens the UDP gateway and resolves once it receives.
 *
 * @throws RuntimeError `config.invalid` when the address is taken. By rejecting.
 */
export async function openUdpGateway(options: UdpOptions): Promise<UdpGateway> {
  const counts = new UdpCounts(options.metrics);
  const port = await openUdpPort({ ...options, settings: "udp.host, udp.port" }, () => {
    counts.dropped["send-failed"] += 1;
  });
  const exchange = new Exchange(options, counts, (bytes, to, address) => {
    if (!port.send(bytes, to, address)) return;
    counts.datagramsOut += 1;
    counts.bytesOut += bytes.length;
  });
  port.receive((bytes, from) => exchange.receive(bytes, from));
  const stopTicking = every(TICK_MS, options.clock, () => exchange.tick());
  return {
    port: port.number,
    get sessions() {
      return exchange.sessions;
    },
    counts,
    findPeer: (principal, device) => exchange.findPeer(principal, device),
    drain: () => exchange.drain(),
    close() {
      stopTicking();
      counts.publish();
      return port.close();
    },
  };
}
