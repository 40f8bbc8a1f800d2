import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
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

/** Where to listen, and which settings say so. */
export interface UdpAddress {
  /** An address of this machine, or a name that has one. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** For who has to correct them. */
  readonly settings: string;
}

/**
 * Opens a port for datagrams; `failed` is called for each that the system does not take.
 *
 * @throws RuntimeError `config.invalid` when the address cannot be had. By rejecting.
 */
export async function openUdpPort(where: UdpAddress, failed: () => void): Promise<UdpPort> {
  const { socket, isForBoth } = await open(where);
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

async function open({ host, port, settings }: UdpAddress) {
  try {
    const { address } = await lookup(host);
    return { socket: await bindSocket(address, port), isForBoth: isIPv6(address) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const got = `${host} port ${port}`;
    const expected = "an address of this machine and a port that is free";
    const message = `UDP cannot listen on ${got}: ${reason}`;
    const problems = [{ path: settings, expected, got: `${got} (${reason})` }];
    throw new RuntimeError("config.invalid", message, { problems, cause });
  }
}

/** Resolves once it receives. */
function bindSocket(address: string, port: number): Promise<Socket> {
  const socket = createSocket({
    type: isIPv6(address) ? "udp6" : "udp4",
    // Addresses are numbers already: nothing is to be looked up, and nothing to be waited for.
    lookup: (address, _options, callback) => callback(null, address, isIPv6(address) ? 6 : 4),
  });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ address, port, exclusive: true }, () => {
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
