import { bindSocket } from "../udp/socket.ts";
import { ClassicCounts } from "./counts.ts";
import { ClassicExchange } from "./udp-exchange.ts";
import type { ClassicUdpOptions } from "./udp-options.ts";
import type { PeerDeps } from "./udp-peer.ts";

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
  const { host, port, clock, metrics } = options;
  const socket = await bindSocket(host, port);
  const counts = new ClassicCounts(metrics);
  let isOpen = true;
  const sent = (error: Error | null): void => {
    if (error !== null) counts.drop("send-failed");
  };
  const send: PeerDeps["send"] = (bytes, to) => {
    if (isOpen && to.port !== 0) socket.send(bytes, to.port, to.address, sent);
  };
  const exchange = new ClassicExchange(options, counts, send);
  socket.on("message", (bytes, { address, port }) => exchange.receive(bytes, { address, port }));
  let stopTicking = (): void => {};
  const tick = (): void => {
    exchange.tick();
    stopTicking = clock.after(TICK_MS, tick);
  };
  tick();
  return {
    port: socket.address().port,
    get sessions() {
      return exchange.sessions;
    },
    counts,
    drain() {
      exchange.isDraining = true;
    },
    async close() {
      stopTicking();
      exchange.close();
      isOpen = false;
      await new Promise<void>((resolve) => socket.close(resolve));
    },
  };
}
