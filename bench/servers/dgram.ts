/** The limit: a bare socket of `node:dgram` that sends every datagram back as it is. */
import { createSocket } from "node:dgram";
import { answerParent } from "../load/child.ts";

const socket = createSocket({
  type: "udp4",
  // As in the gateway: an address is a number already.
  lookup: (address, _options, callback) => callback(null, address, 4),
});
socket.on("message", (bytes, { port, address }) => socket.send(bytes, port, address));
await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
socket.setRecvBufferSize(4_194_304);

answerParent({ port: () => socket.address().port });
