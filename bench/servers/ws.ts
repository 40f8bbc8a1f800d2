/** What a user of Node.js would write: `ws`, with JSON parsed and made. */
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { answerParent } from "../load/child.ts";
import { residentBytes } from "./resident.ts";

const server = new WebSocketServer({ host: "0.0.0.0", port: 0, perMessageDeflate: false });
await new Promise((resolve) => server.once("listening", resolve));
server.on("connection", (socket) => {
  socket.on("message", (message) => {
    const { id, data } = JSON.parse(message.toString()) as { id: number; data: unknown };
    socket.send(JSON.stringify({ type: "pong", id, data }));
  });
});

answerParent({
  port: () => (server.address() as AddressInfo).port,
  memory: residentBytes,
  connections: () => server.clients.size,
});
