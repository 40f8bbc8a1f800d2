import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { RuntimeError } from "../../core/errors.ts";

/** For bursts while the event loop is busy; the system may give less. */
const RECEIVE_BUFFER_BYTES = 4_194_304;

/**
 * Opens a socket for datagrams and resolves once it receives.
 *
 * @throws RuntimeError `config.invalid` when the address is taken. By rejecting.
 */
export function bindSocket(host: string, port: number): Promise<Socket> {
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
