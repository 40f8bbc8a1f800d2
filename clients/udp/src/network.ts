import { createSocket } from "node:dgram";

/** Where datagrams go and come from. Sending never fails: a datagram that is lost is lost. */
export interface Network {
  send(datagram: Uint8Array): void;
  close(): void;
}

/** Opens a network towards the server; `receive` is given each datagram that comes from it. */
export type OpenNetwork = (receive: (datagram: Buffer) => void) => Network;

/** A UDP socket of its own, on a port that the system chooses. */
export function udpNetwork(host: string, port: number, localAddress?: string): OpenNetwork {
  return (receive) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    socket.on("message", receive);
    // An answer that says that nobody listens there is no more than silence.
    socket.on("error", () => {});
    if (localAddress !== undefined) socket.bind(0, localAddress);
    let isOpen = true;
    let leaving = 0;
    return {
      send(datagram) {
        if (!isOpen) return;
        leaving += 1;
        socket.send(datagram, port, host, () => {
          leaving -= 1;
          if (!isOpen && leaving === 0) socket.close();
        });
      },
      // What was sent before, as a good-bye, has not left yet when this is called.
      close() {
        if (isOpen && leaving === 0) socket.close();
        isOpen = false;
      },
    };
  };
}
