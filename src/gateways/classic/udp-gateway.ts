import { every } from "../../core/clock.ts";
import { openUdpPort } from "../udp/socket.ts";
import { ClassicCounts } from "./counts.ts";
import { ClassicExchange } from "./udp-exchange.ts";
import type { ClassicUdpOptions } from "./udp-options.ts";

/** The classic gateway for UDP, once it is open. */
export interface ClassicUdpGateway {
  readonly port: number;
  readonly sessions: number;
  readonly counts: ClassicCounts;
  /** Takes no more boards. */
  drain(): void;
  /** Ends all sessions and closes the socket. */
  close(): Promise<void>;
}

const TICK_MS = 1000;

/**
 * Opens the classic gateway for UDP and resolves once it receives.
 *
 * @throws RuntimeError `config.invalid` when the address is taken. By rejecting.
 */
export async function openClassicUdp(options: ClassicUdpOptions): Promise<ClassicUdpGateway> {
  const counts = new ClassicCounts(options.metrics);
  const settings = "classic.udpHost, classic.udpPort";
  const port = await openUdpPort({ ...options, settings }, () => counts.drop("send-failed"));
  const exchange = new ClassicExchange(options, counts, (bytes, to) => {
    port.send(bytes, to.port, to.address);
  });
  port.receive((bytes, from) => exchange.receive(bytes, from));
  const stopTicking = every(TICK_MS, options.clock, () => exchange.tick());
  return {
    port: port.number,
    get sessions() {
      return exchange.sessions;
    },
    counts,
    drain() {
      exchange.isDraining = true;
    },
    close() {
      stopTicking();
      exchange.close();
      return port.close();
    },
  };
}
