import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIPv4, isIPv6 } from "node:net";
import { RuntimeError } from "../../core/errors.ts";
import { MAPPED, plainAddress } from "../remote-address.ts";

/** For bursts while the event loop is busy; the system may give less. */
const RECEIVE_BUFFER_BYTES = 4_194_304;

/** An open port for datagrams. */
export interface UdpPort {
  readonly number: number;
  receive(handle: (bytes: Buffer, from: Pick<RemoteInfo, "address" | "port">) => void): void;
  /** Returns false for what nobody could get: it was closed, or the receiver has no port. */
  send(bytes: Uint8Array, port: number, address: string): boolean;
  close(): Promise<void>;
}

/**
 * Opens a port for datagrams; `failed` is called for each that the system does not take.
 *
 * @throws RuntimeError `config.invalid` when the address is taken. By rejecting.
 */
export async function openUdpPort(
  { host, port }: { readonly host: string; readonly port: number },
  failed: () => void,
): Promise<UdpPort> {
  const socket = await bindSocket(host, port);
  const isForBoth = isIPv6(host);
  let isOpen = true;
  const sent = (error: Error | null): void => {
    if (error !== null) failed();
  };
  return {
    number: socket.address().port,
    receive(handle) {
      socket.on("message", (bytes, { address, port }) => {
        // A link-local address keeps its zone: without it nothing can be sent there.
        const plain = address.startsWith(MAPPED) ? plainAddress(address) : address;
        handle(bytes, { address: plain, port });
      });
    },
    send(bytes, port, address) {
      if (!isOpen || port === 0) return false;
      socket.send(bytes, port, isForBoth && isIPv4(address) ? MAPPED + address : address, sent);
      return true;
    },
    close() {
      isOpen = false;
      return new Promise((resolve) => socket.close(resolve));
    },
  };
}

/** Resolves once it receives. */
function bindSocket(host: string, port: number): Promise<Socket> {
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
